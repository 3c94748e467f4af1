//! Tests of the queue.

use super::*;
use domain::commit::{Answer, Commit, IdempotencyWrite, KeyIdentity, Step};
use types::TenantId;
use uuid::Uuid;

const MANY: BatchLimits = BatchLimits { commits: 4, bytes: 1_000 };

fn job(tenant: i32) -> Job {
    job_of(tenant, "")
}

fn job_of(tenant: i32, body: &str) -> Job {
    let answer = Answer::Body { status: 200, body: body.to_owned() };
    let key =
        IdempotencyWrite { key: KeyIdentity::new("k", false, false), fingerprint: [0; 32], step: Step::Begin, answer };
    let commit = Commit { idempotency: Some(key), ..Commit::default() };
    let prepared = PreparedCommit::new(tenant, TenantId(Uuid::nil()), commit).unwrap();
    Job { prepared, answer: oneshot::channel().0, arrived: Instant::now(), lost: Vec::new(), too_much: 0 }
}

async fn taken(queue: &Queue) -> Vec<i32> {
    queue.take(MANY).await.unwrap().iter().map(|job| job.prepared.tenant).collect()
}

#[tokio::test]
async fn tenants_take_turns_and_have_a_limit_each() {
    let queue = Queue::new(3);
    for tenant in [1, 1, 1, 2, 3] {
        queue.put(job(tenant)).unwrap();
    }
    assert_eq!(queue.put(job(1)), Err(CommitError::Overloaded));
    assert_eq!(taken(&queue).await, [1, 2, 3, 1]);
    queue.put(job(2)).unwrap();
    queue.close();
    assert_eq!(queue.put(job(2)), Err(CommitError::Overloaded));
    assert_eq!(taken(&queue).await, [1, 2]);
    assert!(queue.take(MANY).await.is_none());
}

#[tokio::test]
async fn a_batch_has_no_more_bytes_than_allowed_or_one_commit() {
    let queue = Queue::new(10);
    for bytes in [600, 600, 5_000, 10] {
        queue.put(job_of(1, &"x".repeat(bytes))).unwrap();
    }
    assert_eq!(taken(&queue).await.len(), 2);
    assert_eq!(taken(&queue).await.len(), 1);
    assert_eq!(taken(&queue).await.len(), 1);
}

#[tokio::test]
async fn commits_that_have_waited_for_too_long_are_taken_whoever_they_are_of() {
    let queue = Queue::new(3);
    let minute = Duration::from_secs(60);
    for tenant in [1, 2] {
        queue.put(Job { arrived: Instant::now() - minute, ..job(tenant) }).unwrap();
    }
    queue.put(job(2)).unwrap();
    assert_eq!(queue.take_late(2 * minute).len(), 0);
    let mut late: Vec<i32> = queue.take_late(minute).iter().map(|job| job.prepared.tenant).collect();
    late.sort_unstable();
    assert_eq!(late, [1, 2]);
    queue.put(job(1)).unwrap();
    assert_eq!(taken(&queue).await, [2, 1], "what has come later has its turn");
    queue.close();
    assert!(queue.take(MANY).await.is_none());
}

#[tokio::test]
async fn a_tenant_whose_lock_is_not_free_rests_longer_and_longer() {
    let queue = Queue::new(10);
    for tenant in [1, 1, 2] {
        queue.put(job(tenant)).unwrap();
    }
    for length in [50, 100, 200] {
        let (busy, others): (Vec<Job>, _) =
            queue.take(MANY).await.unwrap().into_iter().partition(|job| job.prepared.tenant == 1);
        assert_eq!(busy.len(), 2);
        drop(others);
        queue.put_back(busy, Duration::from_millis(50));
        // What comes meanwhile waits too; other tenants go on.
        queue.put(job(3)).unwrap();
        assert_eq!(taken(&queue).await, [3]);
        let began = Instant::now();
        let again = queue.take(MANY).await.unwrap();
        assert_eq!(again.len(), 2);
        assert!(began.elapsed() >= Duration::from_millis(length - 20), "{:?}", began.elapsed());
        for job in again {
            queue.put(job).unwrap();
        }
    }
    let mut busy = queue.take(MANY).await.unwrap();
    let (first, others) = (busy.remove(0), busy);
    queue.put_back(vec![first], Duration::from_secs(1));
    for job in others {
        queue.put(job).unwrap();
    }
    queue.free([1].into_iter());
    let busy = queue.take(MANY).await.unwrap();
    assert_eq!(busy.len(), 2, "the one that was put back is not forgotten");
    queue.close();
    queue.put_back(busy, Duration::from_millis(100));
    assert_eq!(taken(&queue).await, [1, 1], "also when the queue is closed");
    assert!(queue.take(MANY).await.is_none());
}
