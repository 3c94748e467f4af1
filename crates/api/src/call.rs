//! One request under way: its caller, what it may load, and how it commits.

use crate::card_testing::Try;
use crate::effect::Effect;
use crate::error::{ApiError, Failure, Result};
use crate::idempotency::{Key, KeyState};
use crate::json::pretty;
use crate::reply::Reply;
use crate::resource::{Audience, Resource, decoded, show};
use crate::same_secret::same_secret;
use crate::services::Services;
use contracts::{Caller, CommitError, IdempotencyRecord, KeyKind, Tenant};
use domain::attempts::{Attempt, Status};
use domain::commit::{Answer, IdempotencyWrite, Request, RequestKey, Step};
use domain::{Changes, Object, Versioned};
use std::any::Any;
use std::sync::Arc;
use types::{ObjectId, SystemEntropy, TenantId, Timestamp};

/// A request under way; cheap to clone.
#[derive(Clone)]
pub struct Call {
    pub services: Arc<Services>,
    pub caller: Caller,
    pub now: Timestamp,
    pub request_id: Arc<str>,
    /// The parameters in the path, by name.
    pub path_params: Arc<[(String, String)]>,
    /// The path that was asked for.
    pub path: Arc<str>,
    /// Whether the caller asks for expansions: then the answer is more than one object's state.
    pub expands: bool,
    pub(crate) key: Option<Arc<Key>>,
    pub(crate) effect: Effect,
    /// A payer's request that may fail because of the card.
    pub(crate) tried: Option<Arc<Try>>,
}

/// The result of a decision: the reply, or the error that the decision itself leads to (a decline).
pub type Outcome = Result<Reply, ApiError>;

impl Call {
    /// Work of the worker, or for a request that shows no API key. `request` is the idempotency key of an interrupted
    /// request, which gets the outcome as its answer, as its caller may see it.
    pub fn background(services: &Arc<Services>, caller: &Caller, request: Option<&RequestKey>) -> Self {
        let mut caller = caller.clone();
        if let Some(request) = request {
            caller.key = if request.public { KeyKind::Publishable } else { KeyKind::Secret };
            caller.livemode = request.livemode;
        }
        Call {
            services: services.clone(),
            caller,
            now: services.clock.now(),
            request_id: "".into(),
            path_params: Arc::new([]),
            path: "".into(),
            expands: false,
            key: request.and_then(Key::interrupted).map(Arc::new),
            effect: Effect::default(),
            tried: None,
        }
    }

    /// What another crate has put into the registry; an error if it has not.
    pub fn extension<T: Any + Send + Sync>(&self) -> Result<&T> {
        self.services.extension::<T>().ok_or_else(|| {
            tracing::error!(extension = std::any::type_name::<T>(), "not in the registry");
            ApiError::internal().into()
        })
    }

    /// The request's idempotency key, for an object that must remember it.
    pub fn request_key(&self) -> Option<RequestKey> {
        self.key.as_ref().map(|key| key.to_request_key(&self.caller))
    }

