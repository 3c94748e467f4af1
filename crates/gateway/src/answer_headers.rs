//! The headers that every answer has.

use api::Answer;
use api::version::API_VERSION;
use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use types::{Entropy, SystemEntropy};

pub const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
pub const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("stripe-should-retry");

/// A new request id: `req_` and 16 letters and digits.
pub fn new_request_id() -> Arc<str> {
    format!("req_{}", SystemEntropy::new().alphanumeric(16)).into()
}

/// An answer as an HTTP response.
pub fn response(answer: Answer, request: &HeaderMap, request_id: &str) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        http::StatusCode::from_u16(answer.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
    headers.insert(
        "access-control-expose-headers",
        HeaderValue::from_static("Request-Id, Retry-After, Stripe-Should-Retry"),
    );
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    let version = request.get(&STRIPE_VERSION).cloned().unwrap_or(HeaderValue::from_static(API_VERSION));
    headers.insert(STRIPE_VERSION, version);
    if let Some(key) = request.get(&IDEMPOTENCY_KEY) {
        headers.insert(IDEMPOTENCY_KEY, key.clone());
    }
    if answer.replayed {
        headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    match answer.status {
        401 => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Florin\""));
        }
        409 => {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("true"));
        }
        429 | 503 | 504 => {
            // Clients try again by themselves after a second, not after an hour.
            let at_once = answer.retry_after.is_none();
            headers.insert(SHOULD_RETRY, HeaderValue::from_static(if at_once { "true" } else { "false" }));
            let seconds = answer.retry_after.map_or(1, |wait| wait.as_secs().saturating_add(1));
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        _ => (),
    }
    response
}
