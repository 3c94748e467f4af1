//! Log entries, with the states of their objects before and after.

use super::objects::Objects;
use super::past_states::{self, fold};
use super::query::{Query, QueryPool};
use crate::log::entries::{StoredEntry, decode};
use crate::store::errors::{ReadError, RowError};
use crate::store::rows::{self, LOG_COLUMNS, LogRow};
use contracts::ledger::{LedgerError, LogEntry};
use domain::commit::Version;
use std::collections::HashMap;
use types::{ObjectId, Timestamp};

/// A log entry, with what its row says of its object.
pub(super) struct RowEntry {
    pub position: i64,
    pub created: Timestamp,
    pub object: ObjectId,
    pub version: Version,
    /// Empty if it has no public type.
    pub event_type: String,
    change: String,
    /// The object's changes before this one in the same commit.
    before: Vec<String>,
    request_id: Option<String>,
    idempotency_key: Option<String>,
}

impl RowEntry {
    /// The version that the object had before the commit.
    fn base(&self) -> Version {
        let before = Version::try_from(self.before.len()).unwrap_or(Version::MAX);
        self.version.saturating_sub(before).saturating_sub(1)
    }
}

/// The entries of a row that have a public type.
pub(super) fn events_of(row: &LogRow) -> Result<Vec<RowEntry>, RowError> {
    entries_of(row, |entry| entry.event_type.is_some())
}

fn entries_of(row: &LogRow, wanted: impl Fn(&StoredEntry<'_>) -> bool) -> Result<Vec<RowEntry>, RowError> {
    let entries = decode(&row.entries)?;
    let mut found = Vec::with_capacity(entries.len());
    for (at, (position, entry)) in (row.position..).zip(&entries).enumerate().filter(|(_, (_, entry))| wanted(entry)) {
        let earlier = entries[..at].iter().filter(|earlier| earlier.object == entry.object);
        found.push(RowEntry {
            position,
            created: row.created,
            object: entry.object,
            version: entry.version,
            event_type: entry.event_type.as_deref().unwrap_or_default().to_owned(),
            change: entry.change.get().to_owned(),
            before: earlier.map(|earlier| earlier.change.get().to_owned()).collect(),
            request_id: row.request_id.clone(),
            idempotency_key: row.idempotency_key.clone(),
        });
    }
    Ok(found)
}

/// The entries with the states of their objects before and after. States that do not follow from the entry's own row
/// are read.
pub(super) async fn with_states(
    queries: &QueryPool,
    objects: &Objects,
    tenant: i32,
    entries: Vec<RowEntry>,
) -> Result<Vec<LogEntry>, LedgerError> {
    let mut needed: Vec<(ObjectId, Version)> =
        entries.iter().map(|entry| (entry.object, entry.base())).filter(|(_, base)| *base > 0).collect();
    needed.sort_unstable();
    needed.dedup();
    let found = past_states::states(queries, objects, tenant, &needed).await?;
    let bases: HashMap<(ObjectId, Version), String> =
        needed.into_iter().zip(found).filter_map(|(at, stored)| Some((at, stored?.state))).collect();
    let shown = |entry: RowEntry| {
        let base = bases.get(&(entry.object, entry.base())).map(String::as_str);
        let earlier = base.into_iter().chain(entry.before.iter().map(String::as_str));
        let before = fold(earlier)?;
        let state = fold(before.as_deref().into_iter().chain([entry.change.as_str()]))?;
        Ok(LogEntry {
            position: entry.position,
            created: entry.created,
            object: entry.object,
            version: entry.version,
            event_type: Some(entry.event_type).filter(|event_type| !event_type.is_empty()),
            state: state.unwrap_or_default(),
            before,
            request_id: entry.request_id,
            idempotency_key: entry.idempotency_key,
        })
    };
    entries.into_iter().map(shown).collect::<Result<_, RowError>>().map_err(|error| ReadError::Row(error).into())
}

/// The entry at one position, with or without a public type.
pub(crate) async fn at_position(
    queries: &QueryPool,
    objects: &Objects,
    tenant: i32,
    position: i64,
) -> Result<Option<LogEntry>, LedgerError> {
    let sql = format!(
        "SELECT {LOG_COLUMNS} FROM ledger.log l WHERE tenant = $1 AND position <= $2 ORDER BY position DESC LIMIT 1"
    );
    let found: Vec<LogRow> = queries.read(Query::of(tenant, sql).with(position), rows::log_row).await?;
    let mut entries = Vec::new();
    for row in found {
        let of_row = entries_of(&row, |_| true).map_err(ReadError::Row)?;
        entries.extend(of_row.into_iter().filter(|entry| entry.position == position));
    }
    Ok(with_states(queries, objects, tenant, entries).await?.pop())
}
