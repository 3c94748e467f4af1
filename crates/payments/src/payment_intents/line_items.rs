//! The line items of an intent's amount.

use super::params::LineItemsParams;
use api::call::Call;
use api::error::{ApiError, Result};
use api::list;
use api::reply::Reply;
use domain::payments::payment_intent::PaymentIntent;

/// A page of the line items, in the order in which they were given.
pub async fn list(call: Call, params: LineItemsParams) -> Result<Reply> {
    let intent = call.path_object::<PaymentIntent>("id").await?;
    let limit = usize::try_from(list::limit(params.limit)?).unwrap_or(usize::MAX);
    let items = &intent.line_items;
    let find = |param: &str, id: &Option<String>| match id {
        None => Ok(None),
        Some(id) => match items.iter().position(|item| item["id"] == id.as_str()) {
            Some(at) => Ok(Some(at)),
            None => Err(ApiError::coded("resource_missing", format!("No such line item: '{id}'")).param(param)),
        },
    };
    let after = find("starting_after", &params.starting_after)?;
    let before = find("ending_before", &params.ending_before)?;
    let (from, until) = match (after, before) {
        (_, Some(before)) => (before.saturating_sub(limit), before),
        (Some(after), None) => (after + 1, (after + 1 + limit).min(items.len())),
        (None, None) => (0, limit.min(items.len())),
    };
    let has_more = if before.is_some() { from > 0 } else { until < items.len() };
    let page = items.get(from..until).unwrap_or_default().to_vec();
    Ok(Reply::page(list::envelope(page, has_more, &call.path))?)
}
