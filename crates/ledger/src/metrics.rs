//! What the ledger measures.

use contracts::ledger::{CommitError, Committed};
use std::time::Duration;

platform::metrics! {
    /// Commits, by how they ended.
    counter commits("florin_commits_total") {
        outcome: [
            "clock",
            "committed",
            "hold",
            "invalid",
            "key_used",
            "not_writable",
            "overdrawn",
            "overloaded",
            "unavailable",
            "version_conflict",
        ]
    }
    /// How long a commit took, from its entering a committer's queue until its outcome was known.
    histogram commit_duration("florin_commit_duration_seconds")
    /// Commits that wait in the committers' queues or are being written.
    gauge queue_depth("florin_commit_queue_depth")
    /// Commits that a committer took from its queue at a time.
    histogram batch_size("florin_commit_batch_size")
    /// How long a committer worked at what it took at a time, with all tries.
    histogram batch_duration("florin_commit_batch_duration_seconds")
    /// Tries to write a batch: `known` if the committer remembered what the batch relies on, `read` if it had to read it, which is
    /// slower, and usual where several processes write for the same tenants.
    counter batch_tries("florin_commit_batch_tries_total") { books: ["known", "read"] }
    /// Searches and lists with conditions that were refused: `queue_full` if too many of the tenant's wait, `no_place` if one has
    /// waited in vain.
    counter scans_refused("florin_scans_refused_total") { reason: ["no_place", "queue_full"] }
}

/// A batch of this many commits is about to be written.
pub(crate) fn batch(commits: usize) {
    let commits = u32::try_from(commits).unwrap_or(u32::MAX);
    batch_size().record(f64::from(commits));
}

/// A commit that waited in a queue is answered; `waited` is the time since it was put there.
pub(crate) fn answered(answer: &Result<Committed, CommitError>, waited: Duration) {
    ended(answer);
    left_queue();
    commit_duration().record(waited.as_secs_f64());
}

/// A commit has been accepted into a queue.
pub(crate) fn entered_queue() {
    queue_depth().increment(1.0);
}

pub(crate) fn left_queue() {
    queue_depth().decrement(1.0);
}

/// Counts how a commit ended.
pub(crate) fn ended(answer: &Result<Committed, CommitError>) {
    commits(outcome(answer)).increment(1);
}

/// How a commit ended, in a word.
pub(crate) fn outcome(answer: &Result<Committed, CommitError>) -> &'static str {
    match answer {
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
    }
}
