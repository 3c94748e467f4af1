//! Requests that show no API key: pages for payers' browsers, and what processors report.

use crate::answer_headers::REQUEST_ID;
use crate::body::read;
use crate::connection::Work;
use crate::edge::Edge;
use crate::limits::{millis, reached};
use api::error::ApiError;
use api::open::{OpenAnswer, OpenRequest, OpenRoute};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use hyper::body::Incoming;

/// What pages may do. A form may not lead elsewhere, and browsers apply that to all redirects of its answer too: a page that
/// answers a form says itself where its reader goes on to.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Answers one of them. What can be said without the body, is.
pub async fn answer(
    edge: &Edge,
    route: &OpenRoute,
    work: &mut Work,
    parts: &Parts,
    request_id: &str,
    body: Incoming,
) -> Response {
    let mut response = try_answer(edge, route, work, parts, body).await;
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn try_answer(edge: &Edge, route: &OpenRoute, work: &mut Work, parts: &Parts, body: Incoming) -> Response {
    let endpoint = &route.endpoint;
    if !endpoint.methods.contains(&parts.method) {
        let allowed: Vec<&str> = endpoint.methods.iter().map(Method::as_str).collect();
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, allowed.join(", "))]).into_response();
    }
    let services = &edge.gateway.api.services;
    if let Some(nothing) = route.nothing(services) {
        return response(nothing);
    }
    let limit = work.limits().request_timeout_ms;
    let answer = async {
        if work.has_too_much() {
            return Err(ApiError::overloaded());
        }
        let body = read(work, body, endpoint.body_bytes_max).await?;
        if work.has_too_much() {
            return Err(ApiError::overloaded());
        }
        let place = edge.places.take_as_stranger()?;
        let request = OpenRequest {
            services: services.clone(),
            method: parts.method.clone(),
            path_params: route.path_params.clone(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers.clone(),
            body,
        };
        Ok(route.answer(request, (place, work.take_held())).await)
    };
    match tokio::time::timeout(millis(limit), answer).await {
        Ok(Ok(answer)) => response(answer),
        Ok(Err(error)) => refusal(&error),
        Err(_) => {
            reached("request_timeout_ms");
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
    }
}

/// A refusal in words, for who has no API client.
fn refusal(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, error.message.clone()).into_response();
    if matches!(error.status, 429 | 503) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn response(answer: OpenAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    headers.insert("content-security-policy", HeaderValue::from_static(POLICY));
    response
}
