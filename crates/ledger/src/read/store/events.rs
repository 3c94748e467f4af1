//! Events: log entries that have a public type.

use super::log_entries::{self, RowEntry};
use super::objects::Objects;
use super::query::{FEW, Query, QueryPool};
use crate::store::column_values::to_sql_type;
use crate::store::errors::ReadError;
use crate::store::rows::{self, LOG_COLUMNS};
use contracts::ledger::{EventQuery, LedgerError, LogEntry};
use platform::database::to_sql_time;
use types::ObjectId;

/// Rows that are read at least, so that a small page takes one round trip also if commits have few events.
const ROWS_MIN: u32 = 8;

/// The events on a page in the direction of paging, and one more if there are more.
pub(crate) async fn events(
    queries: &QueryPool,
    objects: &Objects,
    tenant: i32,
    query: &EventQuery,
) -> Result<Vec<LogEntry>, LedgerError> {
    let wanted = usize::try_from(query.paging.limit).unwrap_or(usize::MAX).saturating_add(1);
    // A commit has three events more often than one.
    let mut limit = (query.paging.limit / 3).max(ROWS_MIN);
    let mut found: Vec<RowEntry> = Vec::new();
    let mut last: Option<i64> = None;
    let among = queries.few(by_types(tenant, &query.types)).await?;
    loop {
        let rows = queries.read(rows_query(tenant, query, among.as_deref(), last, limit), rows::log_row).await?;
        last = rows.last().map(|row| row.position);
        let exhausted = u32::try_from(rows.len()).is_ok_and(|count| count < limit);
        for row in rows {
            let mut events = log_entries::events_of(&row).map_err(ReadError::Row)?;
            events.retain(|event| is_asked_for(event, query));
            if !is_backwards(query) {
                events.reverse();
            }
            found.append(&mut events);
        }
        if exhausted || found.len() >= wanted {
            break;
        }
        limit = limit.saturating_mul(2);
    }
    found.truncate(wanted);
    log_entries::with_states(queries, objects, tenant, found).await
}

fn is_backwards(query: &EventQuery) -> bool {
    query.paging.ending_before.is_some()
}

/// The positions of commits with an event of one of these types, [`FEW`] and one more at most; `None` if a type ends in
/// a wild card, or none is asked for.
fn by_types(tenant: i32, types: &[String]) -> Option<Query> {
    // The sum keeps PostgreSQL from reading along the primary key instead, in the hope that enough rows match soon.
    let sql = "SELECT position FROM ledger.log WHERE tenant + 0 = $1 AND types && $2 LIMIT $3";
    let exact = !types.is_empty() && types.iter().all(|name| !name.ends_with('*'));
    exact.then(|| {
        let names: Vec<String> = types.iter().map(|name| to_sql_type(tenant, name)).collect();
        Query::of(tenant, sql).with(names).with(FEW + 1).planned_for_values()
    })
}

/// The commits that may have an event that is asked for, in the direction of paging. With `among`, only those at these
/// positions are looked at. `last` is the position of the last commit that was read before.
fn rows_query(tenant: i32, query: &EventQuery, among: Option<&[i64]>, last: Option<i64>, limit: u32) -> Query {
    let sql = format!("SELECT {LOG_COLUMNS} FROM ledger.log l WHERE tenant = $1");
    let mut builder = Query::of(tenant, sql).planned_for_values();
    if let Some(after) = query.paging.starting_after {
        let place = builder.bind(after);
        builder.and(&format!("position < {place}"));
    }
    if let Some(before) = query.paging.ending_before {
        // From the row that this entry is in.
        let place = builder.bind(before);
        builder.and(&format!(
            "position >= coalesce((
                SELECT max(b.position) FROM ledger.log b WHERE b.tenant = $1 AND b.position <= {place}), 0)"
        ));
    }
    if let Some(last) = last {
        let place = builder.bind(last);
        builder.and(&format!("position {} {place}", if is_backwards(query) { ">" } else { "<" }));
    }
    if let Some(from) = query.created_from {
        let place = builder.bind(to_sql_time(from));
        builder.and(&format!("position >= {}", first_position(">=", &place)));
    }
    if let Some(until) = query.created_until {
        let place = builder.bind(to_sql_time(until));
        builder.and(&format!("position < {}", first_position(">", &place)));
    }
    if let Some(object) = query.object {
        let of_object = of_object(&mut builder, object);
        builder.and(&of_object);
    }
    let of_types = match among {
        Some(among) => format!("position = ANY({})", builder.bind(among.to_vec())),
        None => of_types(&mut builder, tenant, &query.types),
    };
    builder.and(&of_types);
    let direction = if is_backwards(query) { "ASC" } else { "DESC" };
    let limit = builder.bind(i64::from(limit));
    builder.push(&format!(" ORDER BY position {direction} LIMIT {limit}"));
    builder
}

/// The first position at or after (`>=`) or after (`>`) a time; the highest number if there is none. The log's time
/// never runs backwards, so a time is a position. (With a condition on the time itself, PostgreSQL would read every
/// later row.)
fn first_position(since: &str, time: &str) -> String {
    format!(
        "coalesce((
            SELECT b.position FROM ledger.log b WHERE b.tenant = $1 AND b.created {since} {time}
            ORDER BY b.created, b.position LIMIT 1), 9223372036854775807)"
    )
}

fn of_object(builder: &mut Query, object: ObjectId) -> String {
    let (kind, value) = (builder.bind(object.kind.code()), builder.bind(object.value));
    format!(
        "position IN (
            SELECT o.position FROM ledger.objects o WHERE o.tenant = $1 AND o.kind = {kind} AND o.id = {value}
            UNION ALL
            SELECT r.position FROM ledger.revisions r WHERE r.tenant = $1 AND r.kind = {kind} AND r.object = {value})"
    )
}

/// Any of these types, some of which may end in a wild card; without types, any public type.
fn of_types(builder: &mut Query, tenant: i32, types: &[String]) -> String {
    if types.is_empty() {
        return "types IS NOT NULL".to_owned();
    }
    let in_index = |name: &str| to_sql_type(tenant, name);
    let names: Vec<String> = types.iter().filter(|name| !name.ends_with('*')).map(|name| in_index(name)).collect();
    let prefixes: Vec<String> = types.iter().filter_map(|name| name.strip_suffix('*')).map(in_index).collect();
    let names = builder.bind(names);
    if prefixes.is_empty() {
        return format!("types && {names}");
    }
    let prefixes = builder.bind(prefixes);
    format!(
        "(types && {names} OR EXISTS (
            SELECT FROM UNNEST(types) t JOIN UNNEST({prefixes}::text[]) p ON starts_with(t, p)))"
    )
}

/// Whether an event of a commit that was found is itself asked for.
fn is_asked_for(event: &RowEntry, query: &EventQuery) -> bool {
    let named = query.types.iter().any(|name| match name.strip_suffix('*') {
        Some(prefix) => event.event_type.starts_with(prefix),
        None => event.event_type == *name,
    });
    (query.types.is_empty() || named)
        && query.object.is_none_or(|object| event.object == object)
        && query.paging.starting_after.is_none_or(|after| event.position < after)
        && query.paging.ending_before.is_none_or(|before| event.position > before)
}
