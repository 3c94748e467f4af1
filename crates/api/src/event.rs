//! Events: log entries that have a public type, each with its object as it was then.

use crate::call::Call;
use crate::error::{ApiError, Failure, Result};
use crate::json::ANSWER_BYTES_MAX;
use crate::kinds::Kinds;
use crate::resource::Audience;
use crate::version::API_VERSION;
use contracts::LogEntry;
use serde_json::{Map, Value, json};
use types::EventId;

/// The id of the event that a log entry is.
pub fn event_id(entry: &LogEntry) -> EventId {
    EventId { created: entry.created, position: entry.position }
}

/// Log entries as events, in the same order. Entries without a public type are left out.
pub async fn render_events(call: &Call, mut entries: Vec<LogEntry>) -> Result<Vec<Value>> {
    let kinds = &call.services.kinds;
    let mut told_again: Vec<&mut LogEntry> = entries.iter_mut().filter(|entry| is_told_again(kinds, entry)).collect();
    if !told_again.is_empty() {
        // Such an entry has no change of its own: the change is that of the version before.
        let before: Vec<_> = told_again.iter().map(|entry| (entry.object, entry.version - 2)).collect();
        let states = call.services.ledger.objects_at(call.tenant_id(), &before).await.map_err(Failure::of_query)?;
        for (entry, state) in told_again.iter_mut().zip(states) {
            entry.before = state.map(|stored| stored.state.into());
        }
    }
    let (mut shown, mut bytes) = (Vec::with_capacity(entries.len()), 0_usize);
    for entry in &entries {
        let Some(event) = render(kinds, &call.audience(), entry)? else { continue };
        bytes = bytes.saturating_add(entry.state.len());
        if entries.len() > 1 && bytes > ANSWER_BYTES_MAX {
            return Err(ApiError::page_too_large().into());
        }
        shown.push(event);
        // Each may be large, and other requests wait meanwhile.
        tokio::task::yield_now().await;
    }
    Ok(shown)
}

fn is_told_again(kinds: &Kinds, entry: &LogEntry) -> bool {
    let facts = kinds.facts(entry.object.kind);
    let told_again = facts.map_or(&[][..], |facts| facts.events_told_again);
    entry.event_type.as_deref().is_some_and(|event_type| told_again.contains(&event_type))
}

fn render(kinds: &Kinds, audience: &Audience, entry: &LogEntry) -> Result<Option<Value>, ApiError> {
    let Some(event_type) = entry.event_type.as_deref() else { return Ok(None) };
    let Some(facts) = kinds.facts(entry.object.kind) else {
        tracing::error!(object = %entry.object, "an event's object cannot be shown");
        return Err(ApiError::internal());
    };
    let object = (facts.render)(shown_state(entry, event_type), audience)?;
    let before = previous_state(entry, event_type, facts.events_with_previous);
    let before = before.map(|before| (facts.render)(before, audience)).transpose()?;
    let previous = before.map(|before| previous_attributes(&before, &object));
    let mut data = Map::from_iter([("object".to_owned(), object)]);
    data.extend(previous.map(|previous| ("previous_attributes".to_owned(), Value::Object(previous))));
    Ok(Some(json!({
        "id": event_id(entry),
        "object": "event",
        "api_version": API_VERSION,
        "created": entry.created.seconds(),
        "data": data,
        "livemode": audience.livemode,
        "pending_webhooks": 0,
        "request": { "id": entry.request_id, "idempotency_key": entry.idempotency_key },
        "type": event_type,
    })))
}

/// The state that the event shows: a deleted object is shown as it was before.
fn shown_state<'a>(entry: &'a LogEntry, event_type: &str) -> &'a str {
    let before = entry.before.as_deref().filter(|_| event_type.ends_with(".deleted"));
    before.unwrap_or(&entry.state)
}

/// The state that `previous_attributes` are taken from, if the event has them.
fn previous_state<'a>(entry: &'a LogEntry, event_type: &str, with_previous: &[&str]) -> Option<&'a str> {
    let has_them = event_type.ends_with(".updated") || with_previous.contains(&event_type);
    entry.before.as_deref().filter(|_| has_them)
}

/// The attributes that were otherwise before, with their values then: of hashes only the parts that changed, lists
/// whole, and null for what was not there.
fn previous_attributes(before: &Value, after: &Value) -> Map<String, Value> {
    let (Value::Object(before), Value::Object(after)) = (before, after) else { return Map::new() };
    let mut previous = Map::new();
    for (name, value) in before {
        match after.get(name) {
            Some(same) if same == value => (),
            Some(now @ Value::Object(_)) if value.is_object() => {
                previous.insert(name.clone(), Value::Object(previous_attributes(value, now)));
            }
            _ => {
                previous.insert(name.clone(), value.clone());
            }
        }
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        previous.insert(name.clone(), Value::Null);
    }
    previous
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use types::{Kind, ObjectId, SeededEntropy, Timestamp};

    fn entry(before: Option<&str>) -> LogEntry {
        let created = Timestamp::from_millis(1_800_000_000_123);
        LogEntry {
            position: 7,
            created,
            object: ObjectId::new(Kind::Customer, created, &mut SeededEntropy::new(1)),
            version: 3,
            event_type: None,
            state: "after".into(),
            before: before.map(Arc::from),
            request_id: None,
            idempotency_key: None,
        }
    }

    #[test]
    fn previous_attributes_are_those_that_changed() {
        let before = json!({
            "id": "cus_1", "name": null, "email": "a@b", "metadata": {"a": "1", "b": "2"}, "list": [1, 2],
            "address": {"city": "Vigo"}, "shipping": null, "gone": 1,
        });
        let after = json!({
            "id": "cus_1", "name": "Rosa", "email": "a@b", "metadata": {"a": "1", "b": "3", "c": "4"}, "list": [1],
            "address": null, "shipping": {"name": "Rosa"}, "new": 1,
        });
        let previous = Value::Object(previous_attributes(&before, &after));
        assert_eq!(
            previous,
            json!({
                "name": null, "metadata": {"b": "2", "c": null}, "list": [1, 2], "address": {"city": "Vigo"},
                "shipping": null, "gone": 1, "new": null,
            })
        );
        assert_eq!(previous_attributes(&after, &after), Map::new());
    }

    #[test]
    fn updates_have_previous_attributes_and_deletions_show_the_object_as_it_was() {
        let later = entry(Some("before"));
        assert_eq!(previous_state(&later, "customer.updated", &["charge.captured", "charge.refunded"]), Some("before"));
        assert_eq!(previous_state(&later, "charge.refunded", &["charge.captured", "charge.refunded"]), Some("before"));
        assert_eq!(previous_state(&entry(None), "charge.captured", &["charge.captured", "charge.refunded"]), None);
        assert_eq!(previous_state(&later, "payment_intent.succeeded", &["charge.captured", "charge.refunded"]), None);
        assert_eq!(
            previous_state(&later, "payment_intent.amount_capturable_updated", &["charge.captured", "charge.refunded"]),
            None
        );
        assert_eq!(shown_state(&later, "customer.deleted"), "before");
        assert_eq!(shown_state(&later, "customer.updated"), "after");
    }
}
