//! What a batch writes, table by table.

use super::accept::Place;
use super::prepared::PreparedCommit;
use super::state::{AccountState, TenantState};
use crate::log::hash::Head;
use contracts::ledger::IdempotencyRecord;
use domain::commit::{ObjectWrite, Transfer, Version};
use std::collections::{BTreeMap, HashMap};
use types::{ObjectId, Timestamp};

/// What the accepted commits of a batch write, each tenant's in the order of its log.
#[derive(Debug, Default)]
pub(crate) struct Writes<'a> {
    /// Commits with log entries: the position of the first entry, and the head of the log after the commit.
    pub log: Vec<(i64, Head, &'a PreparedCommit)>,
    pub transfers: Vec<LoggedTransfer<'a>>,
    /// Objects that the batch creates, as it leaves them.
    pub new_objects: Vec<NewObject<'a>>,
    /// Objects that existed before the batch, as it leaves them, each with the version that it replaces.
    pub changed_objects: Vec<(i32, &'a ObjectWrite, Version)>,
    /// Commits that change an object which an earlier commit created: the first version that the commit gives it, and
    /// the position of the commit.
    pub revisions: Vec<(i32, ObjectId, Version, i64)>,
    pub new_accounts: Vec<(i32, &'a str, &'a AccountState)>,
    pub changed_accounts: Vec<(i32, &'a str, &'a AccountState)>,
    pub new_keys: Vec<(i32, &'a IdempotencyRecord)>,
    pub changed_keys: Vec<(i32, &'a IdempotencyRecord)>,
}

#[derive(Debug)]
pub(crate) struct LoggedTransfer<'a> {
    pub tenant: i32,
    /// The position of its commit's first entry.
    pub position: i64,
    pub ordinal: i16,
    /// The time of its log row.
    pub time: Timestamp,
    pub transfer: &'a Transfer,
}

/// A new object.
#[derive(Debug)]
pub(crate) struct NewObject<'a> {
    pub tenant: i32,
    pub write: &'a ObjectWrite,
    /// The position of the log row that creates it.
    pub position: i64,
    /// Where in the entries of that row the first state is: byte (from 1) and length.
    pub place: (i32, i32),
}

impl<'a> Writes<'a> {
    /// `accepted` are the commits with their places in the log; `states` is what they leave behind, by tenant.
    pub fn of(
        accepted: impl Iterator<Item = (Place, &'a PreparedCommit)>,
        states: &'a BTreeMap<i32, TenantState>,
    ) -> Self {
        let mut writes = Writes::default();
        let mut new: HashMap<(i32, ObjectId), NewObject<'a>> = HashMap::new();
        let mut changed: HashMap<(i32, ObjectId), (&ObjectWrite, Version)> = HashMap::new();
        for (Place { position, head }, prepared) in accepted {
            let PreparedCommit { tenant, commit, encoded, .. } = prepared;
            let tenant = *tenant;
            if !commit.entries.is_empty() {
                writes.log.push((position, head, prepared));
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
                    let first = commit.entries.iter().position(|entry| entry.object == write.id);
                    let place = first.and_then(|at| encoded.places.get(at)).copied().unwrap_or_default();
                    new.insert(key, NewObject { tenant, write, position, place });
                    continue;
                }
                writes.revisions.push((tenant, write.id, write.base + 1, position));
                match new.get_mut(&key) {
                    Some(object) => object.write = write,
                    None => changed.entry(key).or_insert((write, write.base)).0 = write,
                }
            }
        }
        writes.new_objects.extend(new.into_values());
        writes.changed_objects.extend(changed.into_iter().map(|((tenant, _), (write, base))| (tenant, write, base)));
        // In the order of the primary key, so that neighbours in the index are written one after another.
        writes.new_objects.sort_unstable_by_key(|object| (object.tenant, object.write.id));
        writes.changed_objects.sort_unstable_by_key(|(tenant, write, _)| (*tenant, write.id));
        for (tenant, state) in states {
            for (code, account) in state.accounts.iter().filter(|(_, account)| account.changed) {
                let rows = if account.stored { &mut writes.changed_accounts } else { &mut writes.new_accounts };
                rows.push((*tenant, code.as_str(), account));
            }
            for key in state.keys.values().filter(|key| key.changed) {
                let rows = if key.stored { &mut writes.changed_keys } else { &mut writes.new_keys };
                rows.push((*tenant, &key.record));
            }
        }
        writes
    }

    pub fn is_empty(&self) -> bool {
        self.log.is_empty() && self.new_keys.is_empty() && self.changed_keys.is_empty()
    }
}
