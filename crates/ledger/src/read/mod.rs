//! Reads: each takes a connection of the pool, and sees all that was committed before it began.

mod scans;
mod store;

use contracts::ledger::{Balance, Due, EventQuery, IdempotencyRecord, LedgerError, ListQuery, LogEntry, Page, Stored};
use domain::commit::{KeyIdentity, Version};
use platform::database::Pool;
pub use scans::Scans;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicI64, Ordering};
use store::idempotency::Keys;
use store::objects::Objects;
use store::query::QueryPool;
use store::tenants::TenantNumbers;
use store::{balances, due, events, idempotency, list, log_entries, past_states};
use types::{ObjectId, TenantId, Timestamp};

/// The reads of the contract `Ledger`.
pub(crate) struct Reader {
    queries: QueryPool,
    scans: Scans,
    objects: Objects,
    keys: Keys,
    /// The page of the table of keys with which forgetting goes on.
    forgetting: AtomicI64,
    tenants: TenantNumbers,
}

impl Reader {
    pub fn new(pool: Pool, scans: Scans) -> Self {
        Reader {
            scans,
            objects: Objects::new(pool.clone()),
            keys: Keys::new(pool.clone()),
            forgetting: AtomicI64::new(0),
            queries: QueryPool::new(pool),
            tenants: TenantNumbers::default(),
        }
    }

    /// The number that stands for the tenant in all tables.
    pub async fn number(&self, tenant: TenantId) -> Result<i32, LedgerError> {
        self.tenants.get(&self.queries, tenant).await
    }

    pub async fn objects(
        &self,
        tenant: TenantId,
        ids: &[ObjectId],
        bytes_max: usize,
    ) -> Result<Vec<Option<Stored>>, LedgerError> {
        let tenant = self.number(tenant).await?;
        let mut found = self.objects.newest(tenant, ids, bytes_max).await?;
        if let [_] = ids {
            return Ok(vec![found.pop()]);
        }
        let by_id: HashMap<ObjectId, Stored> = found.into_iter().map(|stored| (stored.id, stored)).collect();
        Ok(ids.iter().map(|id| by_id.get(id).cloned()).collect())
    }

    pub async fn objects_at(
        &self,
        tenant: TenantId,
        at: &[(ObjectId, Version)],
    ) -> Result<Vec<Option<Stored>>, LedgerError> {
        let number = self.number(tenant).await?;
        // One is what a repeated request is answered with, which is never refused; several belong to a page of events.
        let scan = if at.len() > 1 { Some(self.scans.begin(tenant).await?) } else { None };
        let queries = scan.as_ref().map_or(&self.queries, |scan| scan.queries);
        past_states::states(queries, &self.objects, number, at).await
    }

    pub async fn list(&self, tenant: TenantId, query: &ListQuery) -> Result<Page<Stored>, LedgerError> {
        let number = self.number(tenant).await?;
        let backwards = query.paging.ending_before.is_some();
        let near = if list::may_be_near(query) { list::near(&self.queries, number, query).await? } else { None };
        let items = match near {
            Some(items) => items,
            None => {
                let scan = if query.is_scan() { Some(self.scans.begin(tenant).await?) } else { None };
                let queries = scan.as_ref().map_or(&self.queries, |scan| scan.queries);
                list::objects(queries, number, query).await?
            }
        };
        Ok(page(items, query.paging.limit, backwards))
    }

    pub async fn events(&self, tenant: TenantId, query: &EventQuery) -> Result<Page<LogEntry>, LedgerError> {
        let number = self.number(tenant).await?;
        let scan = self.scans.begin(tenant).await?;
        let (mut items, has_more) = events::events(scan.queries, number, query).await?;
        if query.paging.ending_before.is_some() {
            items.reverse();
        }
        Ok(Page { items, has_more })
    }

    pub async fn log_entry(&self, tenant: TenantId, position: i64) -> Result<Option<LogEntry>, LedgerError> {
        let number = self.number(tenant).await?;
        let Some(entries) = log_entries::at_position(&self.queries, number, position).await? else { return Ok(None) };
        let scan = if entries.have_history() { Some(self.scans.begin(tenant).await?) } else { None };
        let queries = scan.as_ref().map_or(&self.queries, |scan| scan.queries);
        Ok(entries.with_states(queries, number).await?.pop())
    }

    pub async fn event_created(&self, tenant: TenantId, position: i64) -> Result<Option<Timestamp>, LedgerError> {
        let tenant = self.number(tenant).await?;
        log_entries::event_created(&self.queries, tenant, position).await
    }

    pub async fn balances(&self, tenant: TenantId, prefix: &str) -> Result<Vec<Balance>, LedgerError> {
        let tenant = self.number(tenant).await?;
        balances::balances(&self.queries, tenant, prefix).await
    }

    pub async fn idempotency(
        &self,
        tenant: TenantId,
        key: &KeyIdentity,
    ) -> Result<Option<IdempotencyRecord>, LedgerError> {
        let tenant = self.number(tenant).await?;
        self.keys.record(tenant, key).await
    }

    pub async fn due(
        &self,
        times: RangeInclusive<Timestamp>,
        after: Option<&Due>,
        limit: u32,
    ) -> Result<Vec<Due>, LedgerError> {
        let after = match after.and_then(|last| Some((last.stored.index.due?, last))) {
            Some((due, last)) => Some((due, self.number(last.tenant).await?, last.stored.id)),
            None => None,
        };
        due::due(&self.queries, times, after, limit).await
    }

    pub async fn tenants_with_past_days(&self, prefix: &str, day: Timestamp) -> Result<Vec<TenantId>, LedgerError> {
        balances::tenants_with_past_days(&self.queries, prefix, day).await
    }

    /// One step; whether there are more to do.
    pub async fn forget_idempotency(&self, before: Timestamp) -> Result<bool, LedgerError> {
        let page = self.forgetting.load(Ordering::Relaxed);
        let next = idempotency::forget(&self.queries, before, page).await?;
        self.forgetting.store(next.unwrap_or(0), Ordering::Relaxed);
        Ok(next.is_some())
    }
}

/// A page of items in the direction of paging, of which one more than the limit was asked for.
fn page<T>(mut items: Vec<T>, limit: u32, backwards: bool) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = items.len() > limit;
    items.truncate(limit);
    if backwards {
        items.reverse();
    }
    Page { items, has_more }
}
