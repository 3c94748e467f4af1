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
use std::collections::BTreeMap;
use std::time::SystemTime;
use tokio_postgres::{Client, Row};

/// What a batch relies on.
pub(crate) struct BatchState {
    /// By tenant.
    pub tenants: BTreeMap<i32, TenantState>,
    /// The number of the open transaction in which it was read; `None` if it was remembered.
    pub transaction: Option<String>,
}

/// Begins a transaction, waits for the tenants' locks, and reads. The transaction stays open.
pub(crate) async fn read_state(
    client: &Client,
    prepared: &ReadStatements,
    touched: &Touched<'_>,
) -> Result<BatchState, ReadError> {
    let tenants: Vec<i32> = touched.tenants.iter().copied().collect();
    let tenants: [Parameter<'_>; 1] = [&tenants];
    let objects = &touched.objects;
    let object_arrays =
        (array(objects, |key| key.0), array(objects, |key| key.1.kind.code()), array(objects, |key| key.1.value));
    let accounts = (array(&touched.accounts, |key| key.0), array(&touched.accounts, |key| key.1));
    let keys = (array(&touched.keys, |key| key.0), array(&touched.keys, |key| key_id(key.0, key.1)));
    let holds = (array(&touched.holds, |key| key.0), array(&touched.holds, |key| key.1));
    // The statements leave in the order in which they are polled first, which is the order here.
    let ((), _, heads, versions, accounts, keys, holds) = try_join!(
        client.batch_execute(BEGIN),
        client.execute(&prepared.lock, &tenants),
        client.query(&prepared.heads, &tenants),
        query(client, &prepared.versions, [&object_arrays.0, &object_arrays.1, &object_arrays.2], objects.len()),
        query(client, &prepared.accounts, [&accounts.0, &accounts.1], accounts.0.len()),
        query(client, &prepared.keys, [&keys.0, &keys.1], keys.0.len()),
        query(client, &prepared.holds, [&holds.0, &holds.1], holds.0.len()),
    )?;
    let mut state = BatchState { tenants: BTreeMap::new(), transaction: None };
    for row in &heads {
        let hash = row.try_get::<_, Option<&[u8]>>(2)?.map(<Hash>::try_from).transpose();
        let hash = hash.map_err(RowError::from)?.unwrap_or_default();
        let time = row.try_get::<_, Option<SystemTime>>(4)?.map(from_sql_time).unwrap_or_default();
        let tenant = TenantState { next: row.try_get(1)?, head: Head { hash, time }, ..TenantState::default() };
        state.tenants.insert(row.try_get(0)?, tenant);
        state.transaction = Some(row.try_get(3)?);
    }
    let mut add = |row: &Row, add: &dyn Fn(&mut TenantState) -> Result<(), RowError>| -> Result<(), ReadError> {
        Ok(add(state.tenants.entry(row.try_get(0)?).or_default())?)
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
    Ok(state)
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
