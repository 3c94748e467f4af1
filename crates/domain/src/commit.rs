//! What was decided, as one value: written in one database transaction, or not at all.

use crate::account::Account;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ops::Deref;
use types::{ObjectId, Timestamp};
use uuid::Uuid;

/// Counts the log entries of one object: 1 at creation, one more with each entry.
pub type Version = i32;

/// Everything that one decision changes. Objects, log entries and transfers belong together: the committer writes all
/// of them, or answers with the reason why none was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    pub at: Timestamp,
    pub objects: Vec<ObjectWrite>,
    /// Objects that the decision relies on without changing them, each with the version that it has seen. Any other
    /// version found is a conflict.
    pub relies_on: Vec<(ObjectId, Version)>,
    /// In the order in which they happened; an object's entries have consecutive versions.
    pub entries: Vec<EntryWrite>,
    pub transfers: Vec<Transfer>,
    pub idempotency: Option<IdempotencyWrite>,
    /// The request that caused it, for the events' `request`.
    pub request: Option<Request>,
}

/// The request that caused a commit; a worker's commit has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `req_…`
    pub id: String,
    pub idempotency_key: Option<String>,
}

/// The new state of one object, after all of the commit's entries for it.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectWrite {
    pub id: ObjectId,
    /// The version that this write replaces: 0 for a new object. Any other version found is a conflict.
    pub base: Version,
    /// `base` plus the number of the commit's entries for this object.
    pub version: Version,
    pub index: Index,
    /// The object as JSON, absent attributes left out. The ledger does not check that it is JSON.
    pub state: String,
}

/// How an object can be looked up quickly; everything else is in its state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    pub customer: Option<ObjectId>,
    /// The object that this one belongs to: a charge's intent, a refund's charge.
    pub parent: Option<ObjectId>,
    pub status: Option<String>,
    /// When the worker has to look at this object again; `None` if it need not.
    pub due: Option<Timestamp>,
    /// Texts that the object can be found by, each as a [`term`].
    pub terms: Vec<i64>,
}

/// The number by which an index finds the text of an attribute (`["metadata", "order"]`): 64 bits of a SHA-256. Two
/// texts may share a term, so what is found by it is compared afterwards.
pub fn term<'a>(path: impl IntoIterator<Item = &'a str>, text: &'a str) -> i64 {
    let mut digest = Sha256::new();
    for part in path.into_iter().chain([text]) {
        // With its length, so that no two paths can run into each other.
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    let mut term = [0; 8];
    term.copy_from_slice(&digest.finalize()[..8]);
    i64::from_be_bytes(term)
}

/// The terms of metadata: `metadata['order']:'7'` is found by them.
pub fn metadata_terms(metadata: &BTreeMap<String, String>) -> Vec<i64> {
    metadata.iter().map(|(key, value)| term(["metadata", key], value)).collect()
}

/// One log entry: what happened to one object.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryWrite {
    pub object: ObjectId,
    /// The object's version after this entry.
    pub version: Version,
    /// The public event type (`charge.succeeded`); `None` for a change that is in the log but is no event.
    pub event_type: Option<&'static str>,
    /// The whole state when `version` is 1, afterwards a JSON merge patch (RFC 7396).
    pub change: String,
}

/// A movement of money between two accounts of one currency. The only thing that changes a balance.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    pub id: Uuid,
    pub action: Action,
    pub debit: Account,
    pub credit: Account,
    /// Minor units, greater than zero; 0 for `VoidHold`, which moves nothing.
    pub amount: i64,
    /// What the movement is for: `charge`, `fee`, `refund`.
    pub reason: &'static str,
    /// The object that caused it.
    pub object: ObjectId,
}

/// Two-phase transfers: a hold reserves, and is later posted (in parts, if need be) or voided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Moves at once.
    Post,
    /// Reserves: counts as pending on both accounts.
    Hold,
    /// Moves all or part of a hold; with `last`, what remains of it is released.
    PostHold { hold: Uuid, last: bool },
    /// Releases what remains of a hold.
    VoidHold { hold: Uuid },
}

/// The idempotency key of a request that is not answered yet, as an object remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestKey {
    pub key: String,
    /// In hexadecimal.
    pub fingerprint: String,
    /// Whether it was made with a publishable key, which is shown less.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub public: bool,
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub livemode: bool,
}

impl RequestKey {
    pub fn identity(&self) -> KeyIdentity {
        KeyIdentity::new(&self.key, self.public, self.livemode)
    }
}

/// A key as the ledger knows it: what tells it from all other keys of the tenant. Payers' keys are apart from the merchant's: with a
/// publishable key nothing is learnt of the merchant's keys, and none is used up. So are those of test and live mode.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyIdentity(String);

impl KeyIdentity {
    /// Of a key as it was sent, with a publishable API key or a secret one.
    pub fn new(key: &str, public: bool, livemode: bool) -> Self {
        let kind = if public { "pk" } else { "sk" };
        let mode = if livemode { "live" } else { "test" };
        KeyIdentity(format!("{kind}_{mode}:{key}"))
    }

    /// The key as it was sent, of one that the ledger has stored.
    pub fn as_sent(identity: &str) -> &str {
        identity.split_once(':').map_or(identity, |(_, key)| key)
    }
}

impl Deref for KeyIdentity {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The caller's key and the answer to a repeated request; written with the effect itself, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyWrite {
    pub key: KeyIdentity,
    /// SHA-256 of method, path and parameters.
    pub fingerprint: [u8; 32],
    pub step: Step,
    pub answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The key must be unused.
    Begin,
    /// The key was begun by this very request; its answer is replaced.
    Finish,
}

/// How a repeated request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The first request is not answered yet.
    Running,
    /// With an object as of one version, rendered anew: the same bytes, without storing them.
    Object { status: u16, id: ObjectId, version: Version },
    /// With these bytes.
    Body { status: u16, body: String },
}
