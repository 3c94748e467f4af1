//! Tries at writing a commit of which it is not known whether they were committed.

use super::accept::Place;
use crate::log::hash::Hash;

/// Where a lost try would have written a commit.
#[derive(Clone, Debug)]
pub(crate) struct LostPlace {
    pub position: i64,
    /// The hash of its log row; `None` if it has none.
    pub row: Option<Hash>,
    /// Whether the try may still be carried out: it needs nothing but a message that is on its way. (One whose locks were
    /// taken before is over as soon as the lock is free.)
    may_come: bool,
}

impl LostPlace {
    /// `logged` says whether the commit has log entries; `may_come`, whether the try took its locks by itself.
    pub fn new(place: &Place, logged: bool, may_come: bool) -> Self {
        LostPlace { position: place.position, row: logged.then_some(place.head.hash), may_come }
    }

    /// Whether the try may still be committed when the tenant's log goes on at `next`, and its lock is held.
    pub fn may_come(&self, next: i64) -> bool {
        self.may_come && next <= self.position
    }
}
