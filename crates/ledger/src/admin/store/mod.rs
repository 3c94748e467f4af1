//! The administrator's SQL.

pub(super) mod privileges;
pub(super) mod roles;
pub(super) mod schema;
pub(super) mod views;
