//! The administrator's SQL.

pub(super) mod roles;
pub(super) mod schema;
mod views;
