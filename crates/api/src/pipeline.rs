//! The way of every request, whatever it asks for.

use crate::Api;
use crate::call::{Call, Key, KeyState};
use crate::error::{ApiError, Failure, Result};
use crate::expand;
use crate::form::Node;
use crate::idempotency;
use crate::json::pretty;
use crate::params::Param;
use crate::registry::{Access, Operation, unknown_operation};
use crate::reply::Reply;
use bytes::Bytes;
use contracts::{Caller, KeyKind};
use http::Method;
use std::sync::Arc;
use std::time::Duration;

/// How often a decision is made again because an object had changed meanwhile.
const DECISIONS_MAX: u32 = 10;

/// An authenticated request.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub method: Method,
    /// Without the query.
    pub path: String,
    pub query: Option<String>,
    pub content_type: Option<String>,
    pub body: Bytes,
    pub idempotency_key: Option<String>,
    pub request_id: Arc<str>,
    pub caller: Caller,
}

/// An answer; the headers that every answer has are added at the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub status: u16,
    pub body: String,
    /// Whether this is the answer to an earlier request with the same key.
    pub replayed: bool,
}

impl Outgoing {
    /// An error as an answer.
    pub fn error(error: &ApiError) -> Self {
        Outgoing { status: error.status, body: pretty(&error.to_json()), replayed: false }
    }
}

impl Api {
    /// Answers a request. What it commits is carried through even when the caller stops waiting.
    pub async fn handle(self: &Arc<Self>, incoming: Incoming) -> Outgoing {
        let api = self.clone();
        let span = tracing::Span::current();
        let work = tracing::Instrument::instrument(async move { api.run(incoming).await }, span);
        match tokio::spawn(work).await {
            Ok(outgoing) => outgoing,
            Err(error) => {
                tracing::error!(%error, "a request's task ended early");
                Outgoing::error(&ApiError::internal())
            }
        }
    }

    async fn run(self: &Arc<Self>, incoming: Incoming) -> Outgoing {
        match self.answer(incoming).await {
            Ok(outgoing) => outgoing,
            Err(Failure::Error(error)) => Outgoing::error(&error),
            Err(Failure::Conflict) => Outgoing::error(&ApiError::lock_timeout()),
            Err(Failure::Replay(record)) => Outgoing::error(&ApiError::key_in_use(&record.key)),
        }
    }

    async fn answer(self: &Arc<Self>, incoming: Incoming) -> Result<Outgoing> {
        let Incoming { method, path, caller, .. } = &incoming;
        let (operation, path_params) =
            self.registry.find(method, path).ok_or_else(|| unknown_operation(method, path))?;
        if operation.access == Access::Secret && caller.key == KeyKind::Publishable {
            let message = "This API call cannot be made with a publishable API key; use a secret key.";
            return Err(ApiError::forbidden(message).into());
        }
        let mut params = decode(&incoming).await?;
        let key = match &incoming.idempotency_key {
            Some(key) if *method == Method::POST => Some(Arc::new(read_key(key, &incoming, &params)?)),
            _ => None,
        };
        let expand: Vec<String> = match params.take("expand") {
            Some(node) => Vec::parse(node, "expand")?,
            None => Vec::new(),
        };
        let tree = expand::plan(&self.registry, operation.returns, &expand)?;
        let _running = match &key {
            Some(key) => {
                let guard = self.running.enter(caller.tenant.id, &key.key);
                Some(guard.ok_or_else(|| ApiError::key_in_use(&key.key))?)
            }
            None => None,
        };
        let call = Call {
            api: self.clone(),
            caller: caller.clone(),
            now: self.clock.now(),
            request_id: incoming.request_id.clone(),
            path: path_params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            url: path.as_str().into(),
            expands: !tree.is_empty(),
            key,
        };
        let result = match decide(operation, &call, params).await {
            Ok(reply) => finished(&call, reply, &tree).await,
            Err(failure) => Err(failure),
        };
        conclude(&call, result, &tree).await
    }
}

/// Runs the handler, again when an object changed between being read and being written.
async fn decide(operation: &Operation, call: &Call, params: Node) -> Result<Reply> {
    for round in 1..=DECISIONS_MAX {
        match (operation.handler)(call.clone(), params.clone()).await {
            Err(Failure::Conflict) => tokio::time::sleep(Duration::from_millis(u64::from(round))).await,
            result => return result,
        }
    }
    Err(Failure::Conflict)
}

