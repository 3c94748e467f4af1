//! One request under way: who asks, what it may load, and how it commits.

use crate::Api;
use crate::error::{ApiError, Failure, Result};
use crate::json::pretty;
use crate::reply::Reply;
use crate::resource::{Resource, View, decode, show};
use contracts::{Caller, KeyKind, Stored, Tenant};
use domain::commit::{Answer, IdempotencyWrite, Request, Step};
use domain::{Changes, Object, Versioned};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use types::{Kind, ObjectId, SystemEntropy, TenantId, Timestamp};

/// A request under way; cheap to clone.
#[derive(Clone)]
pub struct Call {
    pub api: Arc<Api>,
    pub caller: Caller,
    pub now: Timestamp,
    pub request_id: Arc<str>,
    pub path: Arc<[(String, String)]>,
    pub url: Arc<str>,
    /// Whether the caller asked for expansions: then the answer is more than one object's state.
    pub expands: bool,
    pub(crate) key: Option<Arc<Key>>,
}

/// The request's idempotency key, and how far it has got.
pub(crate) struct Key {
    pub key: String,
    pub fingerprint: [u8; 32],
    state: AtomicU8,
}

/// How much of an idempotency key is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyState {
    Unused,
    /// Something was written; the answer was not known then.
    Running,
    Answered,
}

impl Key {
    pub fn new(key: String, fingerprint: [u8; 32]) -> Self {
        Key { key, fingerprint, state: AtomicU8::new(0) }
    }

    /// The key of a request that was interrupted, and is still to be answered.
    pub fn running(key: String, fingerprint: [u8; 32]) -> Self {
        Key { key, fingerprint, state: AtomicU8::new(1) }
    }

    pub fn state(&self) -> KeyState {
        match self.state.load(Ordering::Acquire) {
            0 => KeyState::Unused,
            1 => KeyState::Running,
            _ => KeyState::Answered,
        }
    }

    fn advance(&self, state: KeyState) {
        self.state.store(if state == KeyState::Running { 1 } else { 2 }, Ordering::Release);
    }
}

/// What a handler makes of a decision: the reply, or the error that the decision itself amounts to (a decline).
pub type Outcome = Result<Reply, ApiError>;

impl Call {
    /// Work that no request asks for now; `key` is that of a request which was interrupted.
    pub(crate) fn of_worker(api: &Arc<Api>, caller: &Caller, key: Option<Key>) -> Self {
        Call {
            api: api.clone(),
            caller: caller.clone(),
            now: api.clock.now(),
            request_id: "".into(),
            path: Arc::new([]),
            url: "".into(),
            expands: false,
            key: key.map(Arc::new),
        }
    }

    pub fn tenant(&self) -> &Tenant {
        &self.caller.tenant
    }

    pub fn tenant_id(&self) -> TenantId {
        self.caller.tenant.id
    }

    /// Whether a publishable key is asking.
    pub fn is_public(&self) -> bool {
        self.caller.key == KeyKind::Publishable
    }

    /// How this caller sees objects.
    pub fn view(&self) -> View {
        View {
            tenant: self.tenant_id(),
            livemode: self.caller.livemode,
            now: self.now,
            public: self.is_public(),
            public_url: self.api.config.public_url.clone(),
        }
    }

    /// Checks a client secret, which with a publishable key must be given.
    pub fn check_client_secret(&self, secret: &str, given: Option<&str>) -> Result<()> {
        match given {
            Some(given) if given != secret => {
                let message = "The client_secret provided does not match the intent's.";
                Err(ApiError::coded("resource_missing", message).param("client_secret").into())
            }
            None if self.is_public() => {
                let message = "With a publishable key the intent's client_secret must be given.";
                Err(ApiError::coded("parameter_missing", message).param("client_secret").into())
            }
            _ => Ok(()),
        }
    }

    /// An empty decision, at this request's time.
    pub fn changes(&self) -> Changes {
        Changes::new(self.now, Box::new(SystemEntropy::new()))
    }

    /// The id in the URL, or 404.
    pub fn path_id(&self, kind: Kind, name: &str) -> Result<ObjectId> {
        let text = self.path_text(name);
        ObjectId::parse(kind, text).ok_or_else(|| ApiError::missing(kind, text, None).into())
    }

