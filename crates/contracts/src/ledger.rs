//! A tenant's objects, log and balances, behind one writer.

use async_trait::async_trait;
use domain::account::Account;
use domain::commit::{Answer, Commit, Index, Version};
use std::time::Duration;
use types::{Currency, Kind, ObjectId, TenantId, Timestamp};

/// How long an idempotency key stands for its first request; afterwards it is as if it had never been used.
pub const IDEMPOTENCY_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// The only writer of money, and the reader of what was written.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Writes a commit durably, or says why nothing of it was written. An error other than `Unavailable` is certain:
    /// nothing was written. After `Unavailable` the outcome is unknown and must be looked up.
    async fn commit(&self, tenant: TenantId, commit: Commit) -> Result<Committed, CommitError>;

    /// The newest states, in the order asked for; `None` where there is no such object.
    async fn objects(&self, tenant: TenantId, ids: &[ObjectId]) -> Result<Vec<Option<Stored>>, LedgerError>;

    /// States as of past versions, folded from the log, in the order asked for; `None` where the object never had
    /// that version. The log does not keep how an object was indexed: their `index` is empty.
    async fn objects_at(
        &self,
        tenant: TenantId,
        at: &[(ObjectId, Version)],
    ) -> Result<Vec<Option<Stored>>, LedgerError>;

    /// Objects of one kind, newest first (also when paging backwards).
    async fn list(&self, tenant: TenantId, query: &ListQuery) -> Result<Page<Stored>, LedgerError>;

    /// Log entries that have a public type, each with its object as it was then, newest first.
    async fn events(&self, tenant: TenantId, query: &EventQuery) -> Result<Page<LogEntry>, LedgerError>;

    /// The log entry at one position.
    async fn event(&self, tenant: TenantId, position: i64) -> Result<Option<LogEntry>, LedgerError>;

    /// Balances of the accounts whose code begins with `prefix`, by code.
    async fn balances(&self, tenant: TenantId, prefix: &str) -> Result<Vec<Balance>, LedgerError>;

    /// What an idempotency key stands for.
    async fn idempotency(&self, tenant: TenantId, key: &str) -> Result<Option<IdempotencyRecord>, LedgerError>;

    /// Objects of all tenants that a worker has to look at by now, the longest overdue first; with `after`, those that
    /// come after that one.
    async fn due(&self, now: Timestamp, after: Option<&Due>, limit: u32) -> Result<Vec<Due>, LedgerError>;

    /// Forgets idempotency keys of all tenants that are older than `before`; says how many.
    async fn forget_idempotency(&self, before: Timestamp) -> Result<u64, LedgerError>;
}

/// Where a commit stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Position of the first of its events; the others follow without a gap. Of a commit without events (only an
    /// idempotency key), the position that the next event will have.
    pub first_position: i64,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CommitError {
    /// Somebody else changed the object meanwhile: load it again, decide again.
    #[error("{id} is at version {found}, not {expected}")]
    VersionConflict { id: ObjectId, expected: Version, found: Version },
    /// The key was used before: answer with its record.
    #[error("the idempotency key was used before")]
    KeyUsed(Box<IdempotencyRecord>),
    /// The account's rule refuses the transfer.
    #[error("account {0} would be overdrawn")]
    Overdrawn(String),
    /// A hold that is not there, is used up, or is of other accounts.
    #[error("the hold cannot be used: {0}")]
    Hold(String),
    /// The commit contradicts itself; a bug of the caller.
    #[error("not a valid commit: {0}")]
    Invalid(String),
    /// The queue is full: nothing was written, try later.
    #[error("too many commits are waiting")]
    Overloaded,
    #[error("the ledger cannot be reached: {0}")]
    Unavailable(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("no such tenant: {0}")]
    NoSuchTenant(TenantId),
    #[error("the ledger cannot be reached: {0}")]
    Unavailable(String),
    #[error("the query took too long")]
    Timeout,
}

/// An object as it is in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub id: ObjectId,
    pub version: Version,
    pub index: Index,
    /// The object's JSON.
    pub state: String,
}

/// An object that a worker has to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    pub tenant: TenantId,
    /// Its index says since when.
    pub stored: Stored,
}

/// A log entry, with its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    pub position: i64,
    pub created: Timestamp,
    pub object: ObjectId,
    pub version: Version,
    pub event_type: Option<String>,
    /// The object's JSON after this entry.
    pub state: String,
    /// The object's JSON before it; `None` at its creation.
    pub before: Option<String>,
    pub request_id: Option<String>,
    pub idempotency_key: Option<String>,
}

/// One account with its balance, in minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    pub account: Account,
    pub debits_posted: i64,
    pub credits_posted: i64,
    pub debits_pending: i64,
    pub credits_pending: i64,
}

impl Balance {
    /// What is owed (liabilities, income): credits less debits, posted ones only.
    pub fn credit_balance(&self) -> i64 {
        self.credits_posted - self.debits_posted
    }

    /// As an accountant reads it: positive on the side that adds to the account.
    pub fn normal_balance(&self) -> i64 {
        if self.account.is_debit_normal() { -self.credit_balance() } else { self.credit_balance() }
    }

    pub fn currency(&self) -> Currency {
        self.account.currency
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    pub key: String,
    pub fingerprint: [u8; 32],
    pub created: Timestamp,
    pub answer: Answer,
}

/// A page of results, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Whether there are more in the direction of paging.
    pub has_more: bool,
}

/// Which part of a list: after (older than) or before (newer than) a cursor, or from the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging<C> {
    pub limit: u32,
    pub starting_after: Option<C>,
    pub ending_before: Option<C>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ListQuery {
    pub kind: Kind,
    pub paging: Paging<ObjectId>,
    pub customer: Option<ObjectId>,
    /// Any of these parents; empty for any parent at all.
    pub parents: Vec<ObjectId>,
    pub status: Option<String>,
    /// Inclusive bounds on the time of creation.
    pub created_from: Option<Timestamp>,
    pub created_until: Option<Timestamp>,
    /// Conditions on attributes of the state.
    pub fields: Vec<FieldFilter>,
    /// Whether all of `fields` must hold, or one is enough (of the search language).
    pub any_field: bool,
}

/// A condition on one attribute of an object's state.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldFilter {
    /// Keys from the outside in: `["metadata", "order"]`. `created` counts milliseconds, as everywhere in a state.
    pub path: Vec<String>,
    pub operator: Operator,
    pub value: String,
    pub negated: bool,
    /// Objects of this kind have the attribute's text among their [`Index::terms`].
    pub indexed: bool,
}

impl FieldFilter {
    /// The attribute is this text.
    pub fn equal(path: &[&str], value: impl Into<String>) -> Self {
        let path = path.iter().map(|key| (*key).to_owned()).collect();
        FieldFilter { path, operator: Operator::Equal, value: value.into(), negated: false, indexed: false }
    }

    /// For an attribute whose text is among the terms of all objects of this kind.
    pub fn indexed(self) -> Self {
        FieldFilter { indexed: true, ..self }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The same text.
    Equal,
    /// Contains the text, whatever its case.
    Contains,
    /// The attribute is there at all; the value is ignored.
    Exists,
    /// Compared as numbers.
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EventQuery {
    pub paging: Paging<i64>,
    /// Public types, with a trailing `*` as a wild card; empty for all.
    pub types: Vec<String>,
    /// Inclusive bounds on the time of the event.
    pub created_from: Option<Timestamp>,
    pub created_until: Option<Timestamp>,
    /// Only of this object.
    pub object: Option<ObjectId>,
}
