//! A batch of commits of any tenants as columns: what must be read for it, and what is written.

use crate::chain::Head;
use crate::check::{AccountState, Books};
use crate::entries::Encoded;
use contracts::ledger::IdempotencyRecord;
use domain::commit::{Action, Commit, ObjectWrite, Step, Transfer, Version};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use types::{ObjectId, Timestamp};
use uuid::Uuid;

/// A commit on its way into the books with that number, its log entries ready to be stored.
#[derive(Debug)]
pub(crate) struct Entering {
    pub tenant: i32,
    pub commit: Commit,
    pub encoded: Encoded,
}

/// How much is read before a batch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// What is said to be new (an object, an idempotency key) is not looked for: almost always it is new, and where it
    /// is not, PostgreSQL refuses it and the batch is written again with more care.
    Trusting,
    /// Everything that a commit relies on is read.
    Thorough,
}

/// The keys of all that a batch touches, each once.
#[derive(Debug, Default)]
pub(crate) struct Touched<'a> {
    /// In their order, in which they are locked.
    pub tenants: BTreeSet<i32>,
    pub objects: HashSet<(i32, ObjectId)>,
    pub accounts: HashSet<(i32, &'a str)>,
    pub holds: HashSet<(i32, Uuid)>,
    pub keys: HashSet<(i32, &'a str)>,
}

impl<'a> Touched<'a> {
    pub fn by(batch: &[&'a Entering], care: Care) -> Self {
        let mut touched = Touched::default();
        for Entering { tenant, commit, .. } in batch.iter().copied() {
            let thorough = care == Care::Thorough;
            touched.tenants.insert(*tenant);
            let known = commit.objects.iter().filter(|write| thorough || write.base > 0);
            touched.objects.extend(known.map(|write| (*tenant, write.id)));
            let begun = commit.idempotency.iter().filter(|write| thorough || write.step == Step::Finish);
            touched.keys.extend(begun.map(|write| (*tenant, write.key.as_str())));
            for transfer in &commit.transfers {
                touched
                    .accounts
                    .extend([(*tenant, transfer.debit.code.as_str()), (*tenant, transfer.credit.code.as_str())]);
                if let Action::PostHold { hold, .. } | Action::VoidHold { hold } = transfer.action {
                    touched.holds.insert((*tenant, hold));
                }
            }
        }
        touched
    }
}

/// What the accepted commits of a batch write, each tenant's in the order of its log.
#[derive(Debug, Default)]
pub(crate) struct Writes<'a> {
    /// With the position of the first entry, and what the row adds to the chain.
    pub log: Vec<(i64, Head, &'a Entering)>,
    pub transfers: Vec<LoggedTransfer<'a>>,
    /// Objects that come into being in this batch, as the batch leaves them.
    pub created: Vec<Created<'a>>,
    /// Objects that were there before it, as the batch leaves them.
    pub updated: Vec<(i32, &'a ObjectWrite)>,
    /// Where objects go on that were created by an earlier commit: the first of the versions, and the position.
    pub revisions: Vec<(i32, ObjectId, Version, i64)>,
    pub opened: Vec<(i32, &'a str, &'a AccountState)>,
    pub moved: Vec<(i32, &'a str, &'a AccountState)>,
    pub keys_begun: Vec<(i32, &'a IdempotencyRecord)>,
    pub keys_changed: Vec<(i32, &'a IdempotencyRecord)>,
    /// Where each tenant's log ends then.
    pub heads: HashMap<i32, Head>,
}

#[derive(Debug)]
pub(crate) struct LoggedTransfer<'a> {
    pub tenant: i32,
    /// The position of its commit's first entry.
    pub position: i64,
    pub ordinal: i16,
    /// That of its log row.
    pub time: Timestamp,
    pub transfer: &'a Transfer,
}

/// A new object.
#[derive(Debug)]
pub(crate) struct Created<'a> {
    pub tenant: i32,
    pub write: &'a ObjectWrite,
    /// The log row of its creation, and where in its entries the first state is.
    pub position: i64,
    pub place: (i32, i32),
}

impl<'a> Writes<'a> {
    /// `accepted` are the commits with the positions of their first entries; `books` is what they leave behind.
    pub fn of(accepted: impl Iterator<Item = (i64, &'a Entering)>, books: &'a BTreeMap<i32, Books>) -> Self {
        let mut writes = Writes::default();
        let mut created: HashMap<(i32, ObjectId), Created<'a>> = HashMap::new();
        let mut updated: HashMap<(i32, ObjectId), &ObjectWrite> = HashMap::new();
        writes.heads = books.iter().map(|(tenant, books)| (*tenant, books.head)).collect();
        for (position, entering) in accepted {
            let Entering { tenant, commit, encoded } = entering;
            let tenant = *tenant;
            let head = writes.heads.entry(tenant).or_default();
            if !commit.entries.is_empty() {
                *head = head.after(commit.at, &encoded.digest);
                writes.log.push((position, *head, entering));
            }
            let time = head.time;
            writes.transfers.extend((0..).zip(&commit.transfers).map(|(ordinal, transfer)| LoggedTransfer {
                tenant,
                position,
                ordinal,
                time,
                transfer,
            }));
            for write in &commit.objects {
                let key = (tenant, write.id);
                if write.base == 0 {
                    let first = commit.entries.iter().position(|event| event.object == write.id);
                    let place = first.and_then(|at| encoded.places.get(at)).copied().unwrap_or_default();
                    created.insert(key, Created { tenant, write, position, place });
                    continue;
                }
                writes.revisions.push((tenant, write.id, write.base + 1, position));
                match created.get_mut(&key) {
                    Some(creation) => creation.write = write,
                    None => {
                        updated.insert(key, write);
                    }
                }
            }
        }
        writes.created.extend(created.into_values());
        writes.updated.extend(updated.into_iter().map(|((tenant, _), write)| (tenant, write)));
        // In the order of their keys, so that neighbours in an index are written one after another.
        writes.created.sort_unstable_by_key(|creation| (creation.tenant, creation.write.id));
        writes.updated.sort_unstable_by_key(|(tenant, write)| (*tenant, write.id));
        for (tenant, books) in books {
            for (code, account) in books.accounts.iter().filter(|(_, account)| account.changed) {
                let rows = if account.stored { &mut writes.moved } else { &mut writes.opened };
                rows.push((*tenant, code.as_str(), account));
            }
            for key in books.keys.values().filter(|key| key.changed) {
                let rows = if key.stored { &mut writes.keys_changed } else { &mut writes.keys_begun };
                rows.push((*tenant, &key.record));
            }
        }
        writes
    }

    pub fn is_empty(&self) -> bool {
        self.log.is_empty() && self.keys_begun.is_empty() && self.keys_changed.is_empty()
    }
}
