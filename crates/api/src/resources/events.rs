//! Events: the entries of the log that have a public type, each with its object as it was then.

use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::list::{self, ListParams};
use crate::params;
use crate::params::NoParams;
use crate::registry::{Registry, Returns};
use crate::reply::Reply;
use contracts::{EventQuery, LogEntry};
use serde_json::{Map, Value, json};
use types::EventId;

/// The version of the API whose shapes are implemented.
pub const API_VERSION: &str = "2026-10-28.endive";

/// Types that say what changed, apart from those that end in `.updated`.
const WITH_PREVIOUS: &[&str] = &["charge.captured", "charge.expired", "charge.refunded", "payment_method.detached"];

/// How many types a list can be narrowed down to.
const TYPES_MAX: usize = 20;

params! {
    pub struct FilterParams {
        /// One type, or several with a `*` at the end: `charge.*`.
        pub event_type as "type": Option<String>,
        pub types: Option<Vec<String>>,
        ..list: ListParams,
    }
}

pub fn register(registry: &mut Registry) {
    registry.get("/v1/events", Returns::ListOf("event"), list);
    registry.get("/v1/events/{id}", Returns::Schema("event"), retrieve);
}

async fn list(call: Call, params: FilterParams) -> Result<Reply> {
    let paging = params.list.paging(position)?;
    for (param, cursor) in [
        ("starting_after", params.list.starting_after.as_deref().zip(paging.starting_after)),
        ("ending_before", params.list.ending_before.as_deref().zip(paging.ending_before)),
    ] {
        if let Some((id, position)) = cursor {
            entry_at(&call, position, id).await?.ok_or_else(|| missing(id, Some(param)))?;
        }
    }
    let types = wanted_types(params.event_type, params.types)?;
    let (created_from, created_until) = params.list.created.map_or((None, None), |range| (range.from, range.until));
    let query = EventQuery { paging, types, created_from, created_until, object: None };
    let page = call.api.ledger.events(call.tenant_id(), &query).await?;
    let data = render_events(&call, &page.items)?;
    Ok(Reply::value(list::envelope(data, page.has_more, &call.url)))
}

async fn retrieve(call: Call, _: NoParams) -> Result<Reply> {
    let id = call.path_text("id");
    let position = position("id", id).map_err(|_| missing(id, None))?;
    let entry = entry_at(&call, position, id).await?.ok_or_else(|| missing(id, None))?;
    let shown = render_events(&call, &[entry])?.pop();
    Ok(Reply::value(shown.ok_or_else(ApiError::internal)?))
}

/// An event's place in the log, out of its id.
fn position(param: &str, id: &str) -> Result<i64, ApiError> {
    id.parse::<EventId>().map(|id| id.position).map_err(|_| missing(id, Some(param)))
}

/// The entry at a place of the log, if it is the event of that id.
async fn entry_at(call: &Call, position: i64, id: &str) -> Result<Option<LogEntry>> {
    let entry = call.api.ledger.log_entry(call.tenant_id(), position).await?;
    Ok(entry.filter(|entry| entry.event_type.is_some() && event_id(entry).to_string() == id))
}

fn missing(id: &str, param: Option<&str>) -> ApiError {
    ApiError::missing_named("event", id, param)
}

fn wanted_types(one: Option<String>, several: Option<Vec<String>>) -> Result<Vec<String>, ApiError> {
    match (one, several) {
        (Some(_), Some(_)) => Err(ApiError::invalid("type and types cannot both be given.").param("types")),
        (_, Some(several)) if several.len() > TYPES_MAX => {
            Err(ApiError::invalid(format!("types can name up to {TYPES_MAX} types.")).param("types"))
        }
        (one, several) => Ok(several.unwrap_or_default().into_iter().chain(one).collect()),
    }
}

fn event_id(entry: &LogEntry) -> EventId {
    EventId { created: entry.created, position: entry.position }
}

/// Log entries as events, in the same order, for lists and for webhooks. Entries without a public type are left out.
pub fn render_events(call: &Call, entries: &[LogEntry]) -> Result<Vec<Value>> {
    let view = call.view();
    let mut shown = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(event_type) = entry.event_type.as_deref() else { continue };
        let Some(facts) = call.api.registry.facts(entry.object.kind) else {
            tracing::error!(object = %entry.object, "an event's object cannot be shown");
            return Err(ApiError::internal().into());
        };
        let object = (facts.render)(shown_state(entry, event_type), &view)?;
        let before = previous_state(entry, event_type).map(|before| (facts.render)(before, &view)).transpose()?;
        let previous = before.map(|before| previous_attributes(&before, &object));
        let mut data = Map::from_iter([("object".to_owned(), object)]);
        data.extend(previous.map(|previous| ("previous_attributes".to_owned(), Value::Object(previous))));
        shown.push(json!({
            "id": event_id(entry),
            "object": "event",
            "api_version": API_VERSION,
            "created": entry.created.seconds(),
            "data": data,
            "livemode": view.livemode,
            "pending_webhooks": 0,
            "request": { "id": entry.request_id, "idempotency_key": entry.idempotency_key },
            "type": event_type,
        }));
    }
    Ok(shown)
}

/// The state that the event shows: what was deleted is shown as it was before.
fn shown_state<'a>(entry: &'a LogEntry, event_type: &str) -> &'a str {
    let before = entry.before.as_deref().filter(|_| event_type.ends_with(".deleted"));
    before.unwrap_or(&entry.state)
}

/// The state that the event tells the difference from, if it tells any.
fn previous_state<'a>(entry: &'a LogEntry, event_type: &str) -> Option<&'a str> {
    let tells = event_type.ends_with(".updated") || WITH_PREVIOUS.contains(&event_type);
    entry.before.as_deref().filter(|_| tells)
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
    use types::{Kind, ObjectId, SeededEntropy, Timestamp};

    fn entry(before: Option<&str>) -> LogEntry {
        let created = Timestamp::from_millis(1_800_000_000_123);
        LogEntry {
            position: 7,
            created,
            object: ObjectId::new(Kind::Customer, created, &mut SeededEntropy::new(1)),
            version: 3,
            event_type: None,
            state: "after".to_owned(),
            before: before.map(str::to_owned),
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
    fn updates_tell_the_difference_and_deletions_show_what_was() {
        let later = entry(Some("before"));
        assert_eq!(previous_state(&later, "customer.updated"), Some("before"));
        assert_eq!(previous_state(&later, "charge.refunded"), Some("before"));
        assert_eq!(previous_state(&entry(None), "charge.captured"), None);
        assert_eq!(previous_state(&later, "payment_intent.succeeded"), None);
        assert_eq!(previous_state(&later, "payment_intent.amount_capturable_updated"), None);
        assert_eq!(shown_state(&later, "customer.deleted"), "before");
        assert_eq!(shown_state(&later, "customer.updated"), "after");
    }

    #[test]
    fn ids_lead_to_the_place_in_the_log() {
        let id = event_id(&entry(None)).to_string();
        assert_eq!(position("id", &id), Ok(7));
        let unknown = missing("evt_1", None);
        assert_eq!((unknown.status, unknown.code), (404, Some("resource_missing")));
        assert_eq!(position("starting_after", "evt_1").unwrap_err().status, 400);
    }

    #[test]
    fn types_are_given_in_one_way() {
        assert_eq!(wanted_types(Some("charge.*".to_owned()), None), Ok(vec!["charge.*".to_owned()]));
        assert!(wanted_types(Some("a".to_owned()), Some(vec!["b".to_owned()])).is_err());
        assert!(wanted_types(None, Some(vec![String::new(); 21])).is_err());
    }
}
