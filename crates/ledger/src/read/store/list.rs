//! Lists and searches of objects.

use super::query::{FEW, Query, QueryPool};
use crate::store::column_values::to_sql_term;
use crate::store::rows::{self, OBJECT_COLUMNS, STATE};
use contracts::ledger::{FieldFilter, LedgerError, ListQuery, Operator, Stored};
use domain::commit::term;
use types::Timestamp;
use uuid::Uuid;

/// What PostgreSQL compares as a number: plain decimals of up to 40 digits before and after the point.
const NUMBER: &str = "^-?[0-9]{1,40}([.][0-9]{1,40})?$";

/// Whether [`NUMBER`] matches.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| (1..=40).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    match magnitude.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(magnitude),
    }
}

/// The objects on a page in the direction of paging, and one more if there are more.
pub(crate) async fn objects(queries: &QueryPool, tenant: i32, query: &ListQuery) -> Result<Vec<Stored>, LedgerError> {
    let among = queries.few(by_terms(tenant, query)).await?;
    queries.read(page(tenant, query, among), |row| rows::object(row, tenant)).await
}

/// The ids of the objects that have all the indexed texts that are asked for, [`FEW`] and one more at most; `None` if
/// no indexed text is asked for.
fn by_terms(tenant: i32, query: &ListQuery) -> Option<Query> {
    let terms: Vec<i64> = query
        .fields
        .iter()
        .filter(|field| field.indexed && !field.negated && !query.any_field && field.operator == Operator::Equal)
        .map(|field| to_sql_term(tenant, term(field.path.iter().map(String::as_str), &field.value)))
        .collect();
    // The sums keep PostgreSQL from reading along the primary key instead, in the hope that enough rows match soon.
    let sql = "SELECT o.id FROM ledger.objects o
        WHERE o.tenant + 0 = $1 AND o.kind + 0 = $2 AND o.terms @> $3 LIMIT $4";
    let some = !terms.is_empty();
    some.then(|| {
        let query = Query::of(tenant, sql).with(query.kind.code()).with(terms).with(FEW + 1);
        query.planned_for_values()
    })
}

/// The query for one page, and one row more. With `among`, only these objects are looked at.
fn page(tenant: i32, query: &ListQuery, among: Option<Vec<Uuid>>) -> Query {
    let sql = format!("SELECT {OBJECT_COLUMNS}, {STATE} FROM ledger.objects o WHERE o.tenant = $1 AND o.kind = $2");
    let mut builder = Query::of(tenant, sql).with(query.kind.code());
    if !query.fields.is_empty() {
        builder = builder.planned_for_values();
    }
    bounds(&mut builder, query);
    if let Some(among) = among {
        let place = builder.bind(among);
        builder.and(&format!("o.id = ANY({place})"));
    }
    if let Some(customer) = query.customer {
        let place = builder.bind(customer.value);
        builder.and(&format!("o.customer = {place}"));
    }
    match query.parents.as_slice() {
        [] => {}
        [parent] => {
            let (value, kind) = (builder.bind(parent.value), builder.bind(parent.kind.code()));
            builder.and(&format!("o.parent = {value} AND o.parent_kind = {kind}"));
        }
        parents => {
            let values = builder.bind(parents.iter().map(|parent| parent.value).collect::<Vec<_>>());
            let kinds = builder.bind(parents.iter().map(|parent| parent.kind.code()).collect::<Vec<_>>());
            builder.and(&format!(
                "(o.parent, o.parent_kind) IN (SELECT * FROM UNNEST({values}::uuid[], {kinds}::smallint[]))"
            ));
        }
    }
    if let Some(status) = &query.status {
        let place = builder.bind(status.clone());
        builder.and(&format!("o.status = {place}"));
    }
    let conditions: Vec<String> = query.fields.iter().map(|field| condition(&mut builder, field)).collect();
    if !conditions.is_empty() {
        let joined = conditions.join(if query.any_field { " OR " } else { " AND " });
        builder.and(&format!("({joined})"));
    }
    let direction = if query.paging.ending_before.is_some() { "ASC" } else { "DESC" };
    let limit = builder.bind(i64::from(query.paging.limit) + 1);
    builder.push(&format!(" ORDER BY o.id {direction} LIMIT {limit}"));
    builder
}

