//! What the verifier reads, a few thousand rows at a time. Each statement is a transaction of its own, so that no snapshot
//! gets old while the books go on.

use crate::store::column_values::{self as values, UnknownValue};
use crate::store::errors::ReadError;
use crate::store::rows::{self, BALANCE_COLUMNS, LOG_COLUMNS, LogRow, OBJECT_COLUMNS};
use contracts::ledger::{Balance, Stored};
use deadpool_postgres::Object;
use domain::commit::Action;
use platform::database::from_sql_time;
use std::collections::HashMap;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use types::{ObjectId, TenantId, Timestamp};
use uuid::Uuid;

/// Rows of the log that are read at once. Each may have some kilobytes.
const COMMITS: i64 = 500;
/// Objects that are read at once, each with its state.
const OBJECTS: i64 = 500;
/// Rows of other tables that are read at once.
const ROWS: i64 = 2_000;
/// Pages of the table of idempotency keys that are read at once.
const KEY_PAGES: i64 = 500;

/// A tenant's books.
pub(super) struct Books {
    connection: Object,
    /// The tenant's number.
    tenant: i32,
}

/// The head of the log, and the accounts as they are at the head.
pub(super) struct Head {
    /// The position of the last row; 0 if the log is empty.
    pub position: i64,
    pub accounts: Vec<Balance>,
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
    pub created: Timestamp,
}

/// A row of the log, with the public types that it is found by.
pub(super) struct CommitRow {
    pub log: LogRow,
    pub types: Vec<String>,
    pub hash: Vec<u8>,
}

/// An object as it is stored, with the positions of the log rows that it refers to, in order.
pub(super) struct ObjectRow {
    pub stored: Stored,
    pub positions: Vec<i64>,
}

impl Books {
    /// `None` if there is no such tenant.
    pub async fn open(connection: Object, tenant: TenantId) -> Result<Option<Self>, ReadError> {
        let row = connection.query_opt("SELECT number FROM ledger.books WHERE tenant = $1", &[&tenant.0]).await?;
        let Some(row) = row else { return Ok(None) };
        let tenant = row.try_get(0)?;
        Ok(Some(Books { connection, tenant }))
    }

    async fn rows(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, ReadError> {
        let statement = self.connection.prepare_cached(sql).await?;
        let all: Vec<&(dyn ToSql + Sync)> = [&self.tenant as _].into_iter().chain(parameters.iter().copied()).collect();
        Ok(self.connection.query(&statement, &all).await?)
    }

    /// The head and the accounts as of one moment: they are read by one statement.
    pub async fn head(&self) -> Result<Head, ReadError> {
        let sql = format!(
            "SELECT {BALANCE_COLUMNS}, h.position
            FROM (SELECT coalesce((
                SELECT l.position FROM ledger.log l WHERE l.tenant = $1 ORDER BY l.position DESC LIMIT 1), 0) AS position) h
            LEFT JOIN ledger.accounts a ON a.tenant = $1 ORDER BY code"
        );
        let found = self.rows(&sql, &[]).await?;
        let position = found.first().map(|row| row.try_get(7)).transpose()?.unwrap_or_default();
        let mut accounts = Vec::with_capacity(found.len());
        for row in &found {
            // Without accounts there is one row, which has the head alone.
            if row.try_get::<_, Option<&str>>(0)?.is_some() {
                accounts.push(rows::balance(row).map_err(ReadError::Row)?);
            }
        }
        Ok(Head { position, accounts })
    }

    /// The next rows of the log after a position, up to and with another; none if there are no more.
    pub async fn log(&self, after: i64, until: i64) -> Result<Vec<CommitRow>, ReadError> {
        let sql = format!(
            "SELECT {LOG_COLUMNS}, types, hash FROM ledger.log
            WHERE tenant = $1 AND position > $2 AND position <= $3 ORDER BY position LIMIT $4"
        );
        let read = |row: &Row| {
            let types: Option<Vec<String>> = row.try_get(6)?;
            let log = rows::log_row(row).map_err(ReadError::Row)?;
            Ok(CommitRow { log, types: types.unwrap_or_default(), hash: row.try_get(7)? })
        };
        self.rows(&sql, &[&after, &until, &COMMITS]).await?.iter().map(read).collect()
    }

    /// The entries of the rows of the log at these positions, as far as there are rows.
    pub async fn entries(&self, positions: &[i64]) -> Result<HashMap<i64, Vec<u8>>, ReadError> {
        let sql = "SELECT l.position, l.entries FROM UNNEST($2::bigint[]) AS p (position) CROSS JOIN LATERAL (
                SELECT position, entries FROM ledger.log WHERE tenant = $1 AND position = p.position LIMIT 1) l";
        let found = self.rows(sql, &[&positions]).await?;
        found.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Transfers after a position, up to and with another, in the order in which they were made.
    pub async fn transfers(&self, after: i64, until: i64) -> Result<Vec<TransferRow>, ReadError> {
        let sql =
            "SELECT id, position, ordinal, action, hold, last, debit, credit, amount, reason, object_kind, object,
                created
            FROM ledger.transfers
            WHERE tenant = $1 AND position > $2 AND position <= $3 ORDER BY position, ordinal";
        self.rows(sql, &[&after, &until]).await?.iter().map(transfer).collect()
    }

    /// The column `types` that a log row with these public types has.
    pub fn indexed_types<'t>(&self, types: impl Iterator<Item = &'t str>) -> Vec<String> {
        let text = values::types_text(self.tenant, types);
        text.map(|text| text.split(',').map(str::to_owned).collect()).unwrap_or_default()
    }

