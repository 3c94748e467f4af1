//! Lists and searches of objects.

use super::objects::kinds_and_values;
use super::query::{FEW, Query, QueryPool};
use crate::store::column_values::to_sql_term;
use crate::store::rows::{self, OBJECT_COLUMNS, STATE};
use contracts::ledger::{FieldFilter, LedgerError, ListQuery, Operator, Stored};
use domain::commit::term;
use std::collections::BTreeSet;
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
    // An object has few others that belong to it.
    let by_terms = if query.parents.is_empty() { by_terms(tenant, query) } else { None };
    let among = queries.few(by_terms).await?;
    queries.read(page(tenant, query, among).within(query.bytes_max), |row| rows::object(row, tenant)).await
}

/// So many objects are looked at for a page of those that have a status before it counts as a scan.
const NEAR: i64 = 500;

/// Whether the only condition is a status: most often most objects have it.
pub(crate) fn may_be_near(query: &ListQuery) -> bool {
    query.status.is_some() && query.fields.is_empty() && query.customer.is_none() && query.parents.is_empty()
}

/// The same as [`objects`], if they are among the next [`NEAR`] of their kind, or there are no more than those; `None` if more has to be looked
/// at to find them.
pub(crate) async fn near(
    queries: &QueryPool,
    tenant: i32,
    query: &ListQuery,
) -> Result<Option<Vec<Stored>>, LedgerError> {
    let direction = if query.paging.ending_before.is_some() { "ASC" } else { "DESC" };
    let (first, last) = ids(query);
    let next = |columns: &str, skipped: &str| {
        let sql = format!(
            "SELECT {columns} FROM ledger.objects o WHERE o.tenant = $1 AND o.kind = $2 AND o.id >= $3 AND o.id <= $4
            ORDER BY o.id {direction} {skipped}"
        );
        (sql, query.kind.code())
    };
    let (near, kind) = next("o.*", &format!("LIMIT {NEAR}"));
    let sql = format!(
        "SELECT {OBJECT_COLUMNS}, {STATE} FROM ({near}) o WHERE o.status = $5 ORDER BY o.id {direction} LIMIT $6"
    );
    let limit = i64::from(query.paging.limit) + 1;
    let page = Query::of(tenant, sql).with(kind).with(first).with(last).with(query.status.clone().unwrap_or_default());
    let found = queries.read(page.with(limit).within(query.bytes_max), |row| rows::object(row, tenant)).await?;
    if i64::try_from(found.len()).is_ok_and(|count| count >= limit) {
        return Ok(Some(found));
    }
    let (further, kind) = next("true", &format!("OFFSET {NEAR} LIMIT 1"));
    let further = Query::of(tenant, further).with(kind).with(first).with(last);
    let further: Vec<bool> = queries.read(further, |row| Ok(row.try_get(0)?)).await?;
    Ok(further.is_empty().then_some(found))
}

/// The terms of the indexed texts that all objects of the list have.
fn terms(tenant: i32, query: &ListQuery) -> Vec<i64> {
    let is_indexed =
        |field: &&FieldFilter| field.indexed && !field.negated && !query.any_field && field.operator == Operator::Equal;
    let term = |field: &FieldFilter| term(field.path.iter().map(String::as_str), &field.value);
    query.fields.iter().filter(is_indexed).map(|field| to_sql_term(tenant, term(field))).collect()
}

/// The ids of the objects with all the indexed texts that are asked for, [`FEW`] and one more at most; `None` if none is
/// asked for. The index of terms is the only one that can be
/// used: it keeps tenants apart by itself.
fn by_terms(tenant: i32, query: &ListQuery) -> Option<Query> {
    let sql = "SELECT o.id FROM ledger.objects o
        WHERE o.tenant + 0 = $1 AND o.kind + 0 = $2::smallint AND o.terms @> $3 AND (o.id BETWEEN $4 AND $5) IS TRUE LIMIT $6";
    let terms = terms(tenant, query);
    let some = !terms.is_empty();
    let (first, last) = ids(query);
    some.then(|| Query::of(tenant, sql).with(query.kind.code()).with(terms).with(first).with(last).with(FEW + 1))
}

