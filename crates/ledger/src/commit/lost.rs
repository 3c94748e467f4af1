//! Tries at writing a commit of which it is not known whether they were committed.

use super::accept::Place;
use crate::log::hash::Hash;
use std::sync::Arc;

/// Where a lost try would have written a commit.
#[derive(Clone, Debug)]
pub(crate) struct LostPlace {
    /// The try, by its number. What a try writes is written in one transaction.
    pub of_try: u64,
    pub position: i64,
    /// The hash of its log row; `None` if it has none.
    pub row: Option<Hash>,
    /// The number of the transaction, if it was read.
    pub transaction: Option<Arc<str>>,
}

/// A try that was lost.
#[derive(Clone, Debug)]
pub(crate) struct LostTry {
    pub number: u64,
    pub transaction: Option<Arc<str>>,
}

impl LostTry {
    /// The place that it gave a commit; `logged` says whether that has log entries.
    pub fn place(&self, place: &Place, logged: bool) -> LostPlace {
        LostPlace {
            of_try: self.number,
            position: place.position,
            row: logged.then_some(place.head.hash),
            transaction: self.transaction.clone(),
        }
    }
}
