//! The path of every request, whatever it asks for and however it came.

use crate::api::Api;
use crate::call::Call;
use crate::carried_through::{carried_through, while_awaited};
use crate::conflict::retried;
use crate::endpoint::Endpoint;
use crate::error::{ApiError, Failure, Result};
use crate::expand;
use crate::form::Node;
use crate::idempotency::{self, Key, KeyState};
use crate::json::pretty;
use crate::openapi;
use crate::params::Param;
use crate::replay::replay;
use crate::reply::Reply;
use crate::request::{Answer, Request};
use contracts::{Caller, IdempotencyRecord};
use http::Method;
use std::sync::Arc;

/// How often a decision is made again because an object had changed meanwhile.
const DECISIONS_MAX: u32 = 10;

impl Api {
    /// Answers a request. It is carried through even if the caller stops waiting, unless it only reads: then it is stopped.
    /// `held` is let go when it has ended.
    pub async fn answer(self: &Arc<Self>, request: Request, held: impl Send + 'static) -> Answer {
        let (api, reads) = (self.clone(), request.endpoint.reads());
        let work = async move { api.run(request).await };
        let answer = if reads { while_awaited(work, held).await } else { carried_through(work, held).await };
        answer.unwrap_or_else(|| Answer::error(&ApiError::internal()))
    }

    /// The answer to a request for which there is no endpoint.
    pub fn unknown_endpoint(&self, method: &Method, path: &str) -> ApiError {
        let shown: String = path.chars().take(200).collect();
        let message = if openapi::is_known_elsewhere(method, path) {
            format!("{method} {shown} is not implemented by Florin; /openapi.json lists what is.")
        } else {
            format!("Unrecognized request URL ({method}: {shown}); /openapi.json lists what there is.")
        };
        ApiError::no_such_endpoint(message)
    }

    async fn run(self: &Arc<Self>, request: Request) -> Answer {
        match self.try_answer(request).await {
            Ok(answer) => answer,
            Err(Failure::Error(error)) => Answer::error(&error),
            Err(Failure::Conflict) => Answer::error(&ApiError::lock_timeout()),
            Err(Failure::Replay(record)) => Answer::error(&ApiError::key_in_use(&record.key)),
        }
    }

    async fn try_answer(self: &Arc<Self>, request: Request) -> Result<Answer> {
        let Request { endpoint, path_params, path, mut params, idempotency_key, request_id, caller } = request;
        endpoint.check_access(caller.key)?;
        let key = match idempotency_key {
            Some(key) if endpoint.method == Method::POST => {
                Some(Arc::new(checked_key(key, &endpoint, &path, &params, &caller)?))
            }
            _ => None,
        };
        let expand: Vec<String> = match params.take("expand") {
            Some(node) => expand::Paths::parse(node, "expand")?.0,
            None => Vec::new(),
        };
        let tree = expand::plan(&self.services.kinds, endpoint.returns, &expand)?;
        let call = Call {
            services: self.services.clone(),
            now: self.services.clock.now(),
            caller,
            request_id,
            path_params,
            path,
            expands: !tree.is_empty(),
            key,
        };
        let _running = match &call.key {
            Some(key) => {
                let entry = self.keys.enter(call.tenant_id(), &key.key);
                // Most repeated requests are answered here, before anything is decided. Any other is noticed when it
                // commits: most keys are new, and a look-up for each would cost a quarter of a payment.
                if (entry.is_recent || entry.guard.is_none())
                    && let Some(answer) = answered_before(&call, &tree).await?
                {
                    return Ok(answer);
                }
                Some(entry.guard.ok_or_else(|| ApiError::key_in_use(&key.key))?)
            }
            None => None,
        };
        let result = match decide(&endpoint, &call, params).await {
            Ok(reply) => finished(&endpoint, &call, reply, &tree).await,
            Err(failure) => Err(failure),
        };
        conclude(&call, result, &tree).await
    }
}

/// Runs the handler, again if an object changed between being read and being written.
async fn decide(endpoint: &Endpoint, call: &Call, params: Node) -> Result<Reply> {
    retried(DECISIONS_MAX, || (endpoint.handler)(call.clone(), params.clone())).await
}

async fn finished(endpoint: &Endpoint, call: &Call, reply: Reply, tree: &expand::Tree) -> Result<Answer> {
    let mut body = reply.body;
    if !tree.is_empty() {
        match expand::expanded(call, &body, tree).await? {
            Some(expanded) => body = expanded,
            None if endpoint.method == Method::GET => return Err(expand::too_large().into()),
            // What has had an effect is not answered by an error: the object is shown as it is.
            None => (),
        }
    }
    if call.key.as_ref().is_some_and(|key| key.state() != KeyState::Answered) {
        call.keep_answer(200, &body).await?;
    }
    Ok(Answer { status: 200, body, replayed: false })
}

/// The first request's answer, if the request is a repeated one.
async fn answered_before(call: &Call, tree: &expand::Tree) -> Result<Option<Answer>> {
    let Some(key) = &call.key else { return Ok(None) };
    match call.services.ledger.idempotency(call.tenant_id(), &key.key).await? {
        Some(record) => replayed(call, &record, tree).await.map(Some),
        None => Ok(None),
    }
}

async fn replayed(call: &Call, record: &IdempotencyRecord, tree: &expand::Tree) -> Result<Answer> {
    let (status, body) = replay(call, record, tree).await?;
    Ok(Answer { status, body, replayed: true })
}

/// Makes an answer of the result. A repeated request gets the first request's answer, whatever its own result is.
async fn conclude(call: &Call, result: Result<Answer>, tree: &expand::Tree) -> Result<Answer> {
    let (failure, key) = match (result, &call.key) {
        (Err(failure), Some(key)) => (failure, key),
        (result, _) => return result,
    };
    let error = match failure {
        Failure::Replay(record) => return replayed(call, &record, tree).await,
        Failure::Conflict => return Err(Failure::Conflict),
        Failure::Error(error) => error,
    };
    match key.state() {
        // The request has had an effect. An error that came afterwards says nothing about it: the repeated request, or the
        // worker that finds the attempt, gets the outcome. A decline was written with its effect.
        KeyState::Answered | KeyState::Running => (),
        KeyState::Unused => {
            // It may fail now because it succeeded before.
            if let Some(answer) = answered_before(call, tree).await? {
                return Ok(answer);
            }
            if error.kept {
                match call.keep_answer(error.status, &pretty(&error.to_json())).await {
                    Err(Failure::Replay(record)) => return replayed(call, &record, tree).await,
                    kept => kept?,
                }
            }
        }
    }
    Err(Failure::Error(error))
}

fn checked_key(key: String, endpoint: &Endpoint, path: &str, params: &Node, caller: &Caller) -> Result<Key, ApiError> {
    if key.is_empty() || key.chars().count() > idempotency::KEY_MAX {
        let message = format!("Idempotency keys are 1 to {} characters long.", idempotency::KEY_MAX);
        return Err(ApiError::invalid(message));
    }
    Ok(Key::new(key, idempotency::fingerprint(&endpoint.method, path, params, caller)))
}
