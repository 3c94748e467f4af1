//! Builders of commits about documents, which are objects with any JSON as their state.

use domain::account::{Account, Rule};
use domain::commit::{
    Action, Answer, Commit, EntryWrite, IdempotencyWrite, Index, KeyIdentity, ObjectWrite, Step, Transfer, Version,
};
use domain::patch;
use serde_json::Value;
use types::{Currency, Entropy, Kind, ObjectId, Timestamp};
use uuid::Uuid;

/// An object as a test sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Doc {
    pub id: ObjectId,
    /// 0 until it is created.
    pub version: Version,
    pub index: Index,
    pub state: Value,
}

impl Doc {
    pub fn new(kind: Kind, now: Timestamp, entropy: &mut dyn Entropy, state: Value) -> Self {
        Doc { id: ObjectId::new(kind, now, entropy), version: 0, index: Index::default(), state }
    }
}

/// A commit that is being built.
#[derive(Clone, Debug)]
pub struct Draft(pub Commit);

impl Draft {
    pub fn at(now: Timestamp) -> Self {
        Draft(Commit { at: now, ..Commit::default() })
    }

    /// Creates a document, as version 1; `event` is the public type, if any.
    pub fn create(mut self, doc: &mut Doc, event: Option<&'static str>) -> Self {
        doc.version = 1;
        self.write(doc, 0, event, doc.state.to_string());
        self
    }

    /// Changes a document by a merge patch, and writes its index as it is now.
    pub fn update(mut self, doc: &mut Doc, event: Option<&'static str>, change: Value) -> Self {
        let base = doc.version;
        doc.version += 1;
        patch::apply(&mut doc.state, change.clone());
        self.write(doc, base, event, change.to_string());
        self
    }

    fn write(&mut self, doc: &Doc, base: Version, event: Option<&'static str>, change: String) {
        self.0.entries.push(EntryWrite { object: doc.id, version: doc.version, event_type: event, change });
        let state = doc.state.to_string();
        match self.0.objects.iter_mut().find(|write| write.id == doc.id) {
            Some(write) => {
                write.version = doc.version;
                write.index = doc.index.clone();
                write.state = state;
            }
            None => {
                let (index, version) = (doc.index.clone(), doc.version);
                self.0.objects.push(ObjectWrite { id: doc.id, base, version, index, state });
            }
        }
    }

    /// Relies on a document as it is now.
    pub fn rely_on(mut self, doc: &Doc) -> Self {
        self.0.relies_on.push((doc.id, doc.version));
        self
    }

    pub fn transfer(mut self, transfer: Transfer) -> Self {
        self.0.transfers.push(transfer);
        self
    }

    pub fn key(mut self, key: &str, step: Step, answer: Answer) -> Self {
        let fingerprint = fingerprint(key);
        self.0.idempotency = Some(IdempotencyWrite { key: identity(key), fingerprint, step, answer });
        self
    }

    pub fn commit(self) -> Commit {
        self.0
    }
}

/// The merchant's key, in test mode.
pub fn identity(key: &str) -> KeyIdentity {
    KeyIdentity::new(key, false, false)
}

/// A fingerprint that is the same for the same text.
pub fn fingerprint(text: &str) -> [u8; 32] {
    let mut bytes = [7; 32];
    for (at, byte) in text.bytes().enumerate() {
        bytes[at % 32] ^= byte.rotate_left(u32::try_from(at / 32 % 8).unwrap_or_default());
    }
    bytes
}

/// An account in US dollars.
pub fn account(code: &str, rule: Rule) -> Account {
    Account { code: code.to_owned(), currency: Currency::USD, rule }
}

/// An account that may have any balance.
pub fn open_account(code: &str) -> Account {
    account(code, Rule::Unlimited)
}

/// A transfer with a new id, which debits the first account and credits the second.
pub fn transfer(
    now: Timestamp,
    entropy: &mut dyn Entropy,
    action: Action,
    (debit, credit): (&Account, &Account),
    amount: i64,
    object: ObjectId,
) -> Transfer {
    let id: Uuid = types::time_ordered(now, entropy);
    Transfer { id, action, debit: debit.clone(), credit: credit.clone(), amount, reason: "test", object }
}
