//! The trait `Ledger`: a tenant's objects, log and balances, behind one writer.

mod error;
mod query;

use async_trait::async_trait;
use domain::account::Account;
use domain::commit::{Answer, Commit, Index, KeyIdentity, Version};
pub use error::{CommitError, LedgerError, Unwritable};
pub use query::{EventQuery, FieldFilter, ListQuery, Operator, Page, Paging};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use types::{Currency, ObjectId, TenantId, Timestamp};

/// The position of the first entry of every tenant's log.
pub const FIRST_POSITION: i64 = 1;

/// How long an idempotency key belongs to its first request, once that is answered. An older key can be used again.
pub const IDEMPOTENCY_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// See [`Ledger::tenants_with_past_days`]: more days with funds than the worker is ever late.
pub const DAYS_LOOKED_AT: u32 = 10;

/// The only writer of money, and the reader of what was written.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Writes a commit durably and completely, or not at all. After an error other than `Unavailable` it is certain
    /// that nothing was written. After `Unavailable` that is not known; the caller must read to find out. Nothing is
    /// written while the ledger's clock does not vouch for the time of the commit.
    async fn commit(&self, tenant: TenantId, commit: Commit) -> Result<Committed, CommitError>;

    /// Another number whenever what was written may be gone: after connecting anew, perhaps to another server, or missing the end of a log.
    fn epoch(&self) -> u64;

    /// The newest states, in the order of `ids`; `None` for an object that does not exist.
    async fn objects(&self, tenant: TenantId, ids: &[ObjectId]) -> Result<Vec<Option<Stored>>, LedgerError> {
        self.objects_within(tenant, ids, usize::MAX).await
    }

    /// The same; `TooLarge` if they have more than so many bytes. No more are kept, but for a single object.
    async fn objects_within(
        &self,
        tenant: TenantId,
        ids: &[ObjectId],
        bytes_max: usize,
    ) -> Result<Vec<Option<Stored>>, LedgerError>;

    /// States as of past versions, folded from the log, in the order of `at`; `None` for a version that the object
    /// never had. Their `index` is empty, because the log does not keep it.
    async fn objects_at(
        &self,
        tenant: TenantId,
        at: &[(ObjectId, Version)],
    ) -> Result<Vec<Option<Stored>>, LedgerError>;

    /// A page of objects of one kind, newest first (also when paging backwards).
    async fn list(&self, tenant: TenantId, query: &ListQuery) -> Result<Page<Stored>, LedgerError>;

    /// A page of events, that is of log entries that have a public type, newest first.
    async fn events(&self, tenant: TenantId, query: &EventQuery) -> Result<Page<LogEntry>, LedgerError>;

    /// The log entry at one position, with or without a public type; `None` after the end of the log.
    async fn log_entry(&self, tenant: TenantId, position: i64) -> Result<Option<LogEntry>, LedgerError>;

    /// When the event at one position was created; `None` if there is none, or the entry there has no public type. An event's id
    /// has its time in it, so this says whether there is an event of an id without reading what it shows.
    async fn event_created(&self, tenant: TenantId, position: i64) -> Result<Option<Timestamp>, LedgerError>;

    /// Balances of the accounts whose code begins with `prefix`, in the order of codes.
    async fn balances(&self, tenant: TenantId, prefix: &str) -> Result<Vec<Balance>, LedgerError>;

    /// The record of an idempotency key; `None` if it was never used, or [is over](IdempotencyRecord::is_over).
    async fn idempotency(&self, tenant: TenantId, key: &KeyIdentity) -> Result<Option<IdempotencyRecord>, LedgerError>;

    /// Objects of all tenants whose due time is one of `times`, in the order of due times. With `after`, only those that
    /// come after that one.
    async fn due(
        &self,
        times: RangeInclusive<Timestamp>,
        after: Option<&Due>,
        limit: u32,
    ) -> Result<Vec<Due>, LedgerError>;

    /// The tenants that have something left on the accounts of a day, or of a day before: accounts whose code is `prefix`,
    /// a name, and a day (`liabilities/pending/usd/2026-11-23`), and whose posted balance is not zero. Accounts stay when
    /// they are empty; only the newest [`DAYS_LOOKED_AT`] of each tenant and name are certain to be looked at.
    async fn tenants_with_past_days(&self, prefix: &str, day: Timestamp) -> Result<Vec<TenantId>, LedgerError>;

    /// Deletes idempotency keys of all tenants that are older than `before` and answered, in one short step; returns whether
    /// there may be more of them.
    async fn forget_idempotency(&self, before: Timestamp) -> Result<bool, LedgerError>;
}

/// Where a commit is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The position of its first log entry; the others follow without a gap. For a commit without log entries (only an
    /// idempotency key), the position that the next log entry will get.
    pub first_position: i64,
}

/// An object as it is stored, or as it was at a past version.
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
    /// `index.due` says since when.
    pub stored: Stored,
}

/// A log entry, with the states of its object before and after. It is an event if it has a public type.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    pub position: i64,
    pub created: Timestamp,
    pub object: ObjectId,
    pub version: Version,
    /// The public type: `charge.succeeded`.
    pub event_type: Option<String>,
    /// The object's JSON after this entry. Entries that are read together share the states of their objects.
    pub state: Arc<str>,
    /// The object's JSON before this entry; `None` if this entry created it.
    pub before: Option<Arc<str>>,
    /// The request that caused it, `req_…`; `None` if a worker did.
    pub request_id: Option<String>,
    pub idempotency_key: Option<String>,
}

/// An account with its balance, in minor units of its currency. Pending amounts are held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    pub account: Account,
    pub debits_posted: i64,
    pub credits_posted: i64,
    pub debits_pending: i64,
    pub credits_pending: i64,
}

impl Balance {
    /// Posted credits less posted debits: positive for what is owed (liabilities, income).
    pub fn credit_balance(&self) -> i64 {
        self.credits_posted - self.debits_posted
    }

    /// The posted balance as accountants show it: positive on the side that increases the account.
    pub fn normal_balance(&self) -> i64 {
        if self.account.is_debit_normal() { -self.credit_balance() } else { self.credit_balance() }
    }

    pub fn currency(&self) -> Currency {
        self.account.currency
    }
}

/// An idempotency key, as its [`KeyIdentity`] has it, with its request and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    pub key: String,
    /// SHA-256 of the request's method, path and parameters.
    pub fingerprint: [u8; 32],
    pub created: Timestamp,
    pub answer: Answer,
}

impl IdempotencyRecord {
    /// Whether the key is so old that it may be used again, and forgotten. While its first request is not answered, it
    /// never is.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.answer != Answer::Running && self.created.plus(IDEMPOTENCY_LIFETIME) < now
    }
}
