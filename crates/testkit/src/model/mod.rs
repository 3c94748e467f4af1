//! The ledger in memory, as simply as possible: other implementations are compared with it. Every commit works on a
//! copy of the tenant's books, which replaces them if the whole commit succeeds.

mod books;
mod queries;
mod validate;

use async_trait::async_trait;
use books::{Books, Logged, expired};
use contracts::ledger::{
    Balance, CommitError, Committed, Due, EventQuery, IdempotencyRecord, Ledger, LedgerError, ListQuery, LogEntry,
    Page, Stored,
};
use domain::commit::{Answer, Commit, KeyIdentity, Transfer, Version};
use queries::{fits, is_event_of, page};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard};
use types::{Clock, ObjectId, TenantId, Timestamp};

/// The ledger in memory.
pub struct ModelLedger {
    clock: Arc<dyn Clock>,
    tenants: Mutex<BTreeMap<TenantId, Books>>,
}

impl ModelLedger {
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(ModelLedger { clock, tenants: Mutex::default() })
    }

    /// Opens empty books for a tenant that has none yet.
    pub fn create_tenant(&self, tenant: TenantId) {
        self.tenants.lock().unwrap().entry(tenant).or_default();
    }

    /// All transfers, in the order of the log.
    pub fn transfers(&self, tenant: TenantId) -> Vec<Transfer> {
        let tenants = self.tenants.lock().unwrap();
        tenants
            .get(&tenant)
            .map_or_else(Vec::new, |books| books.transfers.iter().map(|transfer| Transfer::clone(transfer)).collect())
    }

    /// What a commit would be answered; nothing is written.
    pub fn try_commit(&self, tenant: TenantId, commit: &Commit) -> Result<Committed, CommitError> {
        let tenants = self.tenants.lock().unwrap();
        let books = tenants.get(&tenant).ok_or_else(|| CommitError::Invalid(format!("no tenant {tenant}")))?;
        books.clone().commit(commit)
    }

    fn read<T>(&self, tenant: TenantId, read: impl FnOnce(&Books) -> T) -> Result<T, LedgerError> {
        let tenants: MutexGuard<'_, _> = self.tenants.lock().unwrap();
        tenants.get(&tenant).map(read).ok_or(LedgerError::NoSuchTenant(tenant))
    }
}

fn within<'a>(bytes_max: usize, mut read: impl Iterator<Item = &'a Stored>) -> Result<(), LedgerError> {
    let room = read.try_fold(bytes_max, |room, stored| room.checked_sub(stored.state.len()));
    room.map(|_| ()).ok_or(LedgerError::TooLarge)
}

#[async_trait]
impl Ledger for ModelLedger {
    async fn commit(&self, tenant: TenantId, commit: Commit) -> Result<Committed, CommitError> {
        self.clock.vouches_for(commit.at)?;
        let mut tenants = self.tenants.lock().unwrap();
        let books = tenants.get_mut(&tenant).ok_or_else(|| CommitError::Invalid(format!("no tenant {tenant}")))?;
        let mut copy = books.clone();
        let committed = copy.commit(&commit)?;
        *books = copy;
        Ok(committed)
    }

    fn epoch(&self) -> u64 {
        0
    }

    async fn objects_within(
        &self,
        tenant: TenantId,
        ids: &[ObjectId],
        bytes_max: usize,
    ) -> Result<Vec<Option<Stored>>, LedgerError> {
        let found: Vec<Option<Stored>> = self.read(tenant, |books| {
            ids.iter().map(|id| books.objects.get(id).map(|stored| (**stored).clone())).collect()
        })?;
        within(bytes_max, found.iter().flatten())?;
        Ok(found)
    }

    async fn objects_at(
        &self,
        tenant: TenantId,
        at: &[(ObjectId, Version)],
    ) -> Result<Vec<Option<Stored>>, LedgerError> {
        self.read(tenant, |books| at.iter().map(|(id, version)| books.object_at(*id, *version)).collect())
    }

