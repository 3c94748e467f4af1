//! A commit as it waits to be written.

use crate::log::entries::EncodedEntries;
use domain::commit::Commit;

/// A commit with its log entries encoded.
#[derive(Debug)]
pub(crate) struct PreparedCommit {
    /// The number that stands for the tenant in all tables.
    pub tenant: i32,
    pub commit: Commit,
    pub encoded: EncodedEntries,
}
