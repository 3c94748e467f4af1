//! The only writer of money: batching committers on PostgreSQL.
//!
//! A commit goes through [`validate`] (does it contradict itself?), a bounded [`queue`], [`check`] (does it agree with
//! what is stored?), and `store::write`. `docs/sql.md` describes the tables and views.

pub mod admin;
mod batch;
mod chain;
mod check;
mod committer;
mod entries;
mod fault;
mod known;
mod ledger;
mod metrics;
mod queue;
mod store;
mod thread;
mod validate;
mod verify;

pub use ledger::{CommitterConfig, PgLedger};
pub use verify::{Finding, IndexOf, Report, verify};