/// The query for one page, and one row more. With `among`, only these objects are looked at.
fn page(tenant: i32, query: &ListQuery, among: Option<Vec<Uuid>>) -> Query {
    let (first, last) = ids(query);
    let mut builder = Query::of(tenant, "").with(query.kind.code()).with(first).with(last);
    if !query.fields.is_empty() {
        builder = builder.unprepared();
    }
    let limit = builder.bind(i64::from(query.paging.limit) + 1);
    let direction = if query.paging.ending_before.is_some() { "ASC" } else { "DESC" };
    let conditions = conditions(&mut builder, tenant, query);
    // The index's columns before the id are compared together with it, so that only this index has the order.
    let by = |column: &str, value: &str| {
        format!(
            "SELECT o.* FROM ledger.objects o WHERE o.tenant = $1 AND o.{column} IS NOT NULL
                AND (o.{column}, o.kind, o.id) >= ({value}, $2, $3) AND (o.{column}, o.kind, o.id) <= ({value}, $2, $4)"
        )
    };
    let order =
        |column: &str| format!("ORDER BY o.{column} {direction}, o.kind {direction}, o.id {direction} LIMIT {limit}");
    let source = if let Some(among) = among {
        let among = builder.bind(among);
        format!(
            "SELECT o.* FROM (SELECT a.id FROM UNNEST({among}::uuid[]) a (id) ORDER BY a.id {direction}) a
            CROSS JOIN LATERAL (
                SELECT * FROM ledger.objects WHERE tenant = $1 AND kind = $2 AND id = a.id AND id BETWEEN $3 AND $4 LIMIT 1
            ) o WHERE true{conditions} ORDER BY a.id {direction} LIMIT {limit}"
        )
    } else if !query.parents.is_empty() {
        let (kinds, values) = kinds_and_values(query.parents.iter().collect::<BTreeSet<_>>().into_iter());
        let (kinds, values) = (builder.bind(kinds), builder.bind(values));
        format!(
            "SELECT o.* FROM UNNEST({kinds}::smallint[], {values}::uuid[]) AS p (kind, value) CROSS JOIN LATERAL (
                {} AND o.parent_kind IS NOT DISTINCT FROM p.kind{conditions} {}
            ) o",
            by("parent", "p.value"),
            order("parent")
        )
    } else if let Some(customer) = query.customer {
        let customer = builder.bind(customer.value);
        format!("{}{conditions} {}", by("customer", &customer), order("customer"))
    } else {
        format!(
            "SELECT o.* FROM ledger.objects o
            WHERE o.tenant = $1 AND o.kind = $2 AND o.id >= $3 AND o.id <= $4{conditions}
            ORDER BY o.id {direction} LIMIT {limit}"
        )
    };
    builder
        .push(&format!("SELECT {OBJECT_COLUMNS}, {STATE} FROM ({source}) o ORDER BY o.id {direction} LIMIT {limit}"));
    builder
}

/// The first and the last id that a list may have. Cursors and times of creation are bounds on the id, which begins with
/// the time.
fn ids(query: &ListQuery) -> (Uuid, Uuid) {
    let after = query.paging.ending_before.map(|before| before.value.as_u128().saturating_add(1));
    let from = query.created_from.map(|from| first_id(from, 0).as_u128());
    let before = query.paging.starting_after.map(|after| after.value.as_u128().saturating_sub(1));
    let until = query.created_until.map(|until| first_id(until, 1).as_u128().saturating_sub(1));
    let first = after.max(from).unwrap_or(u128::MIN);
    let last = before.into_iter().chain(until).min().unwrap_or(u128::MAX);
    (Uuid::from_u128(first), Uuid::from_u128(last))
}

/// The conditions that no index is used for, each after an AND.
fn conditions(builder: &mut Query, tenant: i32, query: &ListQuery) -> String {
    let mut all = Vec::new();
    let terms = terms(tenant, query);
    if !terms.is_empty() {
        // What has not the terms is passed over before its state is read.
        all.push(format!("(o.terms @> {}) IS TRUE", builder.bind(terms)));
    }
    if let Some(customer) = query.customer {
        all.push(format!("o.customer IS NOT DISTINCT FROM {}", builder.bind(customer.value)));
    }
    if let Some(status) = &query.status {
        all.push(format!("o.status IS NOT DISTINCT FROM {}", builder.bind(status.clone())));
    }
    let fields: Vec<String> = query.fields.iter().map(|field| condition(builder, field)).collect();
    if !fields.is_empty() {
        all.push(format!("({})", fields.join(if query.any_field { " OR " } else { " AND " })));
    }
    all.iter().map(|condition| format!(" AND {condition}")).collect()
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
