//! The ledger's contract on PostgreSQL: commits go to the tenant's queue, reads to the pool.

use crate::batch::Entering;
use crate::committer::Committer;
use crate::entries::encode;
use crate::metrics;
use crate::queue::{Answer, Job, Queue};
use crate::store::read::Reader;
use crate::thread;
use crate::validate::{out_of_range, validate};
use async_trait::async_trait;
use contracts::ledger::{
    Balance, CommitError, Committed, Due, EventQuery, IDEMPOTENCY_LIFETIME, IdempotencyRecord, Ledger, LedgerError,
    ListQuery, LogEntry, Page, Stored,
};
use deadpool_postgres::Pool;
use domain::commit::{Commit, Version};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use types::{Clock, ObjectId, TenantId, Timestamp};

/// How commits are put together and how long they are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitterConfig {
    /// Commits written in one transaction at most.
    pub batch_max: usize,
    /// Commits of one tenant that may wait; one more is refused as `Overloaded`.
    pub queue_max: usize,
    /// Committers, each with a connection beside those of the pool. A tenant's commits all go to the same one.
    pub writers: usize,
    /// How long a commit is tried while PostgreSQL cannot be reached; then it is answered `Unavailable`.
    pub unreachable_max: Duration,
}

impl Default for CommitterConfig {
    fn default() -> Self {
        CommitterConfig { batch_max: 512, queue_max: 8_192, writers: 2, unreachable_max: Duration::from_secs(30) }
    }
}

/// The ledger on PostgreSQL. Any number of processes may run one on the same database.
pub struct PgLedger {
    reader: Reader,
    clock: Arc<dyn Clock>,
    queues: Vec<Arc<Queue>>,
    tasks: TaskTracker,
}

impl PgLedger {
    /// A ledger whose connections come from `pool`, which acts for the role `florin_service`. Connects at first use.
    /// The committers run on threads of their own, until [`shutdown`](Self::shutdown).
    pub fn new(pool: Pool, clock: Arc<dyn Clock>, config: CommitterConfig) -> Arc<Self> {
        let queues: Vec<_> = (0..config.writers.max(1)).map(|_| Arc::new(Queue::new(config.queue_max))).collect();
        let tasks = TaskTracker::new();
        for queue in &queues {
            // The token says that the committer still works.
            let (served, pool, config, running) =
                (Served(Arc::clone(queue)), pool.clone(), config.clone(), tasks.token());
            thread::start("committer", move || {
                let _running = &running;
                Committer::new(Arc::clone(&served.0), pool.clone(), &config).run()
            });
        }
        Arc::new(PgLedger { reader: Reader::new(pool), clock, queues, tasks })
    }

    /// Refuses new commits, and returns when all that were accepted have been answered.
    pub async fn shutdown(&self) {
        self.queues.iter().for_each(|queue| queue.close());
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Puts a commit into the queue of its tenant's committer.
    async fn enqueue(&self, tenant: TenantId, commit: Commit) -> Result<oneshot::Receiver<Answer>, CommitError> {
        validate(&commit)?;
        let tenant = match self.reader.number(tenant).await {
            Ok(number) => number,
            Err(LedgerError::NoSuchTenant(tenant)) => {
                return Err(CommitError::Invalid(format!("no such tenant: {tenant}")));
            }
            // It is not known of whom the commit is, so it cannot have been written.
            Err(error) => return Err(CommitError::Unavailable(error.to_string())),
        };
        let encoded = encode(&commit).ok_or_else(|| out_of_range("the size of the commit"))?;
        let (answer, answered) = oneshot::channel();
        let at = usize::try_from(tenant.unsigned_abs()).unwrap_or_default() % self.queues.len();
        let job = Job { entering: Entering { tenant, commit, encoded }, answer, arrived: Instant::now() };
        self.queues[at].put(job)?;
        Ok(answered)
    }
}

/// Closes a committer's queue when there is nobody left to serve it.
struct Served(Arc<Queue>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Drop for PgLedger {
    /// The committers end when they have written what waits.
    fn drop(&mut self) {
        self.queues.iter().for_each(|queue| queue.close());
    }
}

#[async_trait]
impl Ledger for PgLedger {
    async fn commit(&self, tenant: TenantId, commit: Commit) -> Result<Committed, CommitError> {
        match self.enqueue(tenant, commit).await {
            Ok(answered) => answered
                .await
                .unwrap_or_else(|_| Err(CommitError::Unavailable("the committer ended unexpectedly".to_owned()))),
            Err(error) => {
                let answer = Err(error);
                metrics::outcome(&answer);
                answer
            }
        }
    }

    async fn objects(&self, tenant: TenantId, ids: &[ObjectId]) -> Result<Vec<Option<Stored>>, LedgerError> {
        self.reader.objects(tenant, ids).await
    }

    async fn objects_at(
        &self,
        tenant: TenantId,
        at: &[(ObjectId, Version)],
    ) -> Result<Vec<Option<Stored>>, LedgerError> {
        self.reader.objects_at(tenant, at).await
    }

    async fn list(&self, tenant: TenantId, query: &ListQuery) -> Result<Page<Stored>, LedgerError> {
        self.reader.list(tenant, query).await
    }

    async fn events(&self, tenant: TenantId, query: &EventQuery) -> Result<Page<LogEntry>, LedgerError> {
        self.reader.events(tenant, query).await
    }

    async fn event(&self, tenant: TenantId, position: i64) -> Result<Option<LogEntry>, LedgerError> {
        self.reader.event(tenant, position).await
    }

    async fn balances(&self, tenant: TenantId, prefix: &str) -> Result<Vec<Balance>, LedgerError> {
        self.reader.balances(tenant, prefix).await
    }

    async fn idempotency(&self, tenant: TenantId, key: &str) -> Result<Option<IdempotencyRecord>, LedgerError> {
        let now = self.clock.now();
        let record = self.reader.idempotency(tenant, key).await?;
        Ok(record.filter(|record| record.created.plus(IDEMPOTENCY_LIFETIME) >= now))
    }

    async fn due(&self, now: Timestamp, after: Option<&Due>, limit: u32) -> Result<Vec<Due>, LedgerError> {
        self.reader.due(now, after, limit).await
    }

    async fn forget_idempotency(&self, before: Timestamp) -> Result<u64, LedgerError> {
        self.reader.forget_idempotency(before).await
    }
}
