//! What happens to a request before and after the API.

use crate::headers::{incoming, new_request_id, outgoing};
use crate::{Edge, auth};
use api::error::ApiError;
use api::{Outgoing, hosted, openapi};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
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
            tracing::warn!(reason, "not ready");
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
async fn entry(State(edge): State<Arc<Edge>>, request: Request) -> Response {
    if request.uri().path().starts_with(hosted::PREFIX) {
        return page(&edge, request).await;
    }
    if request.method() == Method::OPTIONS {
        return preflight();
    }
    let started = Instant::now();
    let request_id = new_request_id();
    let (parts, body) = request.into_parts();
    // Only paths that exist are labels and log entries: what strangers ask for is unbounded.
    let known = edge.gateway.api.registry.find(&parts.method, parts.uri.path()).map(|(operation, _)| operation);
    let operation = known.map_or("unknown", |known| known.path);
    let span = tracing::info_span!("request", %request_id, method = %parts.method, operation);
    let answer = answer(&edge, &parts, body, &request_id).instrument(span).await;
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
        ("method", known.map_or("unknown", |known| known.method.as_str()).to_owned()),
        ("operation", operation.to_owned()),
        ("status", answer.status.to_string()),
    ];
    metrics::counter!("florin_http_requests_total", &labels).increment(1);
    metrics::histogram!("florin_http_request_seconds", "operation" => operation).record(elapsed.as_secs_f64());
    outgoing(answer, &parts.headers, &request_id)
}

async fn answer(edge: &Edge, parts: &http::request::Parts, body: Body, request_id: &Arc<str>) -> Outgoing {
    let Ok(_running) = edge.running.clone().try_acquire_owned() else {
        return Outgoing::error(&ApiError::overloaded());
    };
    let limit = Duration::from_millis(edge.gateway.limits.request_timeout_ms);
    let work = async {
        let caller = auth::authenticate(&*edge.gateway.identity, &parts.headers).await?;
        tracing::debug!(tenant = %caller.tenant.id, "authenticated");
        let body = read(body, edge.gateway.limits.body_bytes_max).await?;
        let incoming = incoming(parts, body, caller, request_id.clone())?;
        Ok::<_, ApiError>(edge.gateway.api.handle(incoming).await)
    };
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Outgoing::error(&error),
        Err(_) => {
            let mut error = ApiError::unavailable();
            error.status = 504;
            error.message =
                "This is taking too long to wait for, but goes on; ask again with the same idempotency key.".into();
            Outgoing::error(&error)
        }
    }
}

async fn read(body: Body, most: usize) -> Result<Bytes, ApiError> {
    axum::body::to_bytes(body, most).await.map_err(|error| {
        let mut refusal = ApiError::invalid(format!("The request's body is larger than {most} bytes, or broke off."));
        refusal.status = 413;
        tracing::debug!(%error, "body");
        refusal
    })
}

/// Browsers may call with a publishable key from any page: the key, not a cookie, is what opens.
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

/// A page for a payer's browser.
async fn page(edge: &Edge, request: Request) -> Response {
    let Ok(_running) = edge.running.clone().try_acquire_owned() else {
        let wait = [(RETRY_AFTER, "1")];
        return (StatusCode::TOO_MANY_REQUESTS, wait, "too many requests; try again").into_response();
    };
    let (parts, body) = request.into_parts();
    let limit = Duration::from_millis(edge.gateway.limits.request_timeout_ms);
    let work = async {
        let Ok(form) = read(body, edge.gateway.limits.body_bytes_max).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        let query = parts.uri.query().unwrap_or_default();
        let page = edge.gateway.api.page(&parts.method, parts.uri.path(), query, &form).await;
        let mut response = Response::new(Body::from(page.html));
        *response.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            (
                "content-security-policy",
                "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
            ),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Some(location) = page.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
            headers.insert(LOCATION, location);
        }
        response
    };
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| StatusCode::GATEWAY_TIMEOUT.into_response())
}

impl Edge {
    pub fn new(gateway: crate::Gateway) -> Arc<Self> {
        let openapi = serde_json::to_string_pretty(&openapi::document(&gateway.api.registry)).unwrap_or_default();
        let running = Arc::new(tokio::sync::Semaphore::new(gateway.limits.requests_max));
        Arc::new(Edge { gateway, openapi, running })
    }
}
