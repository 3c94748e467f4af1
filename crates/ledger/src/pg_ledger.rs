//! The contract `Ledger` on PostgreSQL: commits go to the committers, reads to the pool.

use crate::commit::{Committers, PreparedCommit, Probe, Writable, validate};
use crate::config::CommitterConfig;
use crate::metrics;
use crate::read::{Reader, Scans};
use async_trait::async_trait;
use contracts::ledger::{
    Balance, CommitError, Committed, Due, EventQuery, IdempotencyRecord, Ledger, LedgerError, ListQuery, LogEntry,
    Page, Stored, Unwritable,
};
use domain::commit::{Commit, KeyIdentity, Version};
use platform::database::Pool;
use platform::telemetry::traces::{self, TRACE};
use std::ops::RangeInclusive;
use std::sync::Arc;
use tokio::sync::oneshot::Receiver;
use tracing::Instrument;
use types::{Clock, ObjectId, TenantId, Timestamp};

/// The ledger on PostgreSQL. Any number of processes may run one on the same database.
pub struct PgLedger {
    reader: Reader,
    clock: Arc<dyn Clock>,
    committers: Committers,
    writable: Arc<Writable>,
    pool: Pool,
}

impl PgLedger {
    /// A ledger whose connections come from `pool`, and for scans from theirs. Both act for the role `florin_service`, and
    /// connect at first use. The committers run on threads of their own, until [`shutdown`](Self::shutdown).
    pub fn new(pool: impl Into<Pool>, scans: Scans, clock: Arc<dyn Clock>, config: CommitterConfig) -> Arc<Self> {
        let pool = pool.into();
        let writable = Arc::new(Writable::default());
        let committers = Committers::start(&pool, &config, &writable);
        Arc::new(PgLedger { reader: Reader::new(pool.clone(), scans), clock, committers, writable, pool })
    }

    /// Finds out whether a commit would be written, on a connection of its own, and goes on doing so each second until the ledger is
    /// dropped.
    pub async fn keep_trying_to_write(&self) {
        let mut probe = Probe::new(self.pool.clone());
        probe.find_out(&self.writable).await;
        tokio::spawn(probe.keep_trying(Arc::downgrade(&self.writable)));
    }

    /// Whether a commit would be written, as it was found out a moment ago; see
    /// [`keep_trying_to_write`](Self::keep_trying_to_write).
    pub fn is_writable(&self) -> Result<(), Unwritable> {
        self.writable.now()
    }

    /// Rejects new commits, and returns when all that were accepted have been answered.
    pub async fn shutdown(&self) {
        self.committers.shutdown().await;
    }

    /// Checks a commit by itself and puts it into a queue; the receiver gets its answer.
    async fn enqueue(
        &self,
        tenant: TenantId,
        commit: Commit,
    ) -> Result<Receiver<Result<Committed, CommitError>>, CommitError> {
        self.clock.vouches_for(commit.at)?;
        validate(&commit)?;
        let number = match self.reader.number(tenant).await {
            Ok(number) => number,
            Err(LedgerError::NoSuchTenant(tenant)) => {
                return Err(CommitError::Invalid(format!("no such tenant: {tenant}")));
            }
            Err(error) => {
                tracing::error!(%error, "a commit's tenant cannot be looked up");
                return Err(CommitError::NotWritable(Unwritable::Unreachable));
            }
        };
        self.committers.enqueue(PreparedCommit::new(number, tenant, commit)?)
    }
}

#[async_trait]
impl Ledger for PgLedger {
    async fn commit(&self, tenant: TenantId, commit: Commit) -> Result<Committed, CommitError> {
        let span = tracing::info_span!(target: TRACE, "commit");
        let committed = async {
            match self.enqueue(tenant, commit).await {
                Ok(answered) => answered
                    .await
                    .unwrap_or_else(|_| Err(CommitError::Unavailable("the committer ended unexpectedly".to_owned()))),
                Err(error) => {
                    let answer = Err(error);
                    metrics::ended(&answer);
                    answer
                }
            }
        };
        let answer = committed.instrument(span.clone()).await;
        let outcome = metrics::outcome(&answer);
        traces::attribute(&span, "florin.outcome", || outcome);
        // Any other error is a decision of the ledger's.
        let is_error = matches!(
            answer,
            Err(CommitError::Unavailable(_)
                | CommitError::NotWritable(_)
                | CommitError::Overloaded
                | CommitError::Clock(_))
        );
        if is_error {
            traces::failed(&span, || outcome.to_owned());
        }
        answer
    }

    fn epoch(&self) -> u64 {
        self.committers.epoch()
    }

    async fn objects_within(
        &self,
        tenant: TenantId,
        ids: &[ObjectId],
        bytes_max: usize,
    ) -> Result<Vec<Option<Stored>>, LedgerError> {
        self.reader.objects(tenant, ids, bytes_max).await
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

    async fn log_entry(&self, tenant: TenantId, position: i64) -> Result<Option<LogEntry>, LedgerError> {
        self.reader.log_entry(tenant, position).await
    }

    async fn event_created(&self, tenant: TenantId, position: i64) -> Result<Option<Timestamp>, LedgerError> {
        self.reader.event_created(tenant, position).await
    }

    async fn balances(&self, tenant: TenantId, prefix: &str) -> Result<Vec<Balance>, LedgerError> {
        self.reader.balances(tenant, prefix).await
    }

    async fn idempotency(&self, tenant: TenantId, key: &KeyIdentity) -> Result<Option<IdempotencyRecord>, LedgerError> {
        let now = self.clock.now();
        let record = self.reader.idempotency(tenant, key).await?;
        Ok(record.filter(|record| !record.is_over(now)))
    }

    async fn due(
        &self,
        times: RangeInclusive<Timestamp>,
        after: Option<&Due>,
        limit: u32,
    ) -> Result<Vec<Due>, LedgerError> {
        self.reader.due(times, after, limit).await
    }

    async fn tenants_with_past_days(&self, prefix: &str, day: Timestamp) -> Result<Vec<TenantId>, LedgerError> {
        self.reader.tenants_with_past_days(prefix, day).await
    }

    async fn forget_idempotency(&self, before: Timestamp) -> Result<bool, LedgerError> {
        self.reader.forget_idempotency(before).await
    }
}
