//! What the verifier reads: one snapshot of a tenant's rows, a few thousand at a time.

use crate::store::column_values::{self as values, UnknownValue};
use crate::store::errors::ReadError;
use crate::store::rows::{self, BALANCE_COLUMNS, LOG_COLUMNS, LogRow, OBJECT_COLUMNS};
use contracts::ledger::{Balance, Stored};
use deadpool_postgres::Transaction;
use domain::commit::Action;
use platform::database::from_sql_time;
use std::collections::VecDeque;
use std::time::SystemTime;
use tokio_postgres::{Portal, Row};
use types::{ObjectId, TenantId, Timestamp};
use uuid::Uuid;

/// Rows fetched in one round trip.
const FETCH: i32 = 2_000;

/// A tenant's books at one moment.
pub(super) struct Snapshot<'a> {
    transaction: Transaction<'a>,
    /// The tenant's number.
    tenant: i32,
}

/// A result that is fetched in pieces.
pub(super) struct Cursor {
    portal: Portal,
    rows: VecDeque<Row>,
    exhausted: bool,
}

/// A row of `transfers`.
pub(super) struct TransferRow {
    pub id: Uuid,
    pub position: i64,
    pub ordinal: i16,
    pub action: Result<Action, UnknownValue>,
    pub debit: String,
    pub credit: String,
    pub amount: i64,
    pub reason: String,
    pub object: ObjectId,
}

/// A row of the log, with the public types that it is found by.
pub(super) struct CommitRow {
    pub log: LogRow,
    pub types: Vec<String>,
    pub hash: Vec<u8>,
}

/// An object as it is stored, with the log rows that it refers to.
pub(super) struct ObjectRow {
    pub stored: Stored,
    /// The entries of each row, in the order of positions.
    pub log: Vec<Vec<u8>>,
}

impl<'a> Snapshot<'a> {
    /// `transaction` is read-only and of isolation level REPEATABLE READ. `None` if there is no such tenant.
    pub async fn new(transaction: Transaction<'a>, tenant: TenantId) -> Result<Option<Self>, ReadError> {
        transaction.batch_execute("SET LOCAL statement_timeout = 0").await?;
        let row = transaction.query_opt("SELECT number FROM ledger.books WHERE tenant = $1", &[&tenant.0]).await?;
        let Some(row) = row else { return Ok(None) };
        let tenant = row.try_get(0)?;
        Ok(Some(Snapshot { transaction, tenant }))
    }

    async fn cursor(&self, sql: &str) -> Result<Cursor, ReadError> {
        let statement = self.transaction.prepare(sql).await?;
        let portal = self.transaction.bind(&statement, &[&self.tenant]).await?;
        Ok(Cursor { portal, rows: VecDeque::new(), exhausted: false })
    }

    async fn next(&self, cursor: &mut Cursor) -> Result<Option<Row>, ReadError> {
        if cursor.rows.is_empty() && !cursor.exhausted {
            let rows = self.transaction.query_portal(&cursor.portal, FETCH).await?;
            cursor.exhausted = rows.is_empty();
            cursor.rows = rows.into();
        }
        Ok(cursor.rows.pop_front())
    }

    pub async fn accounts(&self) -> Result<Vec<Balance>, ReadError> {
        let sql = format!("SELECT {BALANCE_COLUMNS} FROM ledger.accounts WHERE tenant = $1 ORDER BY code");
        let found = self.transaction.query(&sql, &[&self.tenant]).await?;
        found.iter().map(rows::balance).collect::<Result<_, _>>().map_err(ReadError::Row)
    }

    /// Transfers in the order in which they were made.
    pub async fn transfers(&self) -> Result<Cursor, ReadError> {
        let sql = "SELECT id, position, ordinal, action, hold, last, debit, credit, amount, reason, object_kind, object
            FROM ledger.transfers
            WHERE tenant = $1 ORDER BY position, ordinal, id";
        self.cursor(sql).await
    }

    pub async fn next_transfer(&self, cursor: &mut Cursor) -> Result<Option<TransferRow>, ReadError> {
        let Some(row) = self.next(cursor).await? else { return Ok(None) };
        Ok(Some(TransferRow {
            id: row.try_get(0)?,
            position: row.try_get(1)?,
            ordinal: row.try_get(2)?,
            action: values::action((row.try_get(3)?, row.try_get(4)?, row.try_get(5)?)),
            debit: row.try_get(6)?,
            credit: row.try_get(7)?,
            amount: row.try_get(8)?,
            reason: row.try_get(9)?,
            object: values::object_id(row.try_get(10)?, row.try_get(11)?)
                .map_err(|error| ReadError::Row(error.into()))?,
        }))
    }

