//! Log entries, with the states of their objects before and after.

use super::past_states::{self, Wanted};
use super::query::{Query, QueryPool};
use super::stream::Budget;
use crate::log::entries::{StoredEntry, decode};
use crate::store::errors::ReadError;
use crate::store::rows::{self, LOG_COLUMNS, LogRow};
use contracts::ledger::{LedgerError, LogEntry};
use domain::commit::Version;
use std::collections::HashMap;
use std::mem::replace;
use std::sync::Arc;
use types::{ObjectId, Timestamp};

/// A log entry without the states of its object.
struct RowEntry {
    position: i64,
    created: Timestamp,
    object: ObjectId,
    version: Version,
    event_type: Option<String>,
    request_id: Option<String>,
    idempotency_key: Option<String>,
}

/// Log entries that were found.
pub(crate) struct Entries {
    found: Vec<RowEntry>,
    wanted: HashMap<ObjectId, Wanted>,
    budget: Budget,
}

impl Entries {
    pub fn new() -> Self {
        Entries { found: Vec::new(), wanted: HashMap::new(), budget: Budget::of_tenant() }
    }

    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Adds the entry at a place of a row. The object's changes in the newest of its rows are kept, so that most often nothing
    /// more has to be read.
    pub fn add(&mut self, row: &LogRow, entries: &[StoredEntry<'_>], at: usize) -> Result<(), LedgerError> {
        let (Some(entry), Ok(place)) = (entries.get(at), i64::try_from(at)) else { return Ok(()) };
        let wanted = self.wanted.entry(entry.object).or_default();
        wanted.versions.extend([entry.version - 1, entry.version].into_iter().filter(|version| *version > 0));
        if wanted.newest.last().is_none_or(|(version, _)| *version < entry.version) {
            let of_object = entries[..=at].iter().filter(|earlier| earlier.object == entry.object);
            let newest = of_object.map(|entry| (entry.version, entry.change.get().to_owned())).collect();
            self.budget.give_back(bytes(&replace(&mut wanted.newest, newest)));
            self.budget.spend(bytes(&wanted.newest))?;
        }
        self.found.push(RowEntry {
            position: row.position + place,
            created: row.created,
            object: entry.object,
            version: entry.version,
            event_type: entry.event_type.as_deref().map(str::to_owned),
            request_id: row.request_id.clone(),
            idempotency_key: row.idempotency_key.clone(),
        });
        Ok(())
    }

    /// Whether there is more to read for their states.
    pub fn have_history(&self) -> bool {
        self.wanted.values().any(|wanted| wanted.until() > 0)
    }

    /// The entries with the states of their objects. Those of one object share them.
    pub async fn with_states(self, queries: &QueryPool, tenant: i32) -> Result<Vec<LogEntry>, LedgerError> {
        let states = past_states::fold(queries, tenant, self.wanted).await?;
        let state = |object, version| states.get(&(object, version)).map(Arc::clone);
        let shown = |entry: RowEntry| {
            let RowEntry { position, object, version, .. } = entry;
            let missing = || LedgerError::Unavailable(format!("the log has no version {version} of {object}"));
            Ok(LogEntry {
                position,
                created: entry.created,
                object,
                version,
                event_type: entry.event_type,
                state: state(object, version).ok_or_else(missing)?,
                before: state(object, version - 1),
                request_id: entry.request_id,
                idempotency_key: entry.idempotency_key,
            })
        };
        self.found.into_iter().map(shown).collect()
    }
}

/// The entry at one position, with or without a public type.
pub(crate) async fn at_position(
    queries: &QueryPool,
    tenant: i32,
    position: i64,
) -> Result<Option<Entries>, LedgerError> {
    let Some(row) = row_of(queries, tenant, position).await? else { return Ok(None) };
    let entries = decode(&row.entries).map_err(|error| ReadError::Row(error.into()))?;
    let mut found = Entries::new();
    if let Some(at) = place(&row, position) {
        found.add(&row, &entries, at)?;
    }
    Ok(Some(found))
}

/// When the event at one position was created; `None` if there is none with a public type.
pub(crate) async fn event_created(
    queries: &QueryPool,
    tenant: i32,
    position: i64,
) -> Result<Option<Timestamp>, LedgerError> {
    let Some(row) = row_of(queries, tenant, position).await? else { return Ok(None) };
    let entries = decode(&row.entries).map_err(|error| ReadError::Row(error.into()))?;
    let entry = place(&row, position).and_then(|at| entries.get(at));
    Ok(entry.filter(|entry| entry.event_type.is_some()).map(|_| row.created))
}

/// The row that a position is in, if it is not after the end.
async fn row_of(queries: &QueryPool, tenant: i32, position: i64) -> Result<Option<LogRow>, LedgerError> {
    let sql = format!(
        "SELECT {LOG_COLUMNS} FROM ledger.log l WHERE tenant = $1 AND position <= $2 ORDER BY position DESC LIMIT 1"
    );
    Ok(queries.read(Query::of(tenant, sql).with(position), rows::log_row).await?.pop())
}

fn place(row: &LogRow, position: i64) -> Option<usize> {
    usize::try_from(position - row.position).ok()
}

fn bytes(changes: &[(Version, String)]) -> usize {
    changes.iter().map(|(_, change)| change.len()).sum()
}
