//! The ledger's contract on PostgreSQL: commits go to the tenant's queue, reads to the pool.

use crate::committer::{Answer, Committer, Job, Shared};
use crate::metrics;
use crate::store::read::Reader;
use crate::store::session::Writers;
use crate::validate::validate;
use async_trait::async_trait;
use contracts::ledger::{
    Balance, CommitError, Committed, EventQuery, IDEMPOTENCY_LIFETIME, IdempotencyRecord, Ledger, LedgerError,
    ListQuery, LogEntry, Page, Stored,
};
use deadpool_postgres::Pool;
use domain::commit::{Commit, Version};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;
use types::{Clock, ObjectId, TenantId, Timestamp};

/// How commits are put together and how long they are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitterConfig {
    /// Commits written in one transaction at most.
    pub batch_max: usize,
    /// Commits of one tenant that may wait; one more is refused as `Overloaded`.
    pub queue_max: usize,
    /// Connections that write at most, beside those of the pool; tenants share them.
    pub writers_max: usize,
    /// How long a commit is tried while PostgreSQL cannot be reached; then it is answered `Unavailable`.
    pub unreachable_max: Duration,
    /// A tenant's committer ends when nothing has come for this long.
    pub idle_max: Duration,
}

impl Default for CommitterConfig {
    fn default() -> Self {
        CommitterConfig {
            batch_max: 512,
            queue_max: 8_192,
            writers_max: 8,
            unreachable_max: Duration::from_secs(30),
            idle_max: Duration::from_secs(60),
        }
    }
}

/// The ledger on PostgreSQL. Any number of processes may run one on the same database.
pub struct PgLedger {
    reader: Reader,
    clock: Arc<dyn Clock>,
    config: CommitterConfig,
    shared: Arc<Shared>,
    queues: Arc<Mutex<Queues>>,
    tasks: TaskTracker,
}

/// The queues of the tenants that are active.
#[derive(Default)]
struct Queues {
    open: HashMap<TenantId, mpsc::Sender<Job>>,
    closed: bool,
}

fn locked(queues: &Mutex<Queues>) -> MutexGuard<'_, Queues> {
    queues.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PgLedger {
    /// A ledger whose connections come from `pool`, which acts for the role `florin_service`. Connects at first use.
    pub fn new(pool: Pool, clock: Arc<dyn Clock>, config: CommitterConfig) -> Arc<Self> {
        let shared =
            Shared { writers: Writers::new(pool.clone(), config.writers_max), unreachable_max: config.unreachable_max };
        Arc::new(PgLedger {
            reader: Reader::new(pool),
            clock,
            config,
            shared: Arc::new(shared),
            queues: Arc::default(),
            tasks: TaskTracker::new(),
        })
    }

    /// Refuses new commits, and returns when all that were accepted have been answered.
    pub async fn shutdown(&self) {
        {
            let mut queues = locked(&self.queues);
            queues.closed = true;
            queues.open.clear();
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Puts a commit into its tenant's queue, starting the committer if none runs.
    fn enqueue(&self, tenant: TenantId, commit: Commit) -> Result<oneshot::Receiver<Answer>, CommitError> {
        let (answer, answered) = oneshot::channel();
        let mut job = Job { commit, answer, arrived: Instant::now() };
        let mut queues = locked(&self.queues);
        if queues.closed {
            return Err(CommitError::Overloaded);
        }
        if let Some(queue) = queues.open.get(&tenant) {
            match queue.try_send(job) {
                Ok(()) => {
                    metrics::entered_queue();
                    return Ok(answered);
                }
                Err(mpsc::error::TrySendError::Full(_)) => return Err(CommitError::Overloaded),
                // The committer has ended in a panic.
                Err(mpsc::error::TrySendError::Closed(returned)) => job = returned,
            }
        }
        let (queue, waiting) = mpsc::channel(self.config.queue_max.max(1));
        if queue.try_send(job).is_err() {
            return Err(CommitError::Overloaded);
        }
        metrics::entered_queue();
        queues.open.insert(tenant, queue);
        drop(queues);
        let committer = Committer { shared: Arc::clone(&self.shared), tenant };
        let (config, queues) = (self.config.clone(), Arc::clone(&self.queues));
        self.tasks.spawn(work(committer, waiting, config, queues));
        Ok(answered)
    }
}

/// Writes what waits, as much at a time as is there, until nothing has come for a while.
async fn work(
    committer: Committer,
    mut waiting: mpsc::Receiver<Job>,
    config: CommitterConfig,
    queues: Arc<Mutex<Queues>>,
) {
    let mut jobs = Vec::new();
    loop {
        match timeout(config.idle_max, waiting.recv_many(&mut jobs, config.batch_max.max(1))).await {
            Ok(0) => return,
            Ok(_) => committer.write(std::mem::take(&mut jobs)).await,
            Err(_) => {
                // Jobs enter under the same lock, so none can slip in between.
                let mut queues = locked(&queues);
                if waiting.is_empty() {
                    queues.open.remove(&committer.tenant);
                    return;
                }
            }
        }
    }
}

#[async_trait]
impl Ledger for PgLedger {
    async fn commit(&self, tenant: TenantId, commit: Commit) -> Result<Committed, CommitError> {
        let queued = validate(&commit).and_then(|()| self.enqueue(tenant, commit));
        match queued {
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

    async fn due(&self, tenant: TenantId, now: Timestamp, limit: u32) -> Result<Vec<Stored>, LedgerError> {
        self.reader.due(tenant, now, limit).await
    }

    async fn forget_idempotency(&self, tenant: TenantId, before: Timestamp) -> Result<u64, LedgerError> {
        self.reader.forget_idempotency(tenant, before).await
    }
}
