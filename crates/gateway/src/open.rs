//! Requests that show no API key: pages for payers' browsers, and what processors report.

use crate::Edge;
use crate::body::read;
use api::open::{OpenAnswer, OpenRequest, OpenRoute};
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use std::time::Duration;

/// Answers one of them.
pub async fn answer(edge: &Edge, route: &OpenRoute, request: HttpRequest) -> Response {
    let Ok(place) = edge.running.clone().try_acquire_owned() else {
        let wait = [(RETRY_AFTER, "1")];
        return (StatusCode::TOO_MANY_REQUESTS, wait, "too many requests; try again").into_response();
    };
    let (parts, body) = request.into_parts();
    let limit = Duration::from_millis(edge.gateway.limits.request_timeout_ms);
    let work = async {
        let Ok(body) = read(body, edge.gateway.limits.body_bytes_max).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        let request = OpenRequest {
            services: edge.gateway.api.services.clone(),
            method: parts.method,
            path_params: route.path_params.clone(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
        };
        response(route.answer(request, place).await)
    };
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| StatusCode::GATEWAY_TIMEOUT.into_response())
}

fn response(answer: OpenAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    for (name, value) in [
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
    if let Some(location) = answer.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        headers.insert(LOCATION, location);
    }
    response
}
