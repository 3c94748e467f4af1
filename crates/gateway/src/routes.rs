//! What is served, and what happens to a request before and after the API.

use crate::answer_headers::{new_request_id, response};
use crate::answer_line::AnswerLine;
use crate::answered::{answered, routed};
use crate::clients::Clients;
use crate::connection::Work;
use crate::edge::Edge;
use crate::listener::listen;
use crate::{Gateway, calls, open};
use api::Answer;
use api::error::ApiError;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use platform::Shutdown;
use platform::telemetry::traces::REQUEST;
use std::sync::{Arc, OnceLock};
use tracing::Instrument;

type HttpRequest = http::Request<Incoming>;

/// Serves until the shutdown is requested and its delay is over, and then until the requests under way are answered.
pub async fn serve(gateway: Gateway, listener: std::net::TcpListener, shutdown: Shutdown) -> std::io::Result<()> {
    let clients = Clients::new(gateway.limits.clone(), gateway.trusted_proxies.clone(), shutdown);
    let shutdown_delay = gateway.shutdown_delay;
    let edge = Arc::new(Edge::new(gateway));
    listen(listener, clients, shutdown_delay, move |connection, request| {
        let edge = edge.clone();
        answered(connection, request, async move |work, request| entry(&edge, work, request).await)
    })
    .await
}

/// Answers a request, and says that it was answered.
async fn entry(edge: &Edge, work: &mut Work, request: HttpRequest) -> Response {
    let path = request.uri().path();
    if edge.is_document(path) {
        // Whether the server is well is said even then.
        if !matches!(path, "/healthz" | "/readyz") && work.has_too_much() {
            return response(Answer::error(&ApiError::overloaded()), request.headers(), &new_request_id());
        }
        return routed(edge.documents(), request).await;
    }
    let page = edge.gateway.api.open.find(path);
    if page.is_none() && request.method() == Method::OPTIONS {
        return preflight();
    }
    let request_id = new_request_id();
    let (parts, body) = request.into_parts();
    let route = if page.is_some() { None } else { edge.gateway.api.endpoints.find(&parts.method, parts.uri.path()) };
    // Only paths and methods that are served are labels: what strangers ask for is unbounded.
    let (operation, served) = match (&page, &route) {
        (Some(page), _) => (page.endpoint.path, page.endpoint.methods.contains(&parts.method)),
        (None, Some(route)) => (route.endpoint.path, true),
        (None, None) => ("unknown", false),
    };
    let span = tracing::info_span!(target: REQUEST, "request", %request_id, method = %parts.method, operation);
    let tenant = OnceLock::new();
    let line = AnswerLine::new(&span, &request_id, (&parts.method, operation, served), &tenant);
    line.trace(&parts.headers, parts.version, route.as_ref().map(|_| parts.uri.path()));
    let answer = async {
        match page {
            Some(page) => (open::answer(edge, &page, work, &parts, &request_id, body).await, false),
            None => {
                let answer = calls::answer(edge, route, work, &parts, (&request_id, &tenant), body).await;
                let replayed = answer.replayed;
                (response(answer, &parts.headers, &request_id), replayed)
            }
        }
    };
    let (response, replayed) = answer.instrument(span.clone()).await;
    line.answered(response.status().as_u16(), replayed);
    response
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
