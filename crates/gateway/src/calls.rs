//! Calls of the API: requests that show a key.

use crate::body::{read, too_large};
use crate::connection::Work;
use crate::edge::Edge;
use crate::limits::{Limits, millis, reached};
use crate::{address, auth, parameters};
use api::endpoint::Route;
use api::error::ApiError;
use api::{Answer, Origin, Request};
use contracts::{Caller, KeyKind};
use futures_util::FutureExt;
use http::request::Parts;
use hyper::body::Incoming;
use std::sync::{Arc, OnceLock};
use types::TenantId;

/// Answers one of them. What is wrong with its head is said before its body is read.
pub async fn answer(
    edge: &Edge,
    route: Option<Route>,
    work: &mut Work,
    parts: &Parts,
    (request_id, tenant): (&Arc<str>, &OnceLock<TenantId>),
    body: Incoming,
) -> Answer {
    let limit = work.limits().request_timeout_ms;
    let reads = route.as_ref().is_some_and(|route| route.endpoint.reads());
    let answer = async {
        let authenticated = auth::authenticate(&*edge.gateway.identity, &parts.headers);
        // While too much is held, no more waits for keys to be looked up: of keys that are known nothing is.
        let (caller, key) = match work.has_too_much() {
            true => authenticated.now_or_never().ok_or_else(ApiError::overloaded)??,
            false => authenticated.await?,
        };
        let _ = tenant.set(caller.tenant.id);
        tracing::debug!(tenant = %caller.tenant.id, "authenticated");
        work.shows(caller.key);
        if work.has_too_much() {
            return Err(ApiError::overloaded());
        }
        parameters::check_version(&parts.headers)?;
        let idempotency_key = parameters::idempotency_key(&parts.headers)?;
        let path = parts.uri.path();
        let Some(Route { endpoint, path_params }) = route else {
            return Err(edge.gateway.api.unknown_endpoint(&parts.method, path));
        };
        endpoint.check_access(caller.key)?;
        let most = body_bytes_max(work.limits(), &caller, parts)?;
        let body = read(work, body, most).await?;
        // Much may have come since.
        if work.has_too_much() {
            return Err(ApiError::overloaded());
        }
        // Not before: how long a body takes is the client's choice.
        let place = edge.places.take()?;
        let params = parameters::read(parts, body).await?;
        let request_id = request_id.clone();
        let path = path.into();
        let origin = origin(edge, work, parts, caller.key, &key);
        let request = Request { endpoint, path_params, path, params, idempotency_key, request_id, caller, origin };
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

/// How long the body may be. A payer may say less than the merchant, and what is in the query counts: it is taken for parameters
/// like the body.
fn body_bytes_max(limits: &Limits, caller: &Caller, parts: &Parts) -> Result<usize, ApiError> {
    match caller.key {
        KeyKind::Secret => Ok(limits.body_bytes_max),
        KeyKind::Publishable => {
            let most = limits.payer_body_bytes_max.min(limits.body_bytes_max);
            most.checked_sub(parts.uri.query().map_or(0, str::len)).ok_or_else(|| too_large(most))
        }
    }
}

/// Where a payer's request comes from. Of the merchant's, nothing is counted by it.
fn origin(edge: &Edge, work: &Work, parts: &Parts, kind: KeyKind, key: &str) -> Origin {
    match kind {
        KeyKind::Secret => Origin::default(),
        KeyKind::Publishable => {
            let address = address::of_client(work.peer(), &parts.headers, &edge.gateway.trusted_proxies);
            Origin::new(Some(address), key)
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
