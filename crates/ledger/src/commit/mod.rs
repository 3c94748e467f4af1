//! The way of a commit: [`validate`] → [`queue`] → [`committer`], which takes a batch, reads what the batch relies on
//! ([`touched`], [`state_cache`] or `store::read_state`), checks each commit ([`accept`]) and writes what is left
//! ([`writes`], `store::write_batch`).

mod accept;
mod committer;
mod committers;
pub(crate) mod metrics;
mod prepared;
mod queue;
mod state;
mod state_cache;
mod store;
mod touched;
mod validate;
mod writes;

pub(crate) use committers::Committers;
pub(crate) use validate::validate;
