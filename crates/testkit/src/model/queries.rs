//! Lists, searches and events: conditions and pages.

use super::books::Logged;
use contracts::ledger::{EventQuery, FieldFilter, ListQuery, Operator, Page, Paging, Stored};
use serde_json::Value;
use std::sync::Arc;
use types::Timestamp;

/// A page of the items that match a query.
pub(super) fn page<T: Clone, C: Ord + Copy>(
    mut matching: Vec<&Arc<T>>,
    paging: &Paging<C>,
    cursor: impl Fn(&T) -> C,
) -> Page<T> {
    matching.sort_by_key(|item| std::cmp::Reverse(cursor(item)));
    if let Some(after) = paging.starting_after {
        matching.retain(|item| cursor(item) < after);
    }
    if let Some(before) = paging.ending_before {
        matching.retain(|item| cursor(item) > before);
    }
    let limit = paging.limit as usize;
    let has_more = matching.len() > limit;
    if has_more && paging.ending_before.is_some() {
        matching.drain(..matching.len() - limit);
    }
    matching.truncate(limit);
    Page { items: matching.into_iter().map(|item| T::clone(item)).collect(), has_more }
}

/// Whether an object meets the conditions of a query, apart from its kind.
pub(super) fn fits(stored: &Stored, query: &ListQuery) -> bool {
    let created = Timestamp::from_millis((stored.id.value.as_u128() >> 80) as i64);
    let state: Value = serde_json::from_str(&stored.state).expect("states are JSON");
    let mut fields = query.fields.iter().map(|field| holds(&state, field));
    let fields_fit =
        query.fields.is_empty() || if query.any_field { fields.any(|fit| fit) } else { fields.all(|fit| fit) };
    fields_fit
        && query.customer.is_none_or(|customer| stored.index.customer == Some(customer))
        && (query.parents.is_empty() || stored.index.parent.is_some_and(|parent| query.parents.contains(&parent)))
        && query.status.as_ref().is_none_or(|status| stored.index.status.as_ref() == Some(status))
        && query.created_from.is_none_or(|from| created >= from)
        && query.created_until.is_none_or(|until| created <= until)
}

fn holds(state: &Value, field: &FieldFilter) -> bool {
    let attribute = field.path.iter().try_fold(state, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        value => value.get(key),
    });
    let text = match attribute {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(value) => Some(value.to_string()),
    };
    let compare = |fit: fn(&f64, &f64) -> bool| {
        let number = |text: &str| text.parse::<f64>().ok().filter(|_| !text.contains(['e', 'E', 'n', 'N', '+']));
        text.as_deref().and_then(number).zip(number(&field.value)).is_some_and(|(left, right)| fit(&left, &right))
    };
    let holds = match field.operator {
        Operator::Exists => text.is_some(),
        Operator::Equal => text.as_ref() == Some(&field.value),
        Operator::Contains => text.is_some_and(|text| text.to_lowercase().contains(&field.value.to_lowercase())),
        Operator::Greater => compare(f64::gt),
        Operator::GreaterOrEqual => compare(f64::ge),
        Operator::Less => compare(f64::lt),
        Operator::LessOrEqual => compare(f64::le),
    };
    holds != field.negated
}

/// Whether a log entry is an event that meets the conditions of a query.
pub(super) fn is_event_of(logged: &Logged, query: &EventQuery) -> bool {
    let Some(event_type) = logged.entry.event_type else { return false };
    let named = query.types.iter().any(|name| match name.strip_suffix('*') {
        Some(prefix) => event_type.starts_with(prefix),
        None => event_type == name,
    });
    (query.types.is_empty() || named)
        && query.created_from.is_none_or(|from| logged.created >= from)
        && query.created_until.is_none_or(|until| logged.created <= until)
        && query.object.is_none_or(|object| logged.entry.object == object)
}
