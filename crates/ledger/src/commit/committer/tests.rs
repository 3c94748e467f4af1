//! Tests of what callers are told of commits that were not written.

use super::*;
use crate::commit::accept::Place;
use crate::commit::lost::LostPlace;
use crate::commit::prepared::PreparedCommit;
use crate::commit::queue::Answer;
use crate::log::hash::Head;
use domain::commit::{Answer as Kept, Commit, IdempotencyWrite, KeyIdentity, Step};
use platform::database::DatabaseConfig;
use tokio::sync::oneshot::{self, Receiver, error::TryRecvError};
use tokio::time::Instant;
use types::TenantId;
use uuid::Uuid;

const LATE: Duration = Duration::from_secs(30);

/// A commit, which a lost try may have written or not, and what its caller gets to know.
fn job(is_lost: bool) -> (Job, Receiver<Answer>) {
    let key = IdempotencyWrite {
        key: KeyIdentity::new("k", false, false),
        fingerprint: [0; 32],
        step: Step::Begin,
        answer: Kept::Running,
    };
    let tenant = TenantId(Uuid::nil());
    let prepared = PreparedCommit::new(1, tenant, Commit { idempotency: Some(key), ..Commit::default() }).unwrap();
    let place = Place { position: 1, head: Head::of_empty_log(tenant) };
    let lost = is_lost.then(|| LostPlace::new(&place, false, false)).into_iter().collect();
    let (answer, answered) = oneshot::channel();
    (Job { prepared, answer, arrived: Instant::now(), lost, too_much: 0 }, answered)
}

fn committer() -> Committer {
    let nowhere = DatabaseConfig { url: "postgresql://x@127.0.0.1:1/x".into(), ..DatabaseConfig::default() };
    let writer = Writer::new(nowhere.pool().unwrap(), Arc::default());
    let config = CommitterConfig { unreachable_max_ms: 30_000, ..CommitterConfig::default() };
    Committer::new(Arc::new(Queue::new(10)), writer, &config, Arc::default())
}

/// What is answered: nothing yet, that it is not written, or that it is not known.
fn answer(answered: &mut Receiver<Answer>) -> Option<Result<Unwritable, ()>> {
    match answered.try_recv() {
        Err(TryRecvError::Empty) => None,
        Ok(Err(CommitError::NotWritable(why))) => Some(Ok(why)),
        Ok(Err(CommitError::Unavailable(_))) => Some(Err(())),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_commit_is_never_said_to_be_not_written() {
    let committer = committer();
    let ((certain, mut of_certain), (lost, mut of_lost)) = (job(false), job(true));
    committer.not_writable(vec![certain, lost], Unwritable::ReadOnly, "");
    assert_eq!(answer(&mut of_certain), Some(Ok(Unwritable::ReadOnly)));
    assert_eq!(answer(&mut of_lost), None, "it is tried on");
    let lost = committer.queue.take(committer.limits).await.unwrap();
    assert_eq!(lost.len(), 1);
    tokio::time::advance(LATE).await;
    committer.not_writable(lost, Unwritable::ReadOnly, "");
    assert_eq!(answer(&mut of_lost), Some(Err(())), "it was tried for long enough");
}

#[tokio::test]
async fn of_what_was_tried_for_long_enough_only_lost_commits_are_uncertain() {
    let ((certain, mut of_certain), (lost, mut of_lost)) = (job(false), job(true));
    gave_up(vec![certain, lost], "");
    assert_eq!(answer(&mut of_certain), Some(Ok(Unwritable::Unreachable)));
    assert_eq!(answer(&mut of_lost), Some(Err(())));
}

/// PostgreSQL is asked about it, and is not there.
#[tokio::test(start_paused = true)]
async fn what_was_refused_a_moment_ago_says_nothing_of_a_lost_commit() {
    let mut committer = committer();
    committer.writable.refused(Unwritable::DiskFull);
    let ((certain, mut of_certain), (lost, mut of_lost)) = (job(false), job(true));
    committer.write(Part::new(vec![certain, lost])).await;
    assert_eq!(answer(&mut of_certain), Some(Ok(Unwritable::DiskFull)));
    assert_eq!(answer(&mut of_lost), Some(Err(())), "it was tried until it was late");
}