    /// Whether the request has written something, and its answer is not written yet.
    pub fn awaits_answer(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.state() == KeyState::Running)
    }

    /// The end of a request that another process has answered: with that answer.
    pub async fn answered_elsewhere(&self) -> Result<Failure> {
        if self.key.is_none() {
            return Ok(ApiError::internal().into());
        }
        let record = self.earlier().await?;
        Ok(record.map_or_else(|| ApiError::unavailable().into(), |record| Failure::Replay(Box::new(record))))
    }

    /// What the ledger knows of the request's idempotency key, if it has one: this request or an earlier one has begun it.
    pub async fn earlier(&self) -> Result<Option<IdempotencyRecord>> {
        match &self.key {
            Some(key) => Ok(self.services.ledger.idempotency(self.tenant_id(), &key.identity).await?),
            None => Ok(None),
        }
    }

    /// What the caller is told of a failure, after all that was written so far.
    pub fn told(&self, failure: Failure) -> Failure {
        self.effect.told(failure)
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
    pub fn audience(&self) -> Audience {
        Audience {
            tenant: self.tenant_id(),
            livemode: self.caller.livemode,
            now: self.now,
            public: self.is_public(),
            public_url: self.services.environment.public_url.clone(),
        }
    }

    /// Checks a client secret, which with a publishable key must be given.
    pub fn check_client_secret(&self, secret: &str, given: Option<&str>) -> Result<()> {
        match given {
            Some(given) if !same_secret(given, secret) => {
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

    /// A card is about to be tried: refused if it is a payer who tries it, and it has been declined too often.
    pub fn try_card(&self, fingerprint: &str) -> Result<()> {
        Ok(self.tried.as_ref().map_or(Ok(()), |tried| tried.card(fingerprint))?)
    }

    /// An attempt is as far as this. If a payer has tried to pay by it, and it has failed, that counts, also if the payer's request has
    /// ended before.
    pub fn try_has_got(&self, attempt: &Attempt) {
        match (attempt.status, &self.tried) {
            (Status::Succeeded | Status::Canceled, _) => self.services.tries.ended(attempt.id, false, self.now),
            (Status::Declined, _) => self.services.tries.ended(attempt.id, true, self.now),
            (_, Some(tried)) => tried.waits(attempt.id),
            (_, None) => (),
        }
    }

    /// An empty decision, at this request's time.
    pub fn changes(&self) -> Changes {
        Changes::new(self.now, Box::new(SystemEntropy::new()))
    }

    pub fn path_text(&self, name: &str) -> &str {
        self.path_params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The object in the URL, or 404.
    pub async fn path_object<T: Object>(&self, name: &str) -> Result<Versioned<T>> {
        let text = self.path_text(name);
        let missing = || ApiError::missing(T::NOUN, text, None);
        let id = ObjectId::parse(T::KIND, text).ok_or_else(missing)?;
        Ok(self.load::<T>(id).await?.ok_or_else(missing)?)
    }

    /// The object that a parameter names, or 400.
    pub async fn param_object<T: Object>(&self, param: &str, id: &str) -> Result<Versioned<T>> {
        let missing = || ApiError::missing(T::NOUN, id, Some(param)).into();
        match ObjectId::parse(T::KIND, id) {
            Some(id) => self.load::<T>(id).await?.ok_or_else(missing),
            None => Err(missing()),
        }
    }

    /// The object of that id, which may come from another object's state.
    pub async fn load<T: Object>(&self, id: ObjectId) -> Result<Option<Versioned<T>>> {
        let stored = self.services.ledger.objects(self.tenant_id(), &[id]).await?;
        Ok(stored.into_iter().flatten().next().map(|stored| decoded(&stored)).transpose()?)
    }

    /// An object that another object refers to: it must exist.
    pub async fn referenced<T: Object>(&self, id: ObjectId) -> Result<Versioned<T>> {
        self.load::<T>(id).await?.ok_or_else(|| {
            tracing::error!(%id, "a referenced object is not there");
            ApiError::internal().into()
        })
    }

    /// The same for a reference that may be absent.
    pub async fn referenced_if_any<T: Object>(&self, id: Option<ObjectId>) -> Result<Option<Versioned<T>>> {
        match id {
            Some(id) => self.referenced(id).await.map(Some),
            None => Ok(None),
        }
    }

    /// An object as the answer.
    pub fn reply<R: Resource>(&self, object: &Versioned<R::Object>) -> Reply {
        Reply { body: pretty(&show::<R>(object, &self.audience())), shows: Some((object.id(), object.version)) }
    }

    /// Writes a decision together with the request's answer.
    pub async fn commit(&self, changes: Changes, outcome: &Outcome) -> Result<()> {
        let answer = match outcome {
            // It may have to be expanded: until it is, a repeated request expands it.
            Ok(Reply { shows: Some((id, version)), .. }) => Answer::Object { status: 200, id: *id, version: *version },
            Ok(_) => Answer::Running,
            Err(error) => Answer::Body { status: error.status, body: pretty(&error.to_json()) },
        };
        self.write(changes.into_commit(), answer).await
    }

    /// Writes a decision and answers with one of its objects.
    pub async fn commit_and_show<R: Resource>(&self, changes: Changes, object: &Versioned<R::Object>) -> Result<Reply> {
        let outcome = Ok(self.reply::<R>(object));
        self.commit(changes, &outcome).await?;
        outcome.map_err(Failure::from)
    }

    /// Writes a decision whose answer will only be known later.
    pub async fn commit_step(&self, changes: Changes) -> Result<()> {
        self.write(changes.into_commit(), Answer::Running).await
    }

    /// Writes a decision that is no request's answer, and no effect of it that repeating it would have twice.
    pub async fn commit_bare(&self, changes: Changes) -> Result<()> {
        if !changes.is_empty() {
            self.services.ledger.commit(self.tenant_id(), changes.into_commit()).await?;
        }
        Ok(())
    }

    /// Keeps the answer to a request whose key is not answered yet.
    pub(crate) async fn keep_answer(&self, status: u16, body: &str) -> Result<()> {
        let empty = self.changes().into_commit();
        self.write(empty, Answer::Body { status, body: body.to_owned() }).await
    }

    /// Keeps the expansion of an object that is the answer so far.
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
                let (key, fingerprint) = (key.identity.clone(), key.fingerprint);
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
        let written = self.services.ledger.commit(self.tenant_id(), commit).await;
        if matches!(written, Ok(_) | Err(CommitError::Unavailable(_))) {
            self.effect.begun();
        }
        written?;
        if let Some(key) = &self.key {
            key.advance(reached);
        }
        Ok(())
    }
}
