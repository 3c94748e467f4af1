//! The path of every request, whatever it asks for and however it came.

use crate::api::Api;
use crate::call::Call;
use crate::card_testing::Try;
use crate::carried_through::{carried_through, while_awaited};
use crate::conflict::retried;
use crate::effect::Effect;
use crate::endpoint::Endpoint;
use crate::error::{ApiError, Failure, Result};
use crate::expand;
use crate::form::Node;
use crate::idempotency::{self, Key, KeyState};
use crate::json::pretty;
use crate::openapi;
use crate::origin::Origin;
use crate::params::{max_length, take};
use crate::replay::replay;
use crate::reply::Reply;
use crate::request::{Answer, Request};
use contracts::{Caller, IdempotencyRecord};
use domain::commit::KeyIdentity;
use http::Method;
use platform::telemetry::traces::{self, TRACE};
use std::sync::Arc;
use tracing::Instrument;

/// How often a decision is made again because an object had changed meanwhile.
const DECISIONS_MAX: u32 = 10;

impl Api {
    /// Answers a request. It is carried through even if the caller stops waiting, unless it only reads: then it is stopped.
    /// `held` is let go when it has ended.
    pub async fn answer(self: &Arc<Self>, request: Request, held: impl Send + 'static) -> Answer {
        let (api, reads) = (self.clone(), request.endpoint.reads());
        // In a box: it is large, and moved several times before it runs.
        let work = Box::pin(async move { api.run(request).await });
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
            Err(Failure::Replay(record)) => Answer::error(&ApiError::key_in_use(KeyIdentity::as_sent(&record.key))),
        }
    }

    async fn try_answer(self: &Arc<Self>, request: Request) -> Result<Answer> {
        let Request { endpoint, path_params, path, mut params, idempotency_key, request_id, caller, origin } = request;
        endpoint.admit(caller.key, &params)?;
        let key = match idempotency_key {
            Some(key) if endpoint.method == Method::POST => {
                Some(Arc::new(checked_key(key, &endpoint, &path, &params, &caller)?))
            }
            _ => None,
        };
        let expand: Option<expand::Paths> = take(&mut params, "", "expand", max_length(&[]))?;
        let expand = expand.map_or_else(Vec::new, |paths| paths.0);
        let tree = expand::plan(&self.services.kinds, endpoint.returns, &expand)?;
        let mut call = Call {
            services: self.services.clone(),
            now: self.services.clock.now(),
            caller,
            request_id,
            path_params,
            path,
            expands: !tree.is_empty(),
            key,
            effect: Effect::default(),
            tried: None,
        };
        let mut is_looked_up = false;
        let running = match &call.key {
            Some(key) => {
                let entry = self.keys.enter(call.tenant_id(), key, self.services.ledger.epoch(), call.now);
                if let Some(answer) = entry.answer {
                    return Ok(answer);
                }
                // Most other repeated requests are answered here, before anything is decided. Any other is noticed when it
                // commits: most keys are new, and a look-up for each would cost a quarter of a payment.
                if entry.is_recent || entry.guard.is_none() {
                    if let Some(answer) = answered_before(&call, &tree).await? {
                        return Ok(answer);
                    }
                    is_looked_up = true;
                }
                Some(entry.guard.ok_or_else(|| ApiError::key_in_use(&key.key))?)
            }
            None => None,
        };
        let result = match self.begin_try(&endpoint, &call, origin) {
            Ok(tried) => {
                call.tried = tried;
                match decide(&endpoint, &call, params).await {
                    Ok(reply) => finished(&endpoint, &call, reply, &tree).await,
                    Err(failure) => Err(failure),
                }
            }
            // The key was just looked up, and nothing was decided since.
            Err(error) if is_looked_up => return Err(error.into()),
            Err(error) => Err(error.into()),
        };
        let result = result.map_err(|failure| call.told(failure));
        let answer = conclude(&call, result, &tree).await;
        // A repeated request, whose first was declined, is no further failure: its answer is `Ok`.
        if let (Some(tried), Err(Failure::Error(error))) = (&call.tried, &answer)
            && error.status == 402
        {
            tried.failed(error);
        }
        if let (Some(running), Some(key), Ok(answer)) = (&running, &call.key, &answer)
            && key.state() == KeyState::Answered
            && !answer.replayed
        {
            running.answered(key, answer, call.now);
        }
        answer
    }

    /// A payer's request is a try to pay, of which so many may fail; test cards may be tried as often as tests like.
    fn begin_try(&self, endpoint: &Endpoint, call: &Call, origin: Origin) -> Result<Option<Arc<Try>>, ApiError> {
        if !call.is_public() || !call.caller.livemode || endpoint.method != Method::POST {
            return Ok(None);
        }
        Ok(Some(Arc::new(self.services.tries.begin(call.tenant_id(), origin, call.now)?)))
    }
}

/// Runs the handler, again if an object changed between being read and being written.
async fn decide(endpoint: &Endpoint, call: &Call, params: Node) -> Result<Reply> {
    let span = tracing::info_span!(target: TRACE, "decide");
    let decided = retried(DECISIONS_MAX, || (endpoint.handler)(call.clone(), params.clone()));
    let result = decided.instrument(span.clone()).await;
    if let Err(Failure::Error(error)) = &result
        && error.status >= 500
    {
        traces::failed(&span, || error.status.to_string());
    }
    result
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
    Ok(Answer { status: 200, body, replayed: false, retry_after: None })
}

/// The first request's answer, if the request is a repeated one.
async fn answered_before(call: &Call, tree: &expand::Tree) -> Result<Option<Answer>> {
    match call.earlier().await? {
        Some(record) => replayed(call, &record, tree).await.map(Some),
        None => Ok(None),
    }
}

async fn replayed(call: &Call, record: &IdempotencyRecord, tree: &expand::Tree) -> Result<Answer> {
    // The first request may have had an effect.
    call.effect.begun();
    let (status, body) = replay(call, record, tree).await.map_err(|failure| call.told(failure))?;
    Ok(Answer { status, body, replayed: true, retry_after: None })
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
            match call.earlier().await {
                Ok(Some(record)) => return replayed(call, &record, tree).await,
                Ok(None) => (),
                // What kept it from being carried out says more than what keeps its key from being looked up.
                Err(_) if error.status == 503 => return Err(error.into()),
                Err(failure) => return Err(failure),
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
    Ok(Key::new(key, caller, idempotency::fingerprint(&endpoint.method, path, params)))
}