    async fn list(&self, tenant: TenantId, query: &ListQuery) -> Result<Page<Stored>, LedgerError> {
        let page = self.read(tenant, |books| {
            let of_kind = books.objects.values().filter(|stored| stored.id.kind == query.kind);
            let matching: Vec<&Arc<Stored>> = of_kind.filter(|stored| fits(stored, query)).collect();
            page(matching, &query.paging, |stored| stored.id)
        })?;
        within(query.bytes_max, page.items.iter())?;
        Ok(page)
    }

    async fn events(&self, tenant: TenantId, query: &EventQuery) -> Result<Page<LogEntry>, LedgerError> {
        self.read(tenant, |books| {
            let matching: Vec<&Arc<Logged>> = books.log.iter().filter(|logged| is_event_of(logged, query)).collect();
            let Page { items, has_more } = page(matching, &query.paging, |logged| logged.position);
            Page { items: items.iter().map(|logged| books.shown(logged)).collect(), has_more }
        })
    }

    async fn log_entry(&self, tenant: TenantId, position: i64) -> Result<Option<LogEntry>, LedgerError> {
        self.read(tenant, |books| {
            books.log.iter().find(|logged| logged.position == position).map(|logged| books.shown(logged))
        })
    }

    async fn event_created(&self, tenant: TenantId, position: i64) -> Result<Option<Timestamp>, LedgerError> {
        self.read(tenant, |books| {
            let mut events = books.log.iter().filter(|logged| logged.entry.event_type.is_some());
            events.find(|logged| logged.position == position).map(|logged| logged.created)
        })
    }

    async fn balances(&self, tenant: TenantId, prefix: &str) -> Result<Vec<Balance>, LedgerError> {
        self.read(tenant, |books| {
            books.balances.values().filter(|balance| balance.account.code.starts_with(prefix)).cloned().collect()
        })
    }

    async fn idempotency(&self, tenant: TenantId, key: &KeyIdentity) -> Result<Option<IdempotencyRecord>, LedgerError> {
        let now = self.clock.now();
        self.read(tenant, |books| books.keys.get(&**key).filter(|record| !expired(record, now)).cloned())
    }

    async fn due(
        &self,
        times: RangeInclusive<Timestamp>,
        after: Option<&Due>,
        limit: u32,
    ) -> Result<Vec<Due>, LedgerError> {
        let tenants = self.tenants.lock().unwrap();
        let of_tenant = |(tenant, books): (&TenantId, &Books)| {
            let due = books.objects.values().filter(|stored| stored.index.due.is_some_and(|due| times.contains(&due)));
            due.map(|stored| Due { tenant: *tenant, stored: (**stored).clone() }).collect::<Vec<_>>()
        };
        let place = |due: &Due| (due.stored.index.due, due.tenant, due.stored.id);
        let mut due: Vec<Due> = tenants.iter().flat_map(of_tenant).collect();
        due.sort_by_key(place);
        due.retain(|due| after.is_none_or(|after| place(due) > place(after)));
        due.truncate(limit as usize);
        Ok(due)
    }

    async fn tenants_with_past_days(&self, prefix: &str, day: Timestamp) -> Result<Vec<TenantId>, LedgerError> {
        let day = day.date();
        let is_left = |balance: &Balance| {
            let dated = balance.account.code.strip_prefix(prefix).and_then(|rest| rest.split_once('/'));
            dated.is_some_and(|(_, date)| date <= day.as_str()) && balance.credit_balance() != 0
        };
        let tenants = self.tenants.lock().unwrap();
        let found = tenants.iter().filter(|(_, books)| books.balances.values().any(is_left));
        Ok(found.map(|(tenant, _)| *tenant).collect())
    }

    async fn forget_idempotency(&self, before: Timestamp) -> Result<bool, LedgerError> {
        let mut tenants = self.tenants.lock().unwrap();
        for books in tenants.values_mut() {
            let is_old = |record: &IdempotencyRecord| record.created < before && record.answer != Answer::Running;
            let old = books.keys.values().filter(|record| is_old(record)).map(|record| record.key.clone());
            if let Some(key) = old.min() {
                books.keys.remove(&key);
                return Ok(true);
            }
        }
        Ok(false)
    }
}
