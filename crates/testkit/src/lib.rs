//! What tests need: the ledger in memory, the tests of its contract, clean databases, builders of commits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod build;
mod clock;
pub mod compare;
pub mod contract;
mod database;
mod empty;
mod failing;
pub mod load;
mod model;
mod subject;
mod tenant;

pub use clock::ManualClock;
pub use database::{Cut, Proxy, TestDatabase};
pub use empty::EmptyLedger;
pub use failing::FailingLedger;
pub use model::ModelLedger;
pub use subject::Subject;
pub use tenant::{OneTenant, caller, tenant, tenant_id};
