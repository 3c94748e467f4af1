//! What a committer remembers of its tenants from batch to batch, so that most batches need not read anything first.
//!
//! It is out of date as soon as another process writes for one of these tenants. That does no harm: the statement that
//! writes requires that the last row that is remembered is there, and PostgreSQL refuses a row at a position that the
//! other process has taken. Whether to use the cache is therefore a question of speed alone.

use super::state::{AccountState, TenantState};
use super::touched::Touched;
use crate::log::hash::Head;
use domain::commit::Version;
use std::collections::{BTreeMap, HashMap};
use types::ObjectId;

/// A tenant's state is used if no other process wrote for the tenant between so many batches in a row.
const ALONE_MIN: u32 = 8;
/// When more balances than these are remembered (about ten megabytes), all are forgotten.
const ACCOUNTS_MAX: usize = 50_000;
/// The same for versions of objects.
const VERSIONS_MAX: usize = 50_000;

/// The remembered states of all tenants of one committer.
#[derive(Debug, Default)]
pub(crate) struct StateCache {
    tenants: HashMap<i32, Tenant>,
    /// How many accounts all tenants have together.
    accounts: usize,
    /// The same for versions.
    versions: usize,
}

#[derive(Debug)]
struct Tenant {
    next: i64,
    head: Head,
    /// In how many reads in a row no other process had written since the batch before.
    alone: u32,
    accounts: HashMap<String, AccountState>,
    /// Of objects that were changed, because they may be changed again: a commit that is out of date is then noticed
    /// before the whole batch is refused.
    versions: HashMap<ObjectId, Version>,
}

impl StateCache {
    /// The states that a batch relies on; `None` if some of it has to be read. Versions that are not remembered are
    /// presumed.
    pub fn states(&self, touched: &Touched<'_>) -> Option<BTreeMap<i32, TenantState>> {
        if !(touched.holds.is_empty() && touched.keys.is_empty()) {
            return None;
        }
        let mut states = BTreeMap::new();
        for number in touched.tenants.keys() {
            let Tenant { next, head, alone, .. } = *self.tenants.get(number)?;
            if alone < ALONE_MIN {
                return None;
            }
            states.insert(*number, TenantState { presumes: true, ..TenantState::new(next, head) });
        }
        for (number, code) in &touched.accounts {
            let account = self.tenants.get(number)?.accounts.get(*code)?;
            states.get_mut(number)?.accounts.insert((*code).to_owned(), account.clone());
        }
        for (number, id) in &touched.objects {
            if let Some(version) = self.tenants.get(number)?.versions.get(id) {
                states.get_mut(number)?.versions.insert(*id, *version);
            }
        }
        Some(states)
    }

    /// Compares what is remembered with states that have just been read.
    pub fn read(&mut self, read: &BTreeMap<i32, TenantState>) {
        for (number, state) in read {
            match self.tenants.get_mut(number) {
                Some(known) if (known.next, known.head) == (state.next, state.stored) => {
                    known.alone = known.alone.saturating_add(1);
                }
                _ => {
                    self.forget(*number);
                    self.remember(*number, state.next, state.stored);
                }
            }
        }
    }

    /// Another process is writing for this tenant.
    pub fn shared(&mut self, tenant: i32) {
        if let Some(known) = self.tenants.get_mut(&tenant) {
            known.alone = 0;
        }
    }

    /// Remembers the states that a batch leaves, and the versions of the objects that it has changed.
    pub fn written(
        &mut self,
        states: &BTreeMap<i32, TenantState>,
        changed: impl Iterator<Item = (i32, ObjectId, Version)>,
    ) {
        if self.accounts > ACCOUNTS_MAX {
            *self = StateCache::default();
        }
        if self.versions > VERSIONS_MAX {
            self.tenants.values_mut().for_each(|tenant| tenant.versions.clear());
            self.versions = 0;
        }
        for (number, state) in states {
            let known = self.remember(*number, state.next, state.head);
            let before = known.accounts.len();
            let used =
                state.accounts.iter().filter(|(code, state)| state.changed || !known.accounts.contains_key(*code));
            let stored: Vec<_> = used.map(|(code, state)| (code.clone(), state.clone().into_stored())).collect();
            known.accounts.extend(stored);
            self.accounts += known.accounts.len() - before;
        }
        for (number, id, version) in changed {
            let known = self.tenants.get_mut(&number).map(|tenant| tenant.versions.insert(id, version));
            self.versions += usize::from(known == Some(None));
        }
    }

