//! The SQL of reads.

pub(super) mod balances;
pub(super) mod due;
mod event_rows;
pub(super) mod events;
pub(super) mod idempotency;
pub(super) mod list;
pub(super) mod log_entries;
pub(super) mod objects;
pub(super) mod past_states;
pub(super) mod query;
mod stream;
pub(super) mod tenants;
mod together;
