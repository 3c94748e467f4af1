//! The version of Stripe's API whose shapes are served.

pub const API_VERSION: &str = "2026-10-28.endive";
