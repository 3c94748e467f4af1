//! In-memory model of the ledger, clean databases, builders: what tests stand on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod build;
mod clock;
pub mod compare;
pub mod contract;
mod database;
mod identity;
pub mod load;
mod model;

pub use clock::ManualClock;
pub use database::{Cut, Proxy, TestDatabase};
pub use identity::OneTenant;
pub use model::ModelLedger;
