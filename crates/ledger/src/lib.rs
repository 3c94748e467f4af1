//! The only writer of money: batching committers on PostgreSQL. `docs/sql.md` describes the tables and SQL views.
//!
//! - `commit`: how a commit is checked and written;
//! - `read`: the reads of the contract;
//! - [`verify`]: replays the log and compares the result with what is stored;
//! - [`admin`]: roles, migrations, SQL views;
//! - `log`: how a row of the log is encoded and hashed;
//! - `store`: SQL that these share.

pub mod admin;
mod commit;
mod config;
mod log;
mod metrics;
mod own_thread;
mod pg_ledger;
mod read;
mod store;
mod verify;

pub use config::{CommitterConfig, ScanConfig};
pub use metrics::METRICS;
pub use pg_ledger::PgLedger;
pub use read::Scans;
pub use verify::{Finding, IndexOf, KeptHead, NotAHead, Report, verify, verify_since};