    pub fn path_text(&self, name: &str) -> &str {
        self.path.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The object in the URL, or 404.
    pub async fn path_object<T: Object>(&self, name: &str) -> Result<Versioned<T>> {
        let id = self.path_id(T::KIND, name)?;
        let missing = || ApiError::missing(T::KIND, self.path_text(name), None).into();
        self.load::<T>(id).await?.ok_or_else(missing)
    }

    /// The object that a parameter names, or 400.
    pub async fn param_object<T: Object>(&self, param: &str, id: &str) -> Result<Versioned<T>> {
        let missing = || ApiError::missing(T::KIND, id, Some(param)).into();
        match ObjectId::parse(T::KIND, id) {
            Some(id) => self.load::<T>(id).await?.ok_or_else(missing),
            None => Err(missing()),
        }
    }

    /// The object of that id, which may come from another object's state.
    pub async fn load<T: Object>(&self, id: ObjectId) -> Result<Option<Versioned<T>>> {
        let stored = self.api.ledger.objects(self.tenant_id(), &[id]).await?;
        stored.into_iter().flatten().next().map(|stored| decoded(&stored)).transpose()
    }

    /// An object that another one refers to: it must be there.
    pub async fn referenced<T: Object>(&self, id: ObjectId) -> Result<Versioned<T>> {
        self.load::<T>(id).await?.ok_or_else(|| {
            tracing::error!(%id, "a referenced object is not there");
            ApiError::internal().into()
        })
    }

    /// An object as the answer.
    pub fn reply<T: Resource>(&self, object: &Versioned<T>) -> Reply {
        Reply { body: pretty(&show(&**object, &self.view())), shows: Some((object.id(), object.version)) }
    }

    /// Writes a decision together with the request's answer.
    pub async fn commit(&self, changes: Changes, outcome: &Outcome) -> Result<()> {
        let answer = match outcome {
            // Still to be expanded, perhaps: until it is, a repeated request expands it.
            Ok(Reply { shows: Some((id, version)), .. }) => Answer::Object { status: 200, id: *id, version: *version },
            Ok(_) => Answer::Running,
            Err(error) => Answer::Body { status: error.status, body: pretty(&error.to_json()) },
        };
        self.write(changes.into_commit(), answer).await
    }

    /// Writes a decision and answers with one of its objects.
    pub async fn commit_and_show<T: Resource>(&self, changes: Changes, object: &Versioned<T>) -> Result<Reply> {
        let outcome = Ok(self.reply(object));
        self.commit(changes, &outcome).await?;
        outcome.map_err(Failure::from)
    }

    /// Writes a decision whose answer will only be known later.
    pub async fn commit_step(&self, changes: Changes) -> Result<()> {
        self.write(changes.into_commit(), Answer::Running).await
    }

    /// Writes a decision that answers nobody.
    pub(crate) async fn commit_bare(&self, changes: Changes) -> Result<()> {
        if !changes.is_empty() {
            self.api.ledger.commit(self.tenant_id(), changes.into_commit()).await?;
        }
        Ok(())
    }

    /// Keeps the answer to a request whose key is not answered yet.
    pub(crate) async fn keep_answer(&self, status: u16, body: &str) -> Result<()> {
        let empty = self.changes().into_commit();
        self.write(empty, Answer::Body { status, body: body.to_owned() }).await
    }

    /// Keeps what an object, the answer so far, was expanded to.
    pub(crate) async fn keep_expanded(&self, status: u16, body: &str) -> Result<()> {
        if let Some(key) = &self.key {
            key.advance(KeyState::Running);
        }
        let empty = self.changes().into_commit();
        self.write(empty, Answer::Body { status, body: body.to_owned() }).await
    }

    async fn write(&self, mut commit: domain::Commit, answer: Answer) -> Result<()> {
        let reached = match answer {
            Answer::Running => KeyState::Running,
            Answer::Object { .. } if self.expands => KeyState::Running,
            Answer::Object { .. } | Answer::Body { .. } => KeyState::Answered,
        };
        if let Some(key) = &self.key {
            let step = if key.state() == KeyState::Unused { Step::Begin } else { Step::Finish };
            if step == Step::Begin || answer != Answer::Running {
                let (key, fingerprint) = (key.key.clone(), key.fingerprint);
                commit.idempotency = Some(IdempotencyWrite { key, fingerprint, step, answer });
            }
        }
        if commit.entries.is_empty() && commit.idempotency.is_none() {
            return Ok(());
        }
        commit.request = (!self.request_id.is_empty()).then(|| Request {
            id: self.request_id.to_string(),
            idempotency_key: self.key.as_ref().map(|key| key.key.clone()),
        });
        self.api.ledger.commit(self.tenant_id(), commit).await?;
        if let Some(key) = &self.key {
            key.advance(reached);
        }
        Ok(())
    }
}

/// A stored object, typed.
pub fn decoded<T: Object>(stored: &Stored) -> std::result::Result<Versioned<T>, Failure> {
    Ok(Versioned::new(stored.version, decode::<T>(&stored.state)?))
}
