//! What a committer remembers of its tenants from batch to batch, so that most batches need not read anything first.
//!
//! It is out of date as soon as another process writes for one of these tenants. That does no harm: the next log row of
//! the tenant gets a position that follows from what is remembered, the other process has written a row at that
//! position, and so PostgreSQL rejects the whole batch. Whether to use the cache is therefore a question of speed
//! alone.

use super::state::{AccountState, TenantState};
use super::touched::Touched;
use crate::log::hash::Head;
use std::collections::{BTreeMap, HashMap};

/// A tenant's state is used if no other process wrote for the tenant between so many batches in a row.
const ALONE_MIN: u32 = 8;
/// When more balances than these are remembered (about ten megabytes), all are forgotten.
const ACCOUNTS_MAX: usize = 50_000;

/// The remembered states of all tenants of one committer.
#[derive(Debug, Default)]
pub(crate) struct StateCache {
    tenants: HashMap<i32, Tenant>,
    /// How many accounts all tenants have together.
    accounts: usize,
}

#[derive(Debug, Default)]
struct Tenant {
    next: i64,
    head: Head,
    /// In how many reads in a row no other process had written since the batch before.
    alone: u32,
    accounts: HashMap<String, AccountState>,
}

impl StateCache {
    /// The states that a batch relies on; `None` if some of it has to be read.
    pub fn states(&self, touched: &Touched<'_>) -> Option<BTreeMap<i32, TenantState>> {
        if !(touched.objects.is_empty() && touched.holds.is_empty() && touched.keys.is_empty()) {
            return None;
        }
        let mut states = BTreeMap::new();
        for number in &touched.tenants {
            let Tenant { next, head, alone, .. } = *self.tenants.get(number)?;
            if alone < ALONE_MIN {
                return None;
            }
            states.insert(*number, TenantState { next, head, ..TenantState::default() });
        }
        for (number, code) in &touched.accounts {
            let account = self.tenants.get(number)?.accounts.get(*code)?;
            states.get_mut(number)?.accounts.insert((*code).to_owned(), account.clone());
        }
        Some(states)
    }

    /// Compares what is remembered with states that have just been read.
    pub fn read(&mut self, read: &BTreeMap<i32, TenantState>) {
        for (number, state) in read {
            let known = self.tenants.entry(*number).or_default();
            if (known.next, known.head) == (state.next, state.head) {
                known.alone = known.alone.saturating_add(1);
            } else {
                self.accounts -= known.accounts.len();
                *known = Tenant { next: state.next, head: state.head, ..Tenant::default() };
            }
        }
    }

    /// Remembers the states that a batch has left; it must be certain that the batch is written.
    pub fn written(&mut self, states: BTreeMap<i32, TenantState>, heads: &HashMap<i32, Head>) {
        if self.accounts > ACCOUNTS_MAX {
            *self = StateCache::default();
        }
        for (number, TenantState { next, head, accounts, .. }) in states {
            let known = self.tenants.entry(number).or_default();
            known.next = next;
            known.head = heads.get(&number).copied().unwrap_or(head);
            self.accounts -= known.accounts.len();
            let stored = accounts.into_iter().map(|(code, state)| (code, state.into_stored()));
            known.accounts.extend(stored);
            self.accounts += known.accounts.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::account::{Account, Rule};
    use types::Currency;

    const TENANT: i32 = 7;

    fn account() -> Account {
        Account { code: "cash".to_owned(), currency: Currency::USD, rule: Rule::Unlimited }
    }

    fn touched() -> Touched<'static> {
        Touched { tenants: [TENANT].into(), accounts: [(TENANT, "cash")].into(), ..Touched::default() }
    }

    fn states(next: i64, debits: i64) -> BTreeMap<i32, TenantState> {
        let state = AccountState { debits_posted: debits, changed: true, ..AccountState::new(&account()) };
        let accounts = [("cash".to_owned(), state)].into();
        [(TENANT, TenantState { next, accounts, ..TenantState::default() })].into()
    }

    /// Reads and writes so many batches, of one log entry each; returns the next position.
    fn alone(cache: &mut StateCache, from: i64, times: i64) -> i64 {
        for next in from..from + times {
            cache.read(&states(next, next));
            cache.written(states(next + 1, next + 1), &HashMap::new());
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
        let other = Touched { tenants: [TENANT, 8].into(), ..touched() };
        assert!(cache.states(&other).is_none());
        let keys = Touched { keys: [(TENANT, "key")].into(), ..touched() };
        assert!(cache.states(&keys).is_none());

        cache.read(&states(next + 1, 0));
        assert!(cache.states(&touched()).is_none());
        assert!(cache.tenants[&TENANT].accounts.is_empty(), "the other process may have changed any of them");
    }

    #[test]
    fn too_many_accounts_are_forgotten() {
        let mut cache = StateCache::default();
        let mut many = states(2, 0);
        let state = many[&TENANT].accounts["cash"].clone();
        let codes = (0..=ACCOUNTS_MAX).map(|number| (number.to_string(), state.clone()));
        many.get_mut(&TENANT).unwrap().accounts.extend(codes);
        cache.written(many, &HashMap::new());
        assert_eq!(cache.accounts, ACCOUNTS_MAX + 2);
        cache.written(states(3, 0), &HashMap::new());
        assert_eq!(cache.accounts, 1);
    }
}
