//! One file for each command that is not a server.

pub mod config;
pub mod doctor;
pub mod events;
pub mod ledger;
pub mod migrate;
pub mod pay;
pub mod refund;
pub mod tenants;
