//! Events: what happened, newest first.

use api::Registry;
use api::call::Call;
use api::endpoint::Returns;
use api::error::{ApiError, Failure, Result};
use api::event::{event_id, render_events};
use api::list::{self, ListParams};
use api::params;
use api::params::{List, NoParams};
use api::reply::Reply;
use contracts::{EventQuery, LogEntry};
use types::EventId;

params! {
    pub struct FilterParams {
        /// One type, or several with a `*` at the end: `charge.*`.
        pub event_type as "type": Option<String>,
        pub types: Option<List<String, 20>>,
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
            let created = call.services.ledger.event_created(call.tenant_id(), position).await?;
            let found = created.map(|created| EventId { created, position }.to_string());
            found.filter(|found| found == id).ok_or_else(|| missing(id, Some(param)))?;
        }
    }
    let types = wanted_types(params.event_type, params.types)?;
    let (created_from, created_until) = params.list.created.map_or((None, None), |range| (range.from, range.until));
    let query = EventQuery { paging, types, created_from, created_until, object: None };
    let page = call.services.ledger.events(call.tenant_id(), &query).await.map_err(Failure::of_query)?;
    let data = render_events(&call, page.items).await?;
    Ok(Reply::page(list::envelope(data, page.has_more, &call.path))?)
}

async fn retrieve(call: Call, _: NoParams) -> Result<Reply> {
    let id = call.path_text("id");
    let position = position("id", id).map_err(|_| missing(id, None))?;
    let entry = call.services.ledger.log_entry(call.tenant_id(), position).await.map_err(Failure::of_query)?;
    let is_asked_for = |entry: &LogEntry| entry.event_type.is_some() && event_id(entry).to_string() == id;
    let entry = entry.filter(is_asked_for).ok_or_else(|| missing(id, None))?;
    let shown = render_events(&call, vec![entry]).await?.pop();
    Ok(Reply::value(shown.ok_or_else(ApiError::internal)?))
}

/// An event's place in the log, out of its id.
fn position(param: &str, id: &str) -> Result<i64, ApiError> {
    id.parse::<EventId>().map(|id| id.position).map_err(|_| missing(id, Some(param)))
}

fn missing(id: &str, param: Option<&str>) -> ApiError {
    ApiError::missing("event", id, param)
}

fn wanted_types(one: Option<String>, several: Option<List<String, 20>>) -> Result<Vec<String>, ApiError> {
    match (one, several) {
        (Some(_), Some(_)) => Err(ApiError::invalid("type and types cannot both be given.").param("types")),
        (one, several) => Ok(several.map(|List(types)| types).into_iter().flatten().chain(one).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::Timestamp;

    #[test]
    fn ids_lead_to_a_position_in_the_log() {
        let id = EventId { created: Timestamp::from_millis(1_800_000_000_123), position: 7 }.to_string();
        assert_eq!(position("id", &id), Ok(7));
        let unknown = missing("evt_1", None);
        assert_eq!((unknown.status, unknown.code), (404, Some("resource_missing")));
        assert_eq!(position("starting_after", "evt_1").unwrap_err().status, 400);
    }

    #[test]
    fn types_are_given_in_one_way() {
        assert_eq!(wanted_types(Some("charge.*".to_owned()), None), Ok(vec!["charge.*".to_owned()]));
        assert!(wanted_types(Some("a".to_owned()), Some(List(vec!["b".to_owned()]))).is_err());
    }
}
