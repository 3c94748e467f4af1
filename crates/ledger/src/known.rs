//! What a committer has read or written of its tenants' books and still knows, so that a batch need not be read for.
//!
//! It is true as long as nobody else writes these books. That is not relied on: the next log row of a tenant has a
//! position that follows from what is known, and if another process has written there, PostgreSQL refuses it, and with
//! it the whole batch. So it is only a question of speed whether somebody is likely to.

use crate::batch::Touched;
use crate::chain::Head;
use crate::check::{AccountState, Books};
use std::collections::{BTreeMap, HashMap};

/// So often in a row must nobody else have written a tenant's books before that is expected to go on.
const ALONE_MIN: u32 = 8;
/// When more balances than these are known, all are forgotten: some ten megabytes.
const ACCOUNTS_MAX: usize = 50_000;

/// What is known, by tenant.
#[derive(Debug, Default)]
pub(crate) struct Known {
    tenants: HashMap<i32, Tenant>,
    accounts: usize,
}

#[derive(Debug, Default)]
struct Tenant {
    next: i64,
    head: Head,
    /// How often in a row nobody else had written when the books were read.
    alone: u32,
    accounts: HashMap<String, AccountState>,
}

impl Known {
    /// The books as a batch needs them, if they are known that far.
    pub fn books(&self, touched: &Touched<'_>) -> Option<BTreeMap<i32, Books>> {
        if !(touched.objects.is_empty() && touched.holds.is_empty() && touched.keys.is_empty()) {
            return None;
        }
        let mut books = BTreeMap::new();
        for number in &touched.tenants {
            let Tenant { next, head, alone, .. } = *self.tenants.get(number)?;
            if alone < ALONE_MIN {
                return None;
            }
            books.insert(*number, Books { next, head, ..Books::default() });
        }
        for (number, code) in &touched.accounts {
            let state = self.tenants.get(number)?.accounts.get(*code)?;
            books.get_mut(number)?.accounts.insert((*code).to_owned(), state.clone());
        }
        Some(books)
    }

    /// Compares what was known with books as they have just been read.
    pub fn read(&mut self, read: &BTreeMap<i32, Books>) {
        for (number, books) in read {
            let known = self.tenants.entry(*number).or_default();
            if (known.next, known.head) == (books.next, books.head) {
                known.alone = known.alone.saturating_add(1);
            } else {
                self.accounts -= known.accounts.len();
                *known = Tenant { next: books.next, head: books.head, ..Tenant::default() };
            }
        }
    }

    /// Books as a batch has left them that is certain to be written.
    pub fn written(&mut self, books: BTreeMap<i32, Books>, heads: &HashMap<i32, Head>) {
        if self.accounts > ACCOUNTS_MAX {
            *self = Known::default();
        }
        for (number, Books { next, head, accounts, .. }) in books {
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

    fn books(next: i64, debits: i64) -> BTreeMap<i32, Books> {
        let state = AccountState { debits_posted: debits, changed: true, ..AccountState::new(&account()) };
        let accounts = [("cash".to_owned(), state)].into();
        [(TENANT, Books { next, accounts, ..Books::default() })].into()
    }

    /// Reads and writes a batch that often, each of which moves the log by one.
    fn alone(known: &mut Known, from: i64, times: i64) -> i64 {
        for next in from..from + times {
            known.read(&books(next, next));
            known.written(books(next + 1, next + 1), &HashMap::new());
        }
        from + times
    }

    #[test]
    fn is_used_after_a_while_alone_until_somebody_else_writes() {
        let mut known = Known::default();
        let next = alone(&mut known, 1, 8);
        assert!(known.books(&touched()).is_none(), "the first time there was nothing to compare with");
        let next = alone(&mut known, next, 1);
        let found = &known.books(&touched()).unwrap()[&TENANT];
        assert_eq!((found.next, found.accounts["cash"].debits_posted), (next, next));
        assert!(found.accounts["cash"].stored && !found.accounts["cash"].changed);

        let unknown = Touched { accounts: [(TENANT, "fees")].into(), ..touched() };
        assert!(known.books(&unknown).is_none());
        let other = Touched { tenants: [TENANT, 8].into(), ..touched() };
        assert!(known.books(&other).is_none());
        let keys = Touched { keys: [(TENANT, "key")].into(), ..touched() };
        assert!(known.books(&keys).is_none());

        known.read(&books(next + 1, 0));
        assert!(known.books(&touched()).is_none());
        assert!(known.tenants[&TENANT].accounts.is_empty(), "the other writer may have changed any of them");
    }

    #[test]
    fn too_much_is_forgotten() {
        let mut known = Known::default();
        let mut many = books(2, 0);
        let state = many[&TENANT].accounts["cash"].clone();
        let codes = (0..=ACCOUNTS_MAX).map(|number| (number.to_string(), state.clone()));
        many.get_mut(&TENANT).unwrap().accounts.extend(codes);
        known.written(many, &HashMap::new());
        assert_eq!(known.accounts, ACCOUNTS_MAX + 2);
        known.written(books(3, 0), &HashMap::new());
        assert_eq!(known.accounts, 1);
    }
}
