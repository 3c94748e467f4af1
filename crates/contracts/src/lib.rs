//! The traits that may cross a process. Callers hold `Arc<dyn Ledger>` and cannot tell whether it is local.

pub mod identity;
pub mod ledger;

pub use identity::{Caller, Identity, IdentityError, KeyKind, Settings, Tenant};
pub use ledger::{
    Balance, CommitError, Committed, Due, EventQuery, FieldFilter, IdempotencyRecord, Ledger, LedgerError, ListQuery,
    LogEntry, Operator, Page, Paging, Stored,
};
