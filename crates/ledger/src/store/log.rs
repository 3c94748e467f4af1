//! Log entries that have a public type, newest first.

use super::codes::to_sql_time;
use super::read::Query;
use super::rows::LOG_COLUMNS;
use contracts::ledger::EventQuery;

/// Rows in the direction of paging, one more than the limit.
pub(crate) fn query(schema: &str, query: &EventQuery) -> Query {
    let mut builder = Query::new(format!("SELECT {LOG_COLUMNS} FROM {schema}.events WHERE type IS NOT NULL"));
    if let Some(after) = query.paging.starting_after {
        let place = builder.bind(after);
        builder.and(&format!("position < {place}"));
    }
    if let Some(before) = query.paging.ending_before {
        let place = builder.bind(before);
        builder.and(&format!("position > {place}"));
    }
    if let Some(from) = query.created_from {
        let place = builder.bind(to_sql_time(from));
        builder.and(&format!("created >= {place}"));
    }
    if let Some(until) = query.created_until {
        let place = builder.bind(to_sql_time(until));
        builder.and(&format!("created <= {place}"));
    }
    if let Some(object) = query.object {
        let (kind, value) = (builder.bind(object.kind.code()), builder.bind(object.value));
        builder.and(&format!("kind = {kind} AND object = {value}"));
    }
    of_types(&mut builder, &query.types);
    // An object's events are in the order of its versions, and there is an index for that.
    let order = if query.object.is_some() { "version" } else { "position" };
    let direction = if query.paging.ending_before.is_some() { "ASC" } else { "DESC" };
    let limit = builder.bind(i64::from(query.paging.limit) + 1);
    builder.push(&format!(" ORDER BY {order} {direction} LIMIT {limit}"));
    builder
}

/// Any of the types, of which some end in a wild card.
fn of_types(builder: &mut Query, types: &[String]) {
    if types.is_empty() {
        return;
    }
    let names: Vec<String> = types.iter().filter(|name| !name.ends_with('*')).cloned().collect();
    let prefixes: Vec<String> = types.iter().filter_map(|name| name.strip_suffix('*')).map(str::to_owned).collect();
    let names = builder.bind(names);
    if prefixes.is_empty() {
        return builder.and(&format!("type = ANY({names}::text[])"));
    }
    let prefixes = builder.bind(prefixes);
    builder.and(&format!(
        "(type = ANY({names}::text[]) OR EXISTS (SELECT FROM UNNEST({prefixes}::text[]) p WHERE starts_with(type, p)))"
    ));
}
