//! What is counted of the committers.

use contracts::ledger::{CommitError, Committed};
use metrics::{counter, gauge, histogram};
use std::time::Duration;

/// A batch of this many commits is about to be written.
pub(crate) fn batch(commits: usize) {
    let commits = u32::try_from(commits).unwrap_or(u32::MAX);
    histogram!("florin_commit_batch_size").record(f64::from(commits));
}

/// Whether what a try at a batch relies on was known, or had to be read.
pub(crate) fn books(found: &'static str) {
    counter!("florin_batches_total", "books" => found).increment(1);
}

/// A caller has been answered.
pub(crate) fn answered(answer: &Result<Committed, CommitError>, waited: Duration) {
    outcome(answer);
    left_queue();
    histogram!("florin_commit_seconds").record(waited.as_secs_f64());
}

/// A commit has been accepted into a queue.
pub(crate) fn entered_queue() {
    gauge!("florin_commit_queue_depth").increment(1.0);
}

fn left_queue() {
    gauge!("florin_commit_queue_depth").decrement(1.0);
}

/// How a commit ended.
pub(crate) fn outcome(answer: &Result<Committed, CommitError>) {
    let outcome = match answer {
        Ok(_) => "committed",
        Err(CommitError::VersionConflict { .. }) => "version_conflict",
        Err(CommitError::KeyUsed(_)) => "key_used",
        Err(CommitError::Overdrawn(_)) => "overdrawn",
        Err(CommitError::Hold(_)) => "hold",
        Err(CommitError::Invalid(_)) => "invalid",
        Err(CommitError::Overloaded) => "overloaded",
        Err(CommitError::Unavailable(_)) => "unavailable",
    };
    counter!("florin_commits_total", "outcome" => outcome).increment(1);
}