async fn finished(call: &Call, reply: Reply, tree: &expand::Tree) -> Result<Outgoing> {
    let body = if tree.is_empty() { reply.body } else { expand::expanded(call, &reply.body, tree).await? };
    if call.key.as_ref().is_some_and(|key| key.state() != KeyState::Answered) {
        call.keep_answer(200, &body).await?;
    }
    Ok(Outgoing { status: 200, body, replayed: false })
}

/// Makes an answer of what came out: a repeated request's is the first one's, whatever came out now.
async fn conclude(call: &Call, result: Result<Outgoing>, tree: &expand::Tree) -> Result<Outgoing> {
    let (failure, key) = match (result, &call.key) {
        (Err(failure), Some(key)) => (failure, key),
        (result, _) => return result,
    };
    let error = match failure {
        Failure::Replay(record) => {
            let (status, body) = idempotency::replay(call, &key.fingerprint, &record, tree).await?;
            return Ok(Outgoing { status, body, replayed: true });
        }
        Failure::Conflict => return Err(Failure::Conflict),
        Failure::Error(error) => error,
    };
    match key.state() {
        KeyState::Answered => (),
        // The request has had an effect. That something was out of reach afterwards says nothing about it: whoever
        // repeats the request, or the worker that finds its attempt, finds out.
        KeyState::Running if error.status == 429 || error.status >= 500 => (),
        KeyState::Running => call.keep_answer(error.status, &pretty(&error.to_json())).await?,
        KeyState::Unused => {
            // It may fail now because it succeeded before.
            if let Some(record) = call.api.ledger.idempotency(call.tenant_id(), &key.key).await? {
                let (status, body) = idempotency::replay(call, &key.fingerprint, &record, tree).await?;
                return Ok(Outgoing { status, body, replayed: true });
            }
            if error.kept {
                call.keep_answer(error.status, &pretty(&error.to_json())).await?;
            }
        }
    }
    Err(Failure::Error(error))
}

fn read_key(key: &str, incoming: &Incoming, params: &Node) -> Result<Key, ApiError> {
    if key.is_empty() || key.chars().count() > idempotency::KEY_MAX {
        let message = format!("Idempotency keys are 1 to {} characters long.", idempotency::KEY_MAX);
        return Err(ApiError::invalid(message));
    }
    let fingerprint = idempotency::fingerprint(&incoming.method, &incoming.path, params, incoming.caller.key);
    Ok(Key::new(key.to_owned(), fingerprint))
}

/// The parameters of query and body.
async fn decode(incoming: &Incoming) -> Result<Node, ApiError> {
    let mut params = Node::empty();
    if let Some(query) = &incoming.query {
        params.decode(query.as_bytes())?;
    }
    if incoming.body.is_empty() {
        return Ok(params);
    }
    let content_type = incoming.content_type.as_deref().unwrap_or("application/x-www-form-urlencoded");
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/x-www-form-urlencoded" => params.decode(&incoming.body)?,
        "multipart/form-data" => decode_multipart(&mut params, content_type, incoming.body.clone()).await?,
        other => {
            let shown: String = other.chars().take(80).collect();
            return Err(ApiError::invalid(format!(
                "Invalid request: parameters are sent as application/x-www-form-urlencoded or multipart/form-data, \
                 not {shown}."
            )));
        }
    }
    Ok(params)
}

async fn decode_multipart(params: &mut Node, content_type: &str, body: Bytes) -> Result<(), ApiError> {
    let broken = |error: multer::Error| ApiError::invalid(format!("The multipart body cannot be read: {error}."));
    let boundary = multer::parse_boundary(content_type).map_err(broken)?;
    let stream = futures_util::stream::once(async move { Ok::<_, std::convert::Infallible>(body) });
    let mut parts = multer::Multipart::new(stream, boundary);
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        if part.file_name().is_some() {
            let message = format!("'{name}' is a file, and this operation takes none.");
            return Err(ApiError::invalid(message).param(name));
        }
        let text = part.text().await.map_err(broken)?;
        params.insert(&name, text)?;
    }
    Ok(())
}
