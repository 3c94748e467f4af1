//! Reading for a batch: locks its tenants' books and reads what it touches, in one round trip.

use super::codes::{from_sql_time, key_id, object_id};
use super::columns::{Parameter, column, query};
use super::rows::{self, RowError};
use super::statements::{BEGIN, Statements};
use crate::batch::Touched;
use crate::chain::{Hash, Head};
use crate::check::{AccountState, Books, Hold, Key};
use futures_util::try_join;
use std::collections::BTreeMap;
use std::time::SystemTime;
use tokio_postgres::{Client, Error, Row};

/// What a batch touches, by tenant.
pub(crate) struct Opened {
    pub books: BTreeMap<i32, Books>,
    /// The number of the transaction in which it was read; `None` if it was known.
    pub transaction: Option<String>,
}

/// Why a batch could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    Database(Error),
    Row(RowError),
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        ReadError::Database(error)
    }
}

impl From<RowError> for ReadError {
    fn from(error: RowError) -> Self {
        ReadError::Row(error)
    }
}

/// Begins a transaction, waits for the tenants' locks, reads what the batch touches.
pub(crate) async fn open(client: &Client, prepared: &Statements, touched: &Touched<'_>) -> Result<Opened, ReadError> {
    let tenants: Vec<i32> = touched.tenants.iter().copied().collect();
    let tenants: [Parameter<'_>; 1] = [&tenants];
    let objects = &touched.objects;
    let object_columns =
        (column(objects, |key| key.0), column(objects, |key| key.1.kind.code()), column(objects, |key| key.1.value));
    let accounts = (column(&touched.accounts, |key| key.0), column(&touched.accounts, |key| key.1));
    let keys = (column(&touched.keys, |key| key.0), column(&touched.keys, |key| key_id(key.0, key.1)));
    let holds = (column(&touched.holds, |key| key.0), column(&touched.holds, |key| key.1));
    // The statements leave in the order in which they are polled first, which is the order here.
    let ((), _, heads, versions, accounts, keys, holds) = try_join!(
        client.batch_execute(BEGIN),
        client.execute(&prepared.lock, &tenants),
        client.query(&prepared.heads, &tenants),
        query(client, &prepared.versions, [&object_columns.0, &object_columns.1, &object_columns.2], objects.len()),
        query(client, &prepared.accounts, [&accounts.0, &accounts.1], accounts.0.len()),
        query(client, &prepared.keys, [&keys.0, &keys.1], keys.0.len()),
        query(client, &prepared.holds, [&holds.0, &holds.1], holds.0.len()),
    )?;
    let mut opened = Opened { books: BTreeMap::new(), transaction: None };
    for row in &heads {
        let hash = row.try_get::<_, Option<&[u8]>>(2)?.map(<Hash>::try_from).transpose();
        let hash = hash.map_err(RowError::from)?.unwrap_or_default();
        let time = row.try_get::<_, Option<SystemTime>>(4)?.map(from_sql_time).unwrap_or_default();
        let books = Books { next: row.try_get(1)?, head: Head { hash, time }, ..Books::default() };
        opened.books.insert(row.try_get(0)?, books);
        opened.transaction = Some(row.try_get(3)?);
    }
    let mut of = |row: &Row, enter: &dyn Fn(&mut Books) -> Result<(), RowError>| -> Result<(), ReadError> {
        Ok(enter(opened.books.entry(row.try_get(0)?).or_default())?)
    };
    for row in &versions {
        of(row, &|books| {
            books.versions.insert(object_id(row.try_get(1)?, row.try_get(2)?)?, row.try_get(3)?);
            Ok(())
        })?;
    }
    for row in &accounts {
        of(row, &|books| {
            let (code, state) = account(row)?;
            books.accounts.insert(code, state);
            Ok(())
        })?;
    }
    for row in &keys {
        of(row, &|books| {
            let record = rows::idempotency_from(row, 1)?;
            books.keys.insert(record.key.clone(), Key { record, stored: true, changed: false });
            Ok(())
        })?;
    }
    for row in &holds {
        of(row, &|books| {
            books.holds.insert(row.try_get(1)?, hold(row)?);
            Ok(())
        })?;
    }
    Ok(opened)
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
