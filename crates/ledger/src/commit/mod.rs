//! The way of a commit: [`validate`] → [`queue`] → [`committer`], which takes a batch and tries to write it until it is
//! certain what became of each commit. [`one_try`] reads what the batch relies on ([`touched`], [`state_cache`] or
//! `store::read_state`), checks each commit ([`accept`]) and writes what is left ([`writes`], `store::write_batch`).

mod accept;
mod committer;
mod committers;
mod lost;
pub(crate) mod one_try;
mod prepared;
mod probe;
mod queue;
mod rests;
mod state;
mod state_cache;
mod store;
mod touched;
mod validate;
mod writable;
mod writes;

pub(crate) use committers::Committers;
pub(crate) use prepared::PreparedCommit;
pub(crate) use probe::Probe;
pub(crate) use validate::validate;
pub(crate) use writable::Writable;