    /// The rows of the log, in order.
    pub async fn log(&self) -> Result<Cursor, ReadError> {
        let sql = format!("SELECT {LOG_COLUMNS}, types, hash FROM ledger.log WHERE tenant = $1 ORDER BY position");
        self.cursor(&sql).await
    }

    pub async fn next_commit(&self, cursor: &mut Cursor) -> Result<Option<CommitRow>, ReadError> {
        let Some(row) = self.next(cursor).await? else { return Ok(None) };
        let types: Option<Vec<String>> = row.try_get(6)?;
        let log = rows::log_row(&row).map_err(ReadError::Row)?;
        Ok(Some(CommitRow { log, types: types.unwrap_or_default(), hash: row.try_get(7)? }))
    }

    /// The column `types` that a log row with these public types has.
    pub fn indexed_types<'t>(&self, types: impl Iterator<Item = &'t str>) -> Vec<String> {
        let text = values::types_text(self.tenant, types);
        text.map(|text| text.split(',').map(str::to_owned).collect()).unwrap_or_default()
    }

    /// Objects, each with the log rows that it refers to.
    pub async fn objects(&self) -> Result<Cursor, ReadError> {
        let sql = format!(
            "SELECT {OBJECT_COLUMNS}, coalesce(convert_to(o.state, 'UTF8'), (
                SELECT substr(l.entries, o.start, o.length)
                FROM ledger.log l WHERE l.tenant = $1 AND l.position = o.position
            ), ''), ARRAY(
                SELECT l.entries FROM ledger.log l WHERE l.tenant = $1 AND l.position IN (
                    SELECT o.position
                    UNION
                    SELECT r.position FROM ledger.revisions r
                    WHERE r.tenant = $1 AND r.kind = o.kind AND r.object = o.id)
                ORDER BY l.position)
            FROM ledger.objects o WHERE o.tenant = $1 ORDER BY o.kind, o.id"
        );
        self.cursor(&sql).await
    }

    pub async fn next_object(&self, cursor: &mut Cursor) -> Result<Option<ObjectRow>, ReadError> {
        let Some(row) = self.next(cursor).await? else { return Ok(None) };
        // It may be neither text nor JSON: that is for the verifier to find.
        let state = String::from_utf8_lossy(row.try_get(9)?).into_owned();
        let stored = rows::object_with_state(&row, self.tenant, state).map_err(ReadError::Row)?;
        Ok(Some(ObjectRow { stored, log: row.try_get(10)? }))
    }

    /// Transfers whose position has no log row, or one of another time: id, position, and the time of that log row.
    pub async fn stray_transfers(&self) -> Result<Vec<(Uuid, i64, Option<Timestamp>)>, ReadError> {
        let sql = "SELECT t.id, t.position, l.created
            FROM ledger.transfers t
            LEFT JOIN ledger.log l ON l.tenant = t.tenant AND l.position = t.position
            WHERE t.tenant = $1 AND l.created IS DISTINCT FROM t.created
            ORDER BY t.position LIMIT 100";
        let found = self.transaction.query(sql, &[&self.tenant]).await?;
        let read = |row: &Row| {
            let created: Option<SystemTime> = row.try_get(2)?;
            Ok((row.try_get(0)?, row.try_get(1)?, created.map(from_sql_time)))
        };
        Ok(found.iter().map(read).collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// Revisions of objects that are not stored.
    pub async fn stray_revisions(&self) -> Result<Vec<(ObjectId, i32)>, ReadError> {
        let sql = "SELECT r.kind, r.object, r.version FROM ledger.revisions r
            WHERE r.tenant = $1 AND NOT EXISTS (
                SELECT FROM ledger.objects o WHERE o.tenant = $1 AND o.kind = r.kind AND o.id = r.object)
            ORDER BY r.position LIMIT 100";
        let found = self.transaction.query(sql, &[&self.tenant]).await?;
        let read = |row: &Row| Ok((values::object_id(row.try_get(0)?, row.try_get(1)?)?, row.try_get(2)?));
        found.iter().map(read).collect::<Result<_, _>>().map_err(ReadError::Row)
    }

    /// Idempotency keys whose answer is a version that the object never had.
    pub async fn stray_keys(&self) -> Result<Vec<String>, ReadError> {
        let sql = "SELECT i.key
            FROM ledger.idempotency_keys i
            LEFT JOIN ledger.objects o
                ON o.tenant = i.tenant AND o.kind = i.object_kind AND o.id = i.object AND o.version >= i.version
            WHERE i.tenant = $1 AND i.object IS NOT NULL AND o.id IS NULL
            ORDER BY i.key LIMIT 100";
        let found = self.transaction.query(sql, &[&self.tenant]).await?;
        Ok(found.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }
}
