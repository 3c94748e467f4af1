//! The metrics of commits and batches.

use contracts::ledger::{CommitError, Committed};
use metrics::{counter, gauge, histogram};
use std::time::Duration;

/// A batch of this many commits is about to be written.
pub(crate) fn batch(commits: usize) {
    let commits = u32::try_from(commits).unwrap_or(u32::MAX);
    histogram!("florin_commit_batch_size").record(f64::from(commits));
}

/// A batch is tried: `known` if what it relies on was remembered, `read` if it is read.
pub(crate) fn batch_tried(books: &'static str) {
    counter!("florin_batches_total", "books" => books).increment(1);
}

/// A commit that waited in a queue is answered; `waited` is the time since it was put there.
pub(crate) fn answered(answer: &Result<Committed, CommitError>, waited: Duration) {
    ended(answer);
    left_queue();
    histogram!("florin_commit_seconds").record(waited.as_secs_f64());
}

/// A commit has been accepted into a queue.
pub(crate) fn entered_queue() {
    gauge!("florin_commit_queue_depth").increment(1.0);
}

pub(crate) fn left_queue() {
    gauge!("florin_commit_queue_depth").decrement(1.0);
}

/// Counts how a commit ended.
pub(crate) fn ended(answer: &Result<Committed, CommitError>) {
    let end = match answer {
        Ok(_) => "committed",
        Err(CommitError::VersionConflict { .. }) => "version_conflict",
        Err(CommitError::KeyUsed(_)) => "key_used",
        Err(CommitError::Overdrawn(_)) => "overdrawn",
        Err(CommitError::Hold(_)) => "hold",
        Err(CommitError::Invalid(_)) => "invalid",
        Err(CommitError::Overloaded) => "overloaded",
        Err(CommitError::Clock(_)) => "clock",
        Err(CommitError::NotWritable(_)) => "not_writable",
        Err(CommitError::Unavailable(_)) => "unavailable",
    };
    counter!("florin_commits_total", "outcome" => end).increment(1);
}
