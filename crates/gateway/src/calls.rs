//! Calls of the API: requests that show a key.

use crate::body::read;
use crate::connection::Work;
use crate::limits::{millis, reached};
use crate::routes::Edge;
use crate::{auth, parameters};
use api::endpoint::Route;
use api::error::ApiError;
use api::{Answer, Request};
use http::request::Parts;
use hyper::body::Incoming;
use std::sync::Arc;

/// Answers one of them. What is wrong with its head is said before its body is read.
pub async fn answer(
    edge: &Edge,
    route: Option<Route>,
    work: &mut Work,
    parts: &Parts,
    request_id: &Arc<str>,
    body: Incoming,
) -> Answer {
    let (limit, body_bytes_max) = (work.limits().request_timeout_ms, work.limits().body_bytes_max);
    let reads = route.as_ref().is_some_and(|route| route.endpoint.reads());
    let answer = async {
        if work.has_too_much() {
            return Err(ApiError::overloaded());
        }
        let caller = auth::authenticate(&*edge.gateway.identity, &parts.headers).await?;
        tracing::debug!(tenant = %caller.tenant.id, "authenticated");
        parameters::check_version(&parts.headers)?;
        let idempotency_key = parameters::idempotency_key(&parts.headers)?;
        let path = parts.uri.path();
        let Some(Route { endpoint, path_params }) = route else {
            return Err(edge.gateway.api.unknown_endpoint(&parts.method, path));
        };
        endpoint.check_access(caller.key)?;
        let body = read(work, body, body_bytes_max).await?;
        // Much may have come since.
        if work.has_too_much() {
            return Err(ApiError::overloaded());
        }
        // Not before: how long a body takes is the client's choice.
        let place = edge.places.take()?;
        let params = parameters::read(parts, body).await?;
        let request_id = request_id.clone();
        let path = path.into();
        let request = Request { endpoint, path_params, path, params, idempotency_key, request_id, caller };
        Ok(edge.gateway.api.answer(request, (place, work.take_held())).await)
    };
    match tokio::time::timeout(millis(limit), answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Answer::error(&error),
        Err(_) => {
            reached("request_timeout_ms");
            Answer::error(&too_slow(reads))
        }
    }
}

fn too_slow(reads: bool) -> ApiError {
    let mut error = ApiError::unavailable();
    error.status = 504;
    error.message = if reads {
        "This took too long, and was given up."
    } else {
        "This is taking too long to wait for, but goes on; ask again with the same idempotency key."
    }
    .into();
    error
}
