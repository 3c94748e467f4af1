//! Events: log entries that have a public type.

use super::event_rows::{self, Source};
use super::log_entries::{self, RowEntry};
use super::objects::Objects;
use super::query::QueryPool;
use crate::store::errors::ReadError;
use contracts::ledger::{EventQuery, LedgerError, LogEntry};

/// Rows that are read at least, so that a small page takes one round trip also if commits have few events.
const ROWS_MIN: u32 = 8;
/// Rows that are read at most in one round trip.
const ROWS_MAX: u32 = 1_024;
/// So many rows without enough events among them: there may be a million more without any.
const ROWS_IN_VAIN: u32 = 128;

/// The events on a page in the direction of paging, and one more if there are more.
pub(crate) async fn events(
    queries: &QueryPool,
    objects: &Objects,
    tenant: i32,
    query: &EventQuery,
) -> Result<Vec<LogEntry>, LedgerError> {
    let wanted = usize::try_from(query.paging.limit).unwrap_or(usize::MAX).saturating_add(1);
    let backwards = query.paging.ending_before.is_some();
    let mut range = event_rows::range(queries, tenant, query).await?;
    let mut source = match query.object {
        Some(object) => Source::Object(object),
        None if query.types.is_empty() => Source::Log,
        None => of_types(queries, tenant, query).await?,
    };
    // A commit has three events more often than one.
    let mut limit = (query.paging.limit / 3).max(ROWS_MIN);
    let mut found: Vec<RowEntry> = Vec::new();
    loop {
        let rows = event_rows::read(queries, tenant, &source, range, backwards, limit).await?;
        let exhausted = u32::try_from(rows.len()).is_ok_and(|count| count < limit);
        if let Some(last) = rows.last() {
            range = range.after(last.position, backwards);
        }
        for row in rows {
            let mut events = log_entries::events_of(&row).map_err(ReadError::Row)?;
            events.retain(|event| is_asked_for(event, query));
            if !backwards {
                events.reverse();
            }
            found.append(&mut events);
        }
        if exhausted || found.len() >= wanted {
            break;
        }
        if source == Source::Log && limit >= ROWS_IN_VAIN {
            source = of_types(queries, tenant, query).await?;
        }
        limit = limit.saturating_mul(2).min(ROWS_MAX);
    }
    found.truncate(wanted);
    log_entries::with_states(queries, objects, tenant, found).await
}

/// The commits that have an event of a type that is asked for.
async fn of_types(queries: &QueryPool, tenant: i32, query: &EventQuery) -> Result<Source, LedgerError> {
    let sets = event_rows::sets(queries, tenant).await?;
    let asked_for = sets.into_iter().filter(|set| set.types.iter().any(|of_set| is_type_asked_for(of_set, query)));
    Ok(Source::Sets(asked_for.map(|set| set.hash).collect()))
}

/// Whether an event of a commit that was found is itself asked for.
fn is_asked_for(event: &RowEntry, query: &EventQuery) -> bool {
    is_type_asked_for(&event.event_type, query)
        && query.object.is_none_or(|object| event.object == object)
        && query.paging.starting_after.is_none_or(|after| event.position < after)
        && query.paging.ending_before.is_none_or(|before| event.position > before)
}

fn is_type_asked_for(event_type: &str, query: &EventQuery) -> bool {
    let is_named = |name: &String| match name.strip_suffix('*') {
        Some(prefix) => event_type.starts_with(prefix),
        None => event_type == *name,
    };
    query.types.is_empty() || query.types.iter().any(is_named)
}
