//! All of the ledger's SQL.

pub(crate) mod admin;
pub(crate) mod codes;
pub(crate) mod columns;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod look_up;
pub(crate) mod lookups;
pub(crate) mod open;
pub(crate) mod read;
pub(crate) mod rows;
pub(crate) mod session;
pub(crate) mod statements;
pub(crate) mod tables;
pub(crate) mod verify;
pub(crate) mod views;
pub(crate) mod write;