    /// Forgets all of a tenant.
    fn forget(&mut self, tenant: i32) {
        if let Some(known) = self.tenants.remove(&tenant) {
            self.accounts -= known.accounts.len();
            self.versions -= known.versions.len();
        }
    }

    fn remember(&mut self, tenant: i32, next: i64, head: Head) -> &mut Tenant {
        let (accounts, versions) = (HashMap::new(), HashMap::new());
        let new = Tenant { next, head, alone: 0, accounts, versions };
        let known = self.tenants.entry(tenant).or_insert(new);
        (known.next, known.head) = (next, head);
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::account::{Account, Rule};
    use types::{Currency, Kind, TenantId};
    use uuid::Uuid;

    const TENANT: i32 = 7;

    fn account() -> Account {
        Account { code: "cash".to_owned(), currency: Currency::USD, rule: Rule::Unlimited }
    }

    fn touched() -> Touched<'static> {
        Touched {
            tenants: [(TENANT, TenantId(Uuid::nil()))].into(),
            accounts: [(TENANT, "cash")].into(),
            ..Touched::default()
        }
    }

    fn states(next: i64, debits: i64) -> BTreeMap<i32, TenantState> {
        let state = AccountState { debits_posted: debits, changed: true, ..AccountState::new(&account()) };
        let accounts = [("cash".to_owned(), state)].into();
        let head = Head { position: next - 1, ..Head::of_empty_log(TenantId(Uuid::nil())) };
        [(TENANT, TenantState { accounts, ..TenantState::new(next, head) })].into()
    }

    /// Reads and writes so many batches, of one log entry each; returns the next position.
    fn alone(cache: &mut StateCache, from: i64, times: i64) -> i64 {
        for next in from..from + times {
            cache.read(&states(next, next));
            cache.written(&states(next + 1, next + 1), std::iter::empty());
        }
        from + times
    }

    #[test]
    fn is_used_after_some_batches_until_another_process_writes() {
        let mut cache = StateCache::default();
        let next = alone(&mut cache, 1, 8);
        assert!(cache.states(&touched()).is_none(), "the first time there was nothing to compare with");
        let next = alone(&mut cache, next, 1);
        let found = &cache.states(&touched()).unwrap()[&TENANT];
        assert_eq!((found.next, found.accounts["cash"].debits_posted), (next, next));
        assert!(found.accounts["cash"].stored && !found.accounts["cash"].changed);

        let unknown = Touched { accounts: [(TENANT, "fees")].into(), ..touched() };
        assert!(cache.states(&unknown).is_none());
        let nil = TenantId(Uuid::nil());
        let other = Touched { tenants: [(TENANT, nil), (8, nil)].into(), ..touched() };
        assert!(cache.states(&other).is_none());
        let keys = Touched { keys: [(TENANT, "key")].into(), ..touched() };
        assert!(cache.states(&keys).is_none());

        let changed = ObjectId::from_value(Kind::Charge, Uuid::nil());
        cache.written(&states(next, next), [(TENANT, changed, 3)].into_iter());
        let found = &cache.states(&Touched { objects: [(TENANT, changed)].into(), ..touched() }).unwrap()[&TENANT];
        assert_eq!(found.versions.get(&changed), Some(&3));

        cache.shared(TENANT);
        assert!(cache.states(&touched()).is_none());
        cache.read(&states(next + 1, 0));
        assert_eq!(cache.versions, 0);
        assert!(cache.tenants[&TENANT].accounts.is_empty(), "the other process may have changed any of them");
    }

    #[test]
    fn too_many_accounts_are_forgotten() {
        let mut cache = StateCache::default();
        let mut many = states(2, 0);
        let state = many[&TENANT].accounts["cash"].clone();
        let codes = (0..=ACCOUNTS_MAX).map(|number| (number.to_string(), state.clone()));
        many.get_mut(&TENANT).unwrap().accounts.extend(codes);
        cache.written(&many, std::iter::empty());
        assert_eq!(cache.accounts, ACCOUNTS_MAX + 2);
        cache.written(&states(3, 0), std::iter::empty());
        assert_eq!(cache.accounts, 1);
    }
}
