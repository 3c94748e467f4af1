//! Events: log entries that have a public type.

use super::event_rows::{self, Source};
use super::log_entries::Entries;
use super::query::QueryPool;
use crate::log::entries::{StoredEntry, decode};
use crate::store::errors::ReadError;
use crate::store::rows::{self, LogRow};
use contracts::ledger::{EventQuery, LedgerError, LogEntry};

/// Rows that are read at least, so that a small page takes one round trip also if commits have few events.
const ROWS_MIN: u32 = 8;
/// Rows that are read at most in one round trip.
const ROWS_MAX: u32 = 1_024;
/// So many rows without enough events among them: there may be a million more without any.
const ROWS_IN_VAIN: u32 = 128;

/// The events on a page in the direction of paging, and whether there are more.
pub(crate) async fn events(
    queries: &QueryPool,
    tenant: i32,
    query: &EventQuery,
) -> Result<(Vec<LogEntry>, bool), LedgerError> {
    let backwards = query.paging.ending_before.is_some();
    let mut range = event_rows::range(queries, tenant, query).await?;
    let mut source = match query.object {
        Some(object) => Source::Object(object),
        None if query.types.is_empty() => Source::Log,
        None => of_types(queries, tenant, query).await?,
    };
    // A commit has three events more often than one.
    let mut limit = (query.paging.limit / 3).max(ROWS_MIN);
    let mut found = Found { query, backwards, entries: Entries::new(), has_more: false };
    while !range.is_empty() {
        let mut rows = queries.open(&event_rows::query(tenant, &source, range, backwards, limit)).await?;
        let mut count = 0;
        while let Some(row) = rows.next().await? {
            let row = rows::log_row(&row).map_err(ReadError::Row)?;
            count += 1;
            range = range.after(row.position, backwards);
            found.add(&row)?;
        }
        if count < limit || found.has_more {
            break;
        }
        if source == Source::Log && limit >= ROWS_IN_VAIN {
            source = of_types(queries, tenant, query).await?;
        }
        limit = limit.saturating_mul(2).min(ROWS_MAX);
    }
    Ok((found.entries.with_states(queries, tenant).await?, found.has_more))
}

/// A page's events that were found.
struct Found<'a> {
    query: &'a EventQuery,
    backwards: bool,
    entries: Entries,
    /// Whether there was one more than the page takes. From then on nothing is looked at.
    has_more: bool,
}

impl Found<'_> {
    fn add(&mut self, row: &LogRow) -> Result<(), LedgerError> {
        if self.has_more {
            return Ok(());
        }
        let entries = decode(&row.entries).map_err(|error| ReadError::Row(error.into()))?;
        let positions = row.position..;
        let asked_for = positions
            .zip(&entries)
            .enumerate()
            .filter(|(_, (position, entry))| is_asked_for(*position, entry, self.query));
        let mut places: Vec<usize> = asked_for.map(|(at, _)| at).collect();
        if !self.backwards {
            places.reverse();
        }
        for at in places {
            self.has_more = u32::try_from(self.entries.len()).is_ok_and(|count| count >= self.query.paging.limit);
            if self.has_more {
                break;
            }
            self.entries.add(row, &entries, at)?;
        }
        Ok(())
    }
}

/// The commits that have an event of a type that is asked for.
async fn of_types(queries: &QueryPool, tenant: i32, query: &EventQuery) -> Result<Source, LedgerError> {
    let sets = event_rows::sets(queries, tenant).await?;
    let asked_for = sets.into_iter().filter(|set| set.types.iter().any(|of_set| is_type_asked_for(of_set, query)));
    Ok(Source::Sets(asked_for.map(|set| set.hash).collect()))
}

/// Whether an entry of a commit that was found is an event that is itself asked for.
fn is_asked_for(position: i64, entry: &StoredEntry<'_>, query: &EventQuery) -> bool {
    entry.event_type.as_deref().is_some_and(|event_type| is_type_asked_for(event_type, query))
        && query.object.is_none_or(|object| entry.object == object)
        && query.paging.starting_after.is_none_or(|after| position < after)
        && query.paging.ending_before.is_none_or(|before| position > before)
}

fn is_type_asked_for(event_type: &str, query: &EventQuery) -> bool {
    let is_named = |name: &String| match name.strip_suffix('*') {
        Some(prefix) => event_type.starts_with(prefix),
        None => event_type == *name,
    };
    query.types.is_empty() || query.types.iter().any(is_named)
}
