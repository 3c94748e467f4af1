//! The headers that every answer has, and those that a request is read from.

use api::error::ApiError;
use api::openapi::API_VERSION;
use api::{Incoming, Outgoing};
use axum::body::Body;
use axum::response::Response;
use contracts::Caller;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use types::{Entropy, SystemEntropy};

pub const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("stripe-should-retry");

/// A new request id: `req_` and 16 letters and digits.
pub fn new_request_id() -> Arc<str> {
    format!("req_{}", SystemEntropy::new().alphanumeric(16)).into()
}

/// The request as the API takes it.
pub fn incoming(parts: &Parts, body: bytes::Bytes, caller: Caller, request_id: Arc<str>) -> Result<Incoming, ApiError> {
    let text = |name: &HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    check_version(&parts.headers)?;
    let idempotency_key = match parts.headers.get(&IDEMPOTENCY_KEY) {
        Some(value) => {
            let key =
                value.to_str().map_err(|_| ApiError::invalid("Idempotency keys are made of ASCII characters."))?;
            Some(key.to_owned())
        }
        None => None,
    };
    Ok(Incoming {
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        content_type: text(&CONTENT_TYPE),
        body,
        idempotency_key,
        request_id,
        caller,
    })
}

/// One shape is served whatever version is asked for, but nonsense is refused.
fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(&STRIPE_VERSION) else { return Ok(()) };
    let date = value.as_bytes().get(..10).unwrap_or_default();
    let is_date = date.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let rest = value.as_bytes().get(10..).unwrap_or_default();
    let plain = rest.iter().all(|byte| byte.is_ascii_alphanumeric() || b".;=_- v".contains(byte));
    if date.len() == 10 && is_date && plain && rest.len() < 80 {
        return Ok(());
    }
    Err(ApiError::invalid(format!("Invalid Stripe API version; this server speaks {API_VERSION}.")))
}

/// The answer as it goes out.
pub fn outgoing(answer: Outgoing, request: &HeaderMap, request_id: &str) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        http::StatusCode::from_u16(answer.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
    headers.insert("access-control-expose-headers", HeaderValue::from_static("Request-Id, Stripe-Should-Retry"));
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
        429 | 503 => {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("true"));
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => (),
    }
    response
}
