//! Log entries that have a public type, newest first.

use super::codes::{self, to_sql_time};
use super::history::{self, Told};
use super::read::{FEW, Query, Reader, unavailable};
use super::rows::{self, LOG_COLUMNS, LogRow};
use contracts::ledger::{EventQuery, LedgerError, LogEntry};
use types::ObjectId;

/// Rows fetched at least, so that a small page of commits of few events is one round trip.
const ROWS_MIN: u32 = 8;

/// Entries in the direction of paging, one more than the limit if there are more.
pub(crate) async fn entries(reader: &Reader, tenant: i32, query: &EventQuery) -> Result<Vec<LogEntry>, LedgerError> {
    let wanted = usize::try_from(query.paging.limit).unwrap_or(usize::MAX).saturating_add(1);
    // A commit tells of three things more often than of one.
    let mut limit = (query.paging.limit / 3).max(ROWS_MIN);
    let mut found: Vec<Told> = Vec::new();
    let mut last: Option<i64> = None;
    let among = reader.few(by_types(tenant, &query.types)).await?;
    loop {
        let rows = reader.read(rows_query(tenant, query, among.as_deref(), last, limit), rows::log_row).await?;
        last = rows.last().map(|row| row.position);
        let exhausted = u32::try_from(rows.len()).is_ok_and(|count| count < limit);
        for row in rows {
            let mut told = history::told(row).map_err(unavailable)?;
            told.retain(|told| is_asked_for(told, query));
            if !is_backwards(query) {
                told.reverse();
            }
            found.append(&mut told);
        }
        if exhausted || found.len() >= wanted {
            break;
        }
        limit = limit.saturating_mul(2);
    }
    found.truncate(wanted);
    history::with_states(reader, tenant, found).await
}

fn is_backwards(query: &EventQuery) -> bool {
    query.paging.ending_before.is_some()
}

/// The commits that tell of one of these types, if only types without a wild card are asked for.
fn by_types(tenant: i32, types: &[String]) -> Option<Query> {
    // The sum keeps PostgreSQL from walking through the primary key instead, in the hope of meeting enough soon.
    let sql = "SELECT position FROM ledger.log WHERE tenant + 0 = $1 AND types && $2 LIMIT $3";
    let exact = !types.is_empty() && types.iter().all(|name| !name.ends_with('*'));
    exact.then(|| {
        let names: Vec<String> = types.iter().map(|name| codes::to_sql_type(tenant, name)).collect();
        Query::of(tenant, sql).with(names).with(FEW + 1).planned_for_values()
    })
}

/// The commits that tell of something that may be asked for, in the direction of paging, only those `among` some if
/// these are known; `last` is the one before.
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

/// Of the log since that time; the highest number where there is none. The log's time never runs backwards, so a time is a
/// position. (As a condition on the time PostgreSQL would look at all that came later, to find out that it did.)
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

/// Any of the types, of which some end in a wild card; without types, any public one.
fn of_types(builder: &mut Query, tenant: i32, types: &[String]) -> String {
    if types.is_empty() {
        return "types IS NOT NULL".to_owned();
    }
    let in_index = |name: &str| codes::to_sql_type(tenant, name);
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

/// Of the commits found, only some of the entries are asked for.
fn is_asked_for(told: &Told, query: &EventQuery) -> bool {
    let named = query.types.iter().any(|name| match name.strip_suffix('*') {
        Some(prefix) => told.event_type.starts_with(prefix),
        None => told.event_type == *name,
    });
    (query.types.is_empty() || named)
        && query.object.is_none_or(|object| told.object == object)
        && query.paging.starting_after.is_none_or(|after| told.position < after)
        && query.paging.ending_before.is_none_or(|before| told.position > before)
}

/// The entry at one position, told or not.
pub(crate) async fn entry(reader: &Reader, tenant: i32, position: i64) -> Result<Option<LogEntry>, LedgerError> {
    let sql = format!(
        "SELECT {LOG_COLUMNS} FROM ledger.log l WHERE tenant = $1 AND position <= $2 ORDER BY position DESC LIMIT 1"
    );
    let found: Vec<LogRow> = reader.read(Query::of(tenant, sql).with(position), rows::log_row).await?;
    let mut entries = Vec::new();
    for row in found {
        entries.extend(history::all(row).map_err(unavailable)?.into_iter().filter(|told| told.position == position));
    }
    Ok(history::with_states(reader, tenant, entries).await?.pop())
}
