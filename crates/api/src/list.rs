//! Lists: newest first, by cursor.

use crate::call::Call;
use crate::error::{ApiError, Failure, Result};
use crate::form::Node;
use crate::json::{ANSWER_BYTES_MAX, Json};
use crate::params::Param;
use crate::reply::Reply;
use crate::resource::{Resource, decode, show};
use crate::{object, params};
use contracts::{ListQuery, Paging};
use domain::Object;
use serde_json::{Value, json};
use types::{Kind, ObjectId, Timestamp};

params! {
    /// Bounds on the time of creation.
    pub struct CreatedRange {
        pub gt: Option<Timestamp>,
        pub gte: Option<Timestamp>,
        pub lt: Option<Timestamp>,
        pub lte: Option<Timestamp>,
    }
}

/// `created`: one second, or bounds.
#[derive(Clone, Debug)]
pub struct Created {
    /// The first millisecond that counts.
    pub from: Option<Timestamp>,
    /// The last millisecond that counts.
    pub until: Option<Timestamp>,
}

impl Param for Created {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        let later = |time: Timestamp, millis: i64| Timestamp::from_millis(time.millis() + millis);
        if let Node::Text(_) = node {
            let second = Timestamp::parse(node, name)?;
            return Ok(Created { from: Some(second), until: Some(later(second, 999)) });
        }
        let range = CreatedRange::parse(node, name)?;
        Ok(Created {
            from: range.gt.map(|time| later(time, 1000)).max(range.gte),
            until: match (range.lt.map(|time| later(time, -1)), range.lte.map(|time| later(time, 999))) {
                (Some(lt), Some(lte)) => Some(lt.min(lte)),
                (lt, lte) => lt.or(lte),
            },
        })
    }

    fn schema() -> Value {
        json!({ "anyOf": [Timestamp::schema(), CreatedRange::schema()] })
    }
}

params! {
    /// What every list takes.
    pub struct ListParams {
        pub limit: Option<i64>,
        pub starting_after: Option<String>,
        pub ending_before: Option<String>,
        pub created: Option<Created>,
    }
}

impl ListParams {
    /// The page that is asked for; `cursor` reads a cursor given as a parameter.
    pub fn paging<C>(&self, cursor: impl Fn(&str, &str) -> Result<C, ApiError>) -> Result<Paging<C>, ApiError> {
        if self.starting_after.is_some() && self.ending_before.is_some() {
            let message = "starting_after and ending_before cannot both be given.";
            return Err(ApiError::invalid(message).param("ending_before"));
        }
        let read = |param: &str, value: &Option<String>| value.as_ref().map(|text| cursor(param, text)).transpose();
        Ok(Paging {
            limit: limit(self.limit)?,
            starting_after: read("starting_after", &self.starting_after)?,
            ending_before: read("ending_before", &self.ending_before)?,
        })
    }
}

/// The size of a page: 1 to 100, 10 unless asked for.
pub fn limit(param: Option<i64>) -> Result<u32, ApiError> {
    match param.map(u32::try_from) {
        None => Ok(10),
        Some(Ok(limit @ 1..=100)) => Ok(limit),
        _ => Err(ApiError::coded("parameter_invalid_integer", "limit must be between 1 and 100.").param("limit")),
    }
}

/// The query of a whole list of a kind.
pub async fn query<R: Resource>(call: &Call, params: ListParams) -> Result<ListQuery> {
    let cursor = |param: &str, id: &str| {
        ObjectId::parse(R::Object::KIND, id).ok_or_else(|| ApiError::missing(R::Object::NOUN, id, Some(param)))
    };
    let paging = params.paging(cursor)?;
    for (param, id) in [("starting_after", paging.starting_after), ("ending_before", paging.ending_before)] {
        if let Some(id) = id {
            call.param_object::<R::Object>(param, &id.to_string()).await?;
        }
    }
    let created = params.created.unwrap_or(Created { from: None, until: None });
    let status = R::LISTED.map(str::to_owned);
    Ok(ListQuery { paging, status, created_from: created.from, created_until: created.until, ..all(R::Object::KIND) })
}

/// Everything of a kind, a page of ten, which has no more bytes than an answer may have.
pub fn all(kind: Kind) -> ListQuery {
    ListQuery { bytes_max: ANSWER_BYTES_MAX, ..ListQuery::all(kind, Paging::newest(10)) }
}

/// The answer to a list's query.
pub async fn reply<R: Resource>(call: &Call, query: &ListQuery) -> Result<Reply> {
    let page = call.services.ledger.list(call.tenant_id(), query).await.map_err(Failure::of_query)?;
    let audience = call.audience();
    let objects = page.items.iter().map(|stored| decode::<R::Object>(&stored.state)).collect::<Result<Vec<_>, _>>()?;
    let data: Vec<_> = objects.iter().map(|object| show::<R>(object, &audience)).collect();
    Ok(Reply::page(envelope(data, page.has_more, &call.path))?)
}

/// A list as it is shown.
pub fn envelope<'a>(data: Vec<impl Into<Json<'a>>>, has_more: bool, url: &'a str) -> Json<'a> {
    object! { "object": "list", "data": data, "has_more": has_more, "url": url }
}
