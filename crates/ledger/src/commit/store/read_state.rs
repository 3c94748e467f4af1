//! Takes the locks of a batch's tenants and reads what the batch relies on, in one round trip.

use super::arrays::{Parameter, array, query};
use super::read_statements::{BEGIN, ReadStatements};
use crate::commit::state::{AccountState, Hold, Key, TenantState};
use crate::commit::touched::Touched;
use crate::log::hash::{Hash, Head};
use crate::store::column_values::{key_id, object_id};
use crate::store::errors::{ReadError, RowError};
use crate::store::rows;
use futures_util::try_join;
use platform::database::from_sql_time;
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;
use tokio_postgres::{Client, Row};

/// Begins a transaction, takes the tenants' locks, and reads what a batch relies on, by tenant; those whose lock is not
/// free are left out. It waits for the lock of the tenant `first` if there is one, and not for the others. The transaction
/// stays open.
pub(crate) async fn read_state(
    client: &Client,
    prepared: &ReadStatements,
    touched: &Touched<'_>,
    first: Option<i32>,
) -> Result<BTreeMap<i32, TenantState>, ReadError> {
    let others = touched.tenants.keys().copied().filter(|tenant| Some(*tenant) != first);
    let tenants: Vec<i32> = first.into_iter().chain(others).collect();
    let locking: [Parameter<'_>; 2] = [&tenants, &first];
    let objects = &touched.objects;
    let object_arrays =
        (array(objects, |key| key.0), array(objects, |key| key.1.kind.code()), array(objects, |key| key.1.value));
    let accounts = (array(&touched.accounts, |key| key.0), array(&touched.accounts, |key| key.1));
    let keys = (array(&touched.keys, |key| key.0), array(&touched.keys, |key| key_id(key.0, key.1)));
    let holds = (array(&touched.holds, |key| key.0), array(&touched.holds, |key| key.1));
    let reading: [Parameter<'_>; 1] = [&tenants];
    // The statements leave in the order in which they are polled first, which is the order here.
    let ((), locked, heads, versions, accounts, keys, holds) = try_join!(
        client.batch_execute(BEGIN),
        client.query(&prepared.lock, &locking),
        client.query(&prepared.heads, &reading),
        query(client, &prepared.versions, [&object_arrays.0, &object_arrays.1, &object_arrays.2], objects.len()),
        query(client, &prepared.accounts, [&accounts.0, &accounts.1], accounts.0.len()),
        query(client, &prepared.keys, [&keys.0, &keys.1], keys.0.len()),
        query(client, &prepared.holds, [&holds.0, &holds.1], holds.0.len()),
    )?;
    let locked: BTreeSet<i32> = locked.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let mut states = BTreeMap::new();
    for row in &heads {
        let number: i32 = row.try_get(0)?;
        let Some(tenant) = touched.tenants.get(&number).filter(|_| locked.contains(&number)) else { continue };
        let head = match row.try_get(2)? {
            Some(position) => Head {
                position,
                hash: <Hash>::try_from(row.try_get::<_, &[u8]>(3)?).map_err(RowError::from)?,
                time: from_sql_time(row.try_get::<_, SystemTime>(4)?),
            },
            None => Head::of_empty_log(*tenant),
        };
        states.insert(number, TenantState::new(row.try_get(1)?, head));
    }
    let mut add = |row: &Row, add: &dyn Fn(&mut TenantState) -> Result<(), RowError>| -> Result<(), ReadError> {
        Ok(states.get_mut(&row.try_get(0)?).map_or(Ok(()), add)?)
    };
    for row in &versions {
        add(row, &|tenant| {
            tenant.versions.insert(object_id(row.try_get(1)?, row.try_get(2)?)?, row.try_get(3)?);
            Ok(())
        })?;
    }
    for row in &accounts {
        add(row, &|tenant| {
            let (code, account) = account(row)?;
            tenant.accounts.insert(code, account);
            Ok(())
        })?;
    }
    for row in &keys {
        add(row, &|tenant| {
            let record = rows::idempotency_record_from(row, 1)?;
            tenant.keys.insert(record.key.clone(), Key { record, stored: true, changed: false });
            Ok(())
        })?;
    }
    for row in &holds {
        add(row, &|tenant| {
            tenant.holds.insert(row.try_get(1)?, hold(row)?);
            Ok(())
        })?;
    }
    Ok(states)
}

fn account(row: &Row) -> Result<(String, AccountState), RowError> {
    let balance = rows::balance_from(row, 1)?;
    let state = AccountState {
        currency: balance.account.currency,
        rule: balance.account.rule,
        debits_posted: balance.debits_posted,
        credits_posted: balance.credits_posted,
        debits_pending: balance.debits_pending,
        credits_pending: balance.credits_pending,
        stored: true,
        changed: false,
    };
    Ok((balance.account.code, state))
}

fn hold(row: &Row) -> Result<Hold, RowError> {
    let (amount, posted): (i64, i64) = (row.try_get(4)?, row.try_get(5)?);
    Ok(Hold {
        debit: row.try_get(2)?,
        credit: row.try_get(3)?,
        remaining: amount.saturating_sub(posted),
        closed: row.try_get(6)?,
    })
}
