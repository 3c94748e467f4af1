//! A ledger that costs nothing, for benchmarks of what stands before it.

use async_trait::async_trait;
use contracts::ledger::{
    Balance, CommitError, Committed, Due, EventQuery, FIRST_POSITION, IdempotencyRecord, Ledger, LedgerError,
    ListQuery, LogEntry, Page, Stored,
};
use domain::commit::{Commit, KeyIdentity, Version};
use std::hint::black_box;
use std::ops::RangeInclusive;
use types::{ObjectId, TenantId, Timestamp};

/// Accepts every commit and keeps none.
pub struct EmptyLedger;

#[async_trait]
impl Ledger for EmptyLedger {
    async fn commit(&self, _: TenantId, commit: Commit) -> Result<Committed, CommitError> {
        black_box(commit);
        Ok(Committed { first_position: FIRST_POSITION })
    }

    fn epoch(&self) -> u64 {
        0
    }

    async fn objects_within(
        &self,
        _: TenantId,
        ids: &[ObjectId],
        _: usize,
    ) -> Result<Vec<Option<Stored>>, LedgerError> {
        Ok(vec![None; ids.len()])
    }

    async fn objects_at(&self, _: TenantId, at: &[(ObjectId, Version)]) -> Result<Vec<Option<Stored>>, LedgerError> {
        Ok(vec![None; at.len()])
    }

    async fn list(&self, _: TenantId, _: &ListQuery) -> Result<Page<Stored>, LedgerError> {
        Ok(Page { items: Vec::new(), has_more: false })
    }

    async fn events(&self, _: TenantId, _: &EventQuery) -> Result<Page<LogEntry>, LedgerError> {
        Ok(Page { items: Vec::new(), has_more: false })
    }

    async fn log_entry(&self, _: TenantId, _: i64) -> Result<Option<LogEntry>, LedgerError> {
        Ok(None)
    }

    async fn event_created(&self, _: TenantId, _: i64) -> Result<Option<Timestamp>, LedgerError> {
        Ok(None)
    }

    async fn balances(&self, _: TenantId, _: &str) -> Result<Vec<Balance>, LedgerError> {
        Ok(Vec::new())
    }

    async fn idempotency(&self, _: TenantId, _: &KeyIdentity) -> Result<Option<IdempotencyRecord>, LedgerError> {
        Ok(None)
    }

    async fn due(&self, _: RangeInclusive<Timestamp>, _: Option<&Due>, _: u32) -> Result<Vec<Due>, LedgerError> {
        Ok(Vec::new())
    }

    async fn tenants_with_past_days(&self, _: &str, _: Timestamp) -> Result<Vec<TenantId>, LedgerError> {
        Ok(Vec::new())
    }

    async fn forget_idempotency(&self, _: Timestamp) -> Result<bool, LedgerError> {
        Ok(false)
    }
}
