//! What is served, and what happens to a request before and after the API.

use crate::answer_headers::{new_request_id, response};
use crate::body::{read, too_large};
use crate::{Edge, address, auth, open, parameters};
use api::endpoint::Route;
use api::error::ApiError;
use api::{Answer, Origin, Request, openapi};
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use contracts::{Caller, KeyKind};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// Everything that is served.
pub fn router(edge: Arc<Edge>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { Json(serde_json::json!({ "status": "ok" })) }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(document))
        .fallback(entry)
        .with_state(edge)
}

async fn ready(State(edge): State<Arc<Edge>>) -> Response {
    match (edge.gateway.ready)().await {
        Ok(()) => Json(serde_json::json!({ "status": "ok" })).into_response(),
        Err(reason) => {
            let body = serde_json::json!({ "status": "unavailable", "reason": reason });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

async fn metrics(State(edge): State<Arc<Edge>>) -> Response {
    let content_type = [(CONTENT_TYPE, "text/plain; version=0.0.4")];
    (content_type, (edge.gateway.metrics)()).into_response()
}

async fn document(State(edge): State<Arc<Edge>>) -> Response {
    ([(CONTENT_TYPE, "application/json")], edge.openapi.clone()).into_response()
}

/// Every request that is not one of the above.
async fn entry(State(edge): State<Arc<Edge>>, request: HttpRequest) -> Response {
    if let Some(route) = edge.gateway.api.open.find(request.uri().path()) {
        return open::answer(&edge, &route, request).await;
    }
    if request.method() == Method::OPTIONS {
        return preflight();
    }
    let started = Instant::now();
    let request_id = new_request_id();
    let (parts, body) = request.into_parts();
    // Only paths that exist are labels and log entries: what strangers ask for is unbounded.
    let route = edge.gateway.api.endpoints.find(&parts.method, parts.uri.path());
    let endpoint = route.as_ref().map(|route| route.endpoint.clone());
    let operation = endpoint.as_ref().map_or("unknown", |endpoint| endpoint.path);
    let span = tracing::info_span!("request", %request_id, method = %parts.method, operation);
    let answer = answer(&edge, route, &parts, body, &request_id).instrument(span).await;
    let elapsed = started.elapsed();
    // Outside of the span: its fields would have to be written a second time for each request.
    tracing::info!(
        %request_id,
        method = %parts.method,
        operation,
        status = answer.status,
        elapsed_us = elapsed.as_micros() as u64,
        replayed = answer.replayed,
        "answered"
    );
    let labels = [
        ("method", endpoint.as_ref().map_or("unknown", |endpoint| endpoint.method.as_str()).to_owned()),
        ("operation", operation.to_owned()),
        ("status", answer.status.to_string()),
    ];
    metrics::counter!("florin_http_requests_total", &labels).increment(1);
    metrics::histogram!("florin_http_request_seconds", "operation" => operation).record(elapsed.as_secs_f64());
    response(answer, &parts.headers, &request_id)
}

async fn answer(
    edge: &Edge,
    route: Option<Route>,
    parts: &http::request::Parts,
    body: Body,
    request_id: &Arc<str>,
) -> Answer {
    let Ok(place) = edge.running.clone().try_acquire_owned() else {
        return Answer::error(&ApiError::overloaded());
    };
    let limit = Duration::from_millis(edge.gateway.limits.request_timeout_ms);
    let work = async {
        let caller = auth::authenticate(&*edge.gateway.identity, &parts.headers).await?;
        tracing::debug!(tenant = %caller.tenant.id, "authenticated");
        let body = read_body(edge, &caller, parts, body).await?;
        parameters::check_version(&parts.headers)?;
        let idempotency_key = parameters::idempotency_key(&parts.headers)?;
        let path = parts.uri.path();
        let Some(Route { endpoint, path_params }) = route else {
            return Err(edge.gateway.api.unknown_endpoint(&parts.method, path));
        };
        let params = parameters::read(parts, body).await?;
        let request_id = request_id.clone();
        let path = path.into();
        let origin = origin(edge, parts, &caller);
        let request = Request { endpoint, path_params, path, params, idempotency_key, request_id, caller, origin };
        Ok::<_, ApiError>(edge.gateway.api.answer(request, place).await)
    };
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Answer::error(&error),
        Err(_) => {
            let mut error = ApiError::unavailable();
            error.status = 504;
            error.message =
                "This is taking too long to wait for, but goes on; ask again with the same idempotency key.".into();
            Answer::error(&error)
        }
    }
}

/// A payer may say less than the merchant, and what is in the query counts: it is taken for parameters like the body.
async fn read_body(edge: &Edge, caller: &Caller, parts: &http::request::Parts, body: Body) -> Result<Bytes, ApiError> {
    let limits = &edge.gateway.limits;
    match caller.key {
        KeyKind::Secret => read(body, limits.body_bytes_max).await,
        KeyKind::Publishable => {
            let most = limits.payer_body_bytes_max.min(limits.body_bytes_max);
            let left = most.checked_sub(parts.uri.query().map_or(0, str::len)).ok_or_else(|| too_large(most))?;
            read(body, left).await
        }
    }
}

/// Where a payer's request comes from. Of the merchant's, nothing is counted by it.
fn origin(edge: &Edge, parts: &http::request::Parts, caller: &Caller) -> Origin {
    match caller.key {
        KeyKind::Secret => Origin::default(),
        KeyKind::Publishable => {
            let address = address::of_client(parts, &edge.gateway.trusted_proxies);
            Origin::new(address, &auth::key(&parts.headers).unwrap_or_default())
        }
    }
}

/// Browsers may call with a publishable key from any page: the key gives access, not a cookie.
fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, POST, DELETE"),
        (
            "access-control-allow-headers",
            "Authorization, Content-Type, Idempotency-Key, Stripe-Version, Stripe-Account",
        ),
        ("access-control-max-age", "600"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Edge {
    pub fn new(gateway: crate::Gateway) -> Arc<Self> {
        let openapi =
            serde_json::to_string_pretty(&openapi::document(&gateway.api.services.kinds, &gateway.api.endpoints))
                .unwrap_or_default();
        let running = Arc::new(tokio::sync::Semaphore::new(gateway.limits.requests_max));
        Arc::new(Edge { gateway, openapi, running })
    }
}
