//! A batch of commits as columns: what must be read for it, and what is written.

use crate::check::{AccountState, State};
use contracts::ledger::IdempotencyRecord;
use domain::commit::{Action, Commit, EventWrite, ObjectWrite, Transfer};
use std::collections::{HashMap, HashSet};
use types::ObjectId;
use uuid::Uuid;

/// The keys of all that a batch touches, each once.
#[derive(Debug, Default)]
pub(crate) struct Touched<'a> {
    pub objects: HashSet<ObjectId>,
    pub accounts: HashSet<&'a str>,
    pub holds: HashSet<Uuid>,
    pub keys: HashSet<&'a str>,
}

impl<'a> Touched<'a> {
    pub fn by(commits: impl Iterator<Item = &'a Commit>) -> Self {
        let mut touched = Touched::default();
        for commit in commits {
            touched.objects.extend(commit.objects.iter().map(|write| write.id));
            touched.keys.extend(commit.idempotency.iter().map(|write| write.key.as_str()));
            for transfer in &commit.transfers {
                touched.accounts.extend([transfer.debit.code.as_str(), transfer.credit.code.as_str()]);
                if let Action::PostHold { hold, .. } | Action::VoidHold { hold } = transfer.action {
                    touched.holds.insert(hold);
                }
            }
        }
        touched
    }
}

/// What the accepted commits of a batch write, in the order of the log.
#[derive(Debug, Default)]
pub(crate) struct Writes<'a> {
    pub events: Vec<LoggedEvent<'a>>,
    pub transfers: Vec<LoggedTransfer<'a>>,
    /// Objects that come into being in this batch, as the batch leaves them.
    pub created: Vec<&'a ObjectWrite>,
    /// Objects that were there before it, as the batch leaves them.
    pub updated: Vec<&'a ObjectWrite>,
    pub opened: Vec<(&'a str, &'a AccountState)>,
    pub moved: Vec<(&'a str, &'a AccountState)>,
    pub keys: Vec<&'a IdempotencyRecord>,
}

#[derive(Debug)]
pub(crate) struct LoggedEvent<'a> {
    pub position: i64,
    pub commit: &'a Commit,
    pub event: &'a EventWrite,
}

#[derive(Debug)]
pub(crate) struct LoggedTransfer<'a> {
    /// The position of its commit's first event.
    pub position: i64,
    pub ordinal: i16,
    pub commit: &'a Commit,
    pub transfer: &'a Transfer,
}

impl<'a> Writes<'a> {
    /// `accepted` are the commits with the positions of their first events; `state` is what they leave behind.
    pub fn of(accepted: impl Iterator<Item = (i64, &'a Commit)>, state: &'a State) -> Self {
        let mut writes = Writes::default();
        let mut objects: HashMap<ObjectId, (bool, &ObjectWrite)> = HashMap::new();
        let mut keys: HashSet<&str> = HashSet::new();
        for (first, commit) in accepted {
            writes.events.extend((first..).zip(&commit.events).map(|(position, event)| LoggedEvent {
                position,
                commit,
                event,
            }));
            writes.transfers.extend((0..).zip(&commit.transfers).map(|(ordinal, transfer)| LoggedTransfer {
                position: first,
                ordinal,
                commit,
                transfer,
            }));
            for write in &commit.objects {
                objects.entry(write.id).and_modify(|entry| entry.1 = write).or_insert((write.base == 0, write));
            }
            keys.extend(commit.idempotency.iter().map(|write| write.key.as_str()));
        }
        for (created, write) in objects.into_values() {
            if created { writes.created.push(write) } else { writes.updated.push(write) }
        }
        // In the order of their keys, so that neighbours in an index are written one after another.
        writes.created.sort_unstable_by_key(|write| write.id);
        writes.updated.sort_unstable_by_key(|write| write.id);
        for (code, account) in state.accounts.iter().filter(|(_, account)| account.changed) {
            if account.stored { &mut writes.moved } else { &mut writes.opened }.push((code.as_str(), account));
        }
        writes.keys = keys.into_iter().filter_map(|key| state.keys.get(key)).collect();
        writes
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.keys.is_empty()
    }
}
