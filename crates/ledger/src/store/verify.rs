//! What the verifier reads: one snapshot, a few thousand rows at a time.

use super::codes;
use super::rows::{self, BALANCE_COLUMNS, RowError, STORED_COLUMNS};
use contracts::ledger::{Balance, Stored};
use deadpool_postgres::Transaction;
use std::collections::VecDeque;
use std::time::SystemTime;
use tokio_postgres::{Portal, Row};
use types::{ObjectId, Timestamp};
use uuid::Uuid;

/// Rows fetched in one round trip.
const FETCH: i32 = 2_000;

#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    #[error(transparent)]
    Database(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Row(RowError),
}

/// A tenant's books at one moment.
pub(crate) struct Snapshot<'a> {
    transaction: Transaction<'a>,
    schema: String,
}

/// A result that is fetched piece by piece.
pub(crate) struct Cursor {
    portal: Portal,
    rows: VecDeque<Row>,
    exhausted: bool,
}

/// A row of `transfers`.
pub(crate) struct TransferRow {
    pub id: Uuid,
    pub position: i64,
    pub ordinal: i16,
    pub action: (i16, Option<Uuid>, bool),
    pub debit: String,
    pub credit: String,
    pub amount: i64,
}

/// A row of `events`, as far as the object's state depends on it.
pub(crate) struct EventRow {
    pub object: ObjectId,
    pub version: i32,
    pub change: String,
}

impl<'a> Snapshot<'a> {
    /// `transaction` is read-only and of isolation level REPEATABLE READ.
    pub async fn new(transaction: Transaction<'a>, schema: String) -> Result<Self, VerifyError> {
        transaction.batch_execute("SET LOCAL statement_timeout = 0").await?;
        Ok(Snapshot { transaction, schema })
    }

    async fn cursor(&self, sql: &str) -> Result<Cursor, VerifyError> {
        let statement = self.transaction.prepare(sql).await?;
        let portal = self.transaction.bind(&statement, &[]).await?;
        Ok(Cursor { portal, rows: VecDeque::new(), exhausted: false })
    }

    async fn next(&self, cursor: &mut Cursor) -> Result<Option<Row>, VerifyError> {
        if cursor.rows.is_empty() && !cursor.exhausted {
            let rows = self.transaction.query_portal(&cursor.portal, FETCH).await?;
            cursor.exhausted = rows.is_empty();
            cursor.rows = rows.into();
        }
        Ok(cursor.rows.pop_front())
    }

    pub async fn accounts(&self) -> Result<Vec<Balance>, VerifyError> {
        let sql = format!("SELECT {BALANCE_COLUMNS} FROM {}.accounts ORDER BY code", self.schema);
        let found = self.transaction.query(&sql, &[]).await?;
        found.iter().map(rows::balance).collect::<Result<_, _>>().map_err(VerifyError::Row)
    }

    /// Transfers in the order in which they were made.
    pub async fn transfers(&self) -> Result<Cursor, VerifyError> {
        let sql = format!(
            "SELECT id, position, ordinal, action, hold, last, debit, credit, amount FROM {}.transfers
            ORDER BY position, ordinal, id",
            self.schema
        );
        self.cursor(&sql).await
    }

    pub async fn next_transfer(&self, cursor: &mut Cursor) -> Result<Option<TransferRow>, VerifyError> {
        let Some(row) = self.next(cursor).await? else { return Ok(None) };
        Ok(Some(TransferRow {
            id: row.try_get(0)?,
            position: row.try_get(1)?,
            ordinal: row.try_get(2)?,
            action: (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?),
            debit: row.try_get(6)?,
            credit: row.try_get(7)?,
            amount: row.try_get(8)?,
        }))
    }

    /// Events, those of one object after another, each object's in the order of their versions.
    pub async fn events(&self) -> Result<Cursor, VerifyError> {
        let sql =
            format!("SELECT kind, object, version, change FROM {}.events ORDER BY kind, object, version", self.schema);
        self.cursor(&sql).await
    }

    pub async fn next_event(&self, cursor: &mut Cursor) -> Result<Option<EventRow>, VerifyError> {
        let Some(row) = self.next(cursor).await? else { return Ok(None) };
        let object = codes::object_id(row.try_get(0)?, row.try_get(1)?);
        Ok(Some(EventRow {
            object: object.map_err(|error| VerifyError::Row(error.into()))?,
            version: row.try_get(2)?,
            change: row.try_get(3)?,
        }))
    }

    /// Objects in the same order.
    pub async fn objects(&self) -> Result<Cursor, VerifyError> {
        self.cursor(&format!("SELECT {STORED_COLUMNS} FROM {}.objects o ORDER BY kind, id", self.schema)).await
    }

    pub async fn next_object(&self, cursor: &mut Cursor) -> Result<Option<Stored>, VerifyError> {
        let Some(row) = self.next(cursor).await? else { return Ok(None) };
        rows::stored(&row).map(Some).map_err(VerifyError::Row)
    }

    /// Positions after which the log has a gap, with the next that is there.
    pub async fn gaps(&self) -> Result<Vec<(i64, i64)>, VerifyError> {
        let sql = format!(
            "SELECT coalesce(before, 0), position
            FROM (SELECT position, lag(position) OVER (ORDER BY position) AS before FROM {}.events) e
            WHERE position <> coalesce(before, 0) + 1
            ORDER BY position LIMIT 100",
            self.schema
        );
        let found = self.transaction.query(&sql, &[]).await?;
        Ok(found
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// Transfers whose position is of no event, or of one of another time.
    pub async fn stray_transfers(&self) -> Result<Vec<(Uuid, i64, Option<Timestamp>)>, VerifyError> {
        let sql = format!(
            "SELECT t.id, t.position, e.created
            FROM {schema}.transfers t LEFT JOIN {schema}.events e ON e.position = t.position
            WHERE e.created IS DISTINCT FROM t.created
            ORDER BY t.position LIMIT 100",
            schema = self.schema
        );
        let found = self.transaction.query(&sql, &[]).await?;
        let read = |row: &Row| {
            let created: Option<SystemTime> = row.try_get(2)?;
            Ok((row.try_get(0)?, row.try_get(1)?, created.map(codes::from_sql_time)))
        };
        Ok(found.iter().map(read).collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// Idempotency keys whose answer is a version that its object never had.
    pub async fn stray_keys(&self) -> Result<Vec<String>, VerifyError> {
        let sql = format!(
            "SELECT i.key
            FROM {schema}.idempotency_keys i
            LEFT JOIN {schema}.objects o ON o.kind = i.object_kind AND o.id = i.object AND o.version >= i.version
            WHERE i.object IS NOT NULL AND o.id IS NULL
            ORDER BY i.key LIMIT 100",
            schema = self.schema
        );
        let found = self.transaction.query(&sql, &[]).await?;
        Ok(found.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }
}