/// Cursors and times of creation are bounds on the id, which begins with the time.
fn bounds(builder: &mut Query, query: &ListQuery) {
    if let Some(after) = query.paging.starting_after {
        let place = builder.bind(after.value);
        builder.and(&format!("o.id < {place}"));
    }
    if let Some(before) = query.paging.ending_before {
        let place = builder.bind(before.value);
        builder.and(&format!("o.id > {place}"));
    }
    if let Some(from) = query.created_from {
        let place = builder.bind(first_id(from, 0));
        builder.and(&format!("o.id >= {place}"));
    }
    if let Some(until) = query.created_until {
        let place = builder.bind(first_id(until, 1));
        builder.and(&format!("o.id < {place}"));
    }
}

/// The smallest id that is made `later` milliseconds after a time.
fn first_id(time: Timestamp, later: i64) -> Uuid {
    const LATEST: i64 = (1 << 48) - 1;
    let millis = time.millis().saturating_add(later).clamp(0, LATEST);
    Uuid::from_u128(u128::from(millis.unsigned_abs()) << 80)
}

/// A condition on an attribute. An attribute that is absent meets no condition, and so it meets every negated one.
fn condition(builder: &mut Query, field: &FieldFilter) -> String {
    let negation = if field.negated { "NOT " } else { "" };
    if !can_be_met(field) {
        return format!("{negation}false");
    }
    let path = builder.bind(field.path.clone());
    let attribute = format!("({STATE}::json #>> {path}::text[])");
    let holds = match field.operator {
        Operator::Exists => format!("{attribute} IS NOT NULL"),
        Operator::Equal => {
            let value = builder.bind(field.value.clone());
            format!("{attribute} = {value}::text")
        }
        Operator::Contains => {
            let value = builder.bind(field.value.clone());
            format!("strpos(lower({attribute}), lower({value}::text)) > 0")
        }
        Operator::Greater => compare(builder, &attribute, ">", &field.value),
        Operator::GreaterOrEqual => compare(builder, &attribute, ">=", &field.value),
        Operator::Less => compare(builder, &attribute, "<", &field.value),
        Operator::LessOrEqual => compare(builder, &attribute, "<=", &field.value),
    };
    format!("{negation}coalesce({holds}, false)")
}

/// Nothing is greater or less than a text that is not a number, and no attribute has a NUL character.
fn can_be_met(field: &FieldFilter) -> bool {
    let compares = match field.operator {
        Operator::Exists => true,
        Operator::Equal | Operator::Contains => !field.value.contains('\0'),
        Operator::Greater | Operator::GreaterOrEqual | Operator::Less | Operator::LessOrEqual => {
            is_number(&field.value)
        }
    };
    compares && !field.path.iter().any(|key| key.contains('\0'))
}

fn compare(builder: &mut Query, attribute: &str, operator: &str, value: &str) -> String {
    let (pattern, value) = (builder.bind(NUMBER), builder.bind(value.to_owned()));
    format!("CASE WHEN {attribute} ~ {pattern}::text THEN {attribute}::numeric {operator} {value}::text::numeric END")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_can_be_compared() {
        for number in ["0", "-1", "12.50", "0000"] {
            assert!(is_number(number), "{number}");
        }
        for other in ["", "-", ".5", "1.", "1e3", "+1", "1.2.3", "0x10", "\u{0661}"] {
            assert!(!is_number(other), "{other}");
        }
    }

    #[test]
    fn bounds_ids_by_time() {
        let time = Timestamp::from_millis(1_700_000_000_000);
        assert_eq!(first_id(time, 0).to_string(), "018bcfe5-6800-0000-0000-000000000000");
        assert_eq!(first_id(Timestamp::from_millis(-5), 0), Uuid::nil());
        assert!(first_id(Timestamp::from_millis(i64::MAX), 1) > first_id(time, 1));
    }
}