    /// The next objects after one, in the order of ids; none if there are no more.
    pub async fn objects(&self, after: Option<ObjectId>) -> Result<Vec<ObjectRow>, ReadError> {
        let sql = format!(
            "SELECT {OBJECT_COLUMNS}, coalesce(convert_to(o.state, 'UTF8'), (
                SELECT substr(l.entries, o.start, o.length)
                FROM ledger.log l WHERE l.tenant = $1 AND l.position = o.position
            ), ''), o.position, ARRAY(
                SELECT r.position FROM ledger.revisions r
                WHERE r.tenant = $1 AND r.kind = o.kind AND r.object = o.id ORDER BY r.version)
            FROM ledger.objects o WHERE o.tenant = $1 AND (o.kind, o.id) > ($2, $3) ORDER BY o.kind, o.id LIMIT $4"
        );
        let (kind, id) = key(after);
        self.rows(&sql, &[&kind, &id, &OBJECTS]).await?.iter().map(|row| self.object(row)).collect()
    }

    fn object(&self, row: &Row) -> Result<ObjectRow, ReadError> {
        // It may be neither text nor JSON: that is for the verifier to find.
        let state = String::from_utf8_lossy(row.try_get(9)?).into_owned();
        let stored = rows::object_with_state(row, self.tenant, state).map_err(ReadError::Row)?;
        let mut positions: Vec<i64> = row.try_get(11)?;
        positions.push(row.try_get(10)?);
        positions.sort_unstable();
        positions.dedup();
        Ok(ObjectRow { stored, positions })
    }

    /// Transfers after a position that have no log row: what else is there, was written since. The next two thousand
    /// transfers are looked at; returns the position of the last one, `None` if there are no more.
    pub async fn stray_transfers(&self, after: i64) -> Result<(Vec<(Uuid, i64)>, Option<i64>), ReadError> {
        let sql = "SELECT t.id, t.position, NOT EXISTS (
                SELECT FROM ledger.log l WHERE l.tenant = $1 AND l.position = t.position)
            FROM ledger.transfers t WHERE t.tenant = $1 AND t.position > $2 ORDER BY t.position, t.ordinal
            FETCH FIRST $3 ROWS WITH TIES";
        let found = self.rows(sql, &[&after, &ROWS]).await?;
        let mut stray = Vec::new();
        for row in &found {
            if row.try_get(2)? {
                stray.push((row.try_get(0)?, row.try_get(1)?));
            }
        }
        Ok((stray, found.last().map(|row| row.try_get(1)).transpose()?))
    }

    /// Revisions after that of an object that are of objects that are not stored. The next two thousand are looked at;
    /// returns the last one, `None` if there are no more.
    pub async fn stray_revisions(
        &self,
        after: (Option<ObjectId>, i32),
    ) -> Result<(Vec<(ObjectId, i32)>, Option<(ObjectId, i32)>), ReadError> {
        let sql = "SELECT r.kind, r.object, r.version, NOT EXISTS (
                SELECT FROM ledger.objects o WHERE o.tenant = $1 AND o.kind = r.kind AND o.id = r.object)
            FROM ledger.revisions r WHERE r.tenant = $1 AND (r.kind, r.object, r.version) > ($2, $3, $4)
            ORDER BY r.kind, r.object, r.version LIMIT $5";
        let (kind, id) = key(after.0);
        let (mut stray, mut last) = (Vec::new(), None);
        for row in self.rows(sql, &[&kind, &id, &after.1, &ROWS]).await? {
            let id =
                values::object_id(row.try_get(0)?, row.try_get(1)?).map_err(|error| ReadError::Row(error.into()))?;
            let revision = (id, row.try_get(2)?);
            if row.try_get(3)? {
                stray.push(revision);
            }
            last = Some(revision);
        }
        Ok((stray, last))
    }

    /// Idempotency keys whose answer is a version that the object never had, in the pages of the table from one on. They
    /// are in no order that is the tenant's, so the table is read as it is stored. `None` after its end.
    pub async fn stray_keys(&self, from: i64) -> Result<Option<(Vec<String>, i64)>, ReadError> {
        let size =
            "SELECT pg_relation_size('ledger.idempotency_keys') / current_setting('block_size')::bigint, $1::int";
        let pages: i64 = self.rows(size, &[]).await?.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
        if from >= pages {
            return Ok(None);
        }
        let sql = "SELECT i.key FROM ledger.idempotency_keys i
            WHERE i.ctid >= format('(%s,0)', $2::bigint)::tid AND i.ctid < format('(%s,0)', $3::bigint)::tid
                AND i.tenant = $1 AND i.object IS NOT NULL AND NOT EXISTS (
                    SELECT FROM ledger.objects o
                    WHERE o.tenant = $1 AND o.kind = i.object_kind AND o.id = i.object AND o.version >= i.version)";
        let until = from + KEY_PAGES;
        let found = self.rows(sql, &[&from, &until]).await?;
        Ok(Some((found.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?, until)))
    }
}

/// Kind and value of an id, as a place in the order of ids; before all others without an id.
fn key(id: Option<ObjectId>) -> (i16, Uuid) {
    id.map_or((0, Uuid::nil()), |id| (id.kind.code(), id.value))
}

fn transfer(row: &Row) -> Result<TransferRow, ReadError> {
    let object = values::object_id(row.try_get(10)?, row.try_get(11)?);
    Ok(TransferRow {
        id: row.try_get(0)?,
        position: row.try_get(1)?,
        ordinal: row.try_get(2)?,
        action: values::action((row.try_get(3)?, row.try_get(4)?, row.try_get(5)?)),
        debit: row.try_get(6)?,
        credit: row.try_get(7)?,
        amount: row.try_get(8)?,
        reason: row.try_get(9)?,
        object: object.map_err(|error| ReadError::Row(error.into()))?,
        created: from_sql_time(row.try_get(12)?),
    })
}
