//! A ledger that fails, or is slow, when a test wants it to.

use crate::model::ModelLedger;
use async_trait::async_trait;
use contracts::ledger::{
    Balance, CommitError, Committed, Due, EventQuery, IdempotencyRecord, Ledger, LedgerError, ListQuery, LogEntry,
    Page, Stored,
};
use domain::commit::{Commit, KeyIdentity, Version};
use futures_util::future::BoxFuture;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use types::{ObjectId, TenantId, Timestamp};

/// The model, from which no object can be read between a commit that breaks it and its repair; and what another caller does can be
/// put right before a commit.
pub struct FailingLedger {
    model: Arc<ModelLedger>,
    meanwhile: Mutex<Option<BoxFuture<'static, ()>>>,
    breaks: AtomicBool,
    broken: AtomicBool,
    /// How many commits are still written, and how the others are refused.
    refuses: Mutex<Option<(u32, CommitError)>>,
    delay: OnceLock<Delay>,
    page_max: AtomicU32,
    keys_looked_up: AtomicU32,
    keys_are_lost: AtomicBool,
    epoch: AtomicU64,
    bytes_read: AtomicUsize,
}

type Delay = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

impl FailingLedger {
    pub fn new(model: Arc<ModelLedger>) -> Arc<Self> {
        Arc::new(FailingLedger {
            model,
            meanwhile: Mutex::new(None),
            breaks: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            refuses: Mutex::new(None),
            delay: OnceLock::new(),
            page_max: AtomicU32::new(u32::MAX),
            keys_looked_up: AtomicU32::new(0),
            keys_are_lost: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
            bytes_read: AtomicUsize::new(0),
        })
    }

    /// How many bytes of newest states were read since this was asked last.
    pub fn take_bytes_read(&self) -> usize {
        self.bytes_read.swap(0, Ordering::SeqCst)
    }

    fn count<'a>(&self, read: impl Iterator<Item = &'a Stored>) {
        self.bytes_read.fetch_add(read.map(|stored| stored.state.len()).sum(), Ordering::SeqCst);
    }

    /// From now on each commit is written after `delay`.
    pub fn slow_down<F>(&self, delay: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let _ = self.delay.set(Box::new(move || Box::pin(delay())));
    }

    /// From now on all objects are so large that a page has room for this many.
    pub fn pages_have_room_for(&self, objects: u32) {
        self.page_max.store(objects, Ordering::SeqCst);
    }

    /// Before the next commit is written, this is done: what it commits is written first.
    pub fn before_next_commit(&self, meanwhile: impl Future<Output = ()> + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some(Box::pin(meanwhile));
    }

    /// How often it was asked for an idempotency key.
    pub fn keys_looked_up(&self) -> u32 {
        self.keys_looked_up.load(Ordering::SeqCst)
    }

    /// No idempotency key can be looked up from now on.
    pub fn lose_keys(&self) {
        self.keys_are_lost.store(true, Ordering::SeqCst);
    }

    /// It goes on, on another server.
    pub fn fail_over(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// The ledger behind, which is never slow and never fails.
    pub fn model(&self) -> Arc<ModelLedger> {
        self.model.clone()
    }

    /// The next commit is written, and breaks the ledger.
    pub fn break_at_next_commit(&self) {
        self.breaks.store(true, Ordering::SeqCst);
    }

    /// So many commits are written from now on, and all others are refused.
    pub fn refuse_after(&self, commits: u32, error: CommitError) {
        *self.refuses.lock().unwrap() = Some((commits, error));
    }

    /// Objects can be read again, and commits break nothing any more.
    pub fn repair(&self) {
        self.breaks.store(false, Ordering::SeqCst);
        self.broken.store(false, Ordering::SeqCst);
        *self.refuses.lock().unwrap() = None;
    }
}

#[async_trait]
impl Ledger for FailingLedger {
    async fn commit(&self, tenant: TenantId, commit: Commit) -> Result<Committed, CommitError> {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        if let Some(delay) = self.delay.get() {
            delay().await;
        }
        match &mut *self.refuses.lock().unwrap() {
            Some((0, error)) => return Err(error.clone()),
            Some((commits, _)) => *commits -= 1,
            None => (),
        }
        let committed = self.model.commit(tenant, commit).await?;
        self.broken.fetch_or(self.breaks.load(Ordering::SeqCst), Ordering::SeqCst);
        Ok(committed)
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    async fn objects_within(
        &self,
        tenant: TenantId,
        ids: &[ObjectId],
        bytes_max: usize,
    ) -> Result<Vec<Option<Stored>>, LedgerError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(LedgerError::Unavailable("it is starting up".to_owned()));
        }
        let found = self.model.objects_within(tenant, ids, bytes_max).await?;
        self.count(found.iter().flatten());
        Ok(found)
    }

    async fn objects_at(
        &self,
        tenant: TenantId,
        at: &[(ObjectId, Version)],
    ) -> Result<Vec<Option<Stored>>, LedgerError> {
        self.model.objects_at(tenant, at).await
    }

    async fn list(&self, tenant: TenantId, query: &ListQuery) -> Result<Page<Stored>, LedgerError> {
        let page = self.model.list(tenant, query).await?;
        self.count(page.items.iter());
        let room = usize::try_from(self.page_max.load(Ordering::SeqCst)).unwrap();
        if page.items.len() > room { Err(LedgerError::TooLarge) } else { Ok(page) }
    }

    async fn events(&self, tenant: TenantId, query: &EventQuery) -> Result<Page<LogEntry>, LedgerError> {
        self.model.events(tenant, query).await
    }

    async fn log_entry(&self, tenant: TenantId, position: i64) -> Result<Option<LogEntry>, LedgerError> {
        self.model.log_entry(tenant, position).await
    }

    async fn event_created(&self, tenant: TenantId, position: i64) -> Result<Option<Timestamp>, LedgerError> {
        self.model.event_created(tenant, position).await
    }

    async fn balances(&self, tenant: TenantId, prefix: &str) -> Result<Vec<Balance>, LedgerError> {
        self.model.balances(tenant, prefix).await
    }

    async fn idempotency(&self, tenant: TenantId, key: &KeyIdentity) -> Result<Option<IdempotencyRecord>, LedgerError> {
        self.keys_looked_up.fetch_add(1, Ordering::SeqCst);
        if self.keys_are_lost.load(Ordering::SeqCst) {
            return Err(LedgerError::Unavailable("it does not answer".to_owned()));
        }
        self.model.idempotency(tenant, key).await
    }

    async fn due(
        &self,
        times: RangeInclusive<Timestamp>,
        after: Option<&Due>,
        limit: u32,
    ) -> Result<Vec<Due>, LedgerError> {
        self.model.due(times, after, limit).await
    }

    async fn tenants_with_past_days(&self, prefix: &str, day: Timestamp) -> Result<Vec<TenantId>, LedgerError> {
        self.model.tenants_with_past_days(prefix, day).await
    }

    async fn forget_idempotency(&self, before: Timestamp) -> Result<bool, LedgerError> {
        self.model.forget_idempotency(before).await
    }
}
