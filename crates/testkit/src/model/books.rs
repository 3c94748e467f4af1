//! The books of one tenant in memory: the rules of commits, as simply as possible.

use super::validate::{self, invalid};
use contracts::ledger::{
    Balance, CommitError, Committed, FIRST_POSITION, IDEMPOTENCY_LIFETIME, IdempotencyRecord, LogEntry, Stored,
};
use domain::account::{Account, Rule};
use domain::commit::{Action, Answer, Commit, EntryWrite, Index, Request, Step, Transfer, Version};
use domain::patch;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{ObjectId, Timestamp};
use uuid::Uuid;

/// The books of one tenant.
#[derive(Clone, Default)]
pub(super) struct Books {
    pub objects: BTreeMap<ObjectId, Arc<Stored>>,
    pub log: Vec<Arc<Logged>>,
    pub transfers: Vec<Arc<Transfer>>,
    pub balances: BTreeMap<String, Balance>,
    pub keys: BTreeMap<String, IdempotencyRecord>,
}

/// A log entry as it is kept: with the change instead of the states.
#[derive(Clone)]
pub(super) struct Logged {
    pub position: i64,
    pub created: Timestamp,
    pub entry: EntryWrite,
    pub request: Option<Request>,
}

/// Whether a key is so old that it can be used again: not before its request is answered.
pub(super) fn expired(record: &IdempotencyRecord, now: Timestamp) -> bool {
    record.created.plus(IDEMPOTENCY_LIFETIME) < now && record.answer != Answer::Running
}

impl Books {
    /// Carries a commit out, or fails half-way: the caller works on a copy.
    pub fn commit(&mut self, commit: &Commit) -> Result<Committed, CommitError> {
        validate::check(commit)?;
        self.write_key(commit)?;
        self.write_objects(commit)?;
        for transfer in &commit.transfers {
            self.move_money(transfer)?;
        }
        let first_position = FIRST_POSITION + self.log.len() as i64;
        let created = self.log.last().map_or(commit.at, |last| last.created.max(commit.at));
        self.log.extend((first_position..).zip(&commit.entries).map(|(position, entry)| {
            Arc::new(Logged { position, created, entry: entry.clone(), request: commit.request.clone() })
        }));
        Ok(Committed { first_position })
    }

    fn write_key(&mut self, commit: &Commit) -> Result<(), CommitError> {
        let Some(write) = &commit.idempotency else { return Ok(()) };
        let known = self.keys.get(&*write.key);
        let created = match write.step {
            Step::Begin => match known {
                Some(record) if !expired(record, commit.at) => {
                    return Err(CommitError::KeyUsed(Box::new(record.clone())));
                }
                _ => commit.at,
            },
            Step::Finish => match known {
                None => return invalid("the key was never begun"),
                Some(record)
                    if record.fingerprint != write.fingerprint || matches!(record.answer, Answer::Body { .. }) =>
                {
                    return Err(CommitError::KeyUsed(Box::new(record.clone())));
                }
                Some(record) => record.created,
            },
        };
        let record = IdempotencyRecord {
            key: write.key.to_string(),
            fingerprint: write.fingerprint,
            created,
            answer: write.answer.clone(),
        };
        self.keys.insert(write.key.to_string(), record);
        Ok(())
    }

    fn write_objects(&mut self, commit: &Commit) -> Result<(), CommitError> {
        let replaced = commit.objects.iter().map(|write| (write.id, write.base));
        for (id, expected) in replaced.chain(commit.relies_on.iter().copied()) {
            let found = self.objects.get(&id).map_or(0, |stored| stored.version);
            if found != expected {
                return Err(CommitError::VersionConflict { id, expected, found });
            }
        }
        for write in &commit.objects {
            let stored =
                Stored { id: write.id, version: write.version, index: write.index.clone(), state: write.state.clone() };
            self.objects.insert(write.id, Arc::new(stored));
        }
        Ok(())
    }

    fn move_money(&mut self, transfer: &Transfer) -> Result<(), CommitError> {
        if self.transfers.iter().any(|known| known.id == transfer.id) {
            return invalid("the transfer was made before");
        }
        let (posted, held) = match transfer.action {
            Action::Post => (transfer.amount, 0),
            Action::Hold => (0, transfer.amount),
            Action::PostHold { hold, last } => {
                let remaining = self.remaining(hold, transfer)?;
                (transfer.amount, if last { -remaining } else { -transfer.amount })
            }
            Action::VoidHold { hold } => (0, -self.remaining(hold, transfer)?),
        };
        let debit = self.balance(&transfer.debit)?;
        change(&mut debit.debits_posted, posted)?;
        change(&mut debit.debits_pending, held)?;
        obeys_rule(debit)?;
        let credit = self.balance(&transfer.credit)?;
        change(&mut credit.credits_posted, posted)?;
        change(&mut credit.credits_pending, held)?;
        obeys_rule(credit)?;
        self.transfers.push(Arc::new(transfer.clone()));
        Ok(())
    }

    /// What is left of a hold; an error if that is not enough for the transfer.
    fn remaining(&self, hold: Uuid, transfer: &Transfer) -> Result<i64, CommitError> {
        let error = |why: &str| Err(CommitError::Hold(format!("{hold} {why}")));
        let Some(held) = self.transfers.iter().find(|known| known.id == hold && known.action == Action::Hold) else {
            return error("is not there");
        };
        if held.debit.code != transfer.debit.code || held.credit.code != transfer.credit.code {
            return error("is of other accounts");
        }
        let mut remaining = held.amount;
        for known in &self.transfers {
            match known.action {
                Action::PostHold { hold: used, last } if used == hold => {
                    remaining = if last { 0 } else { remaining - known.amount };
                }
                Action::VoidHold { hold: used } if used == hold => remaining = 0,
                _ => {}
            }
        }
        if remaining == 0 {
            return error("is used up");
        }
        if transfer.amount > remaining { error("is too small") } else { Ok(remaining) }
    }

    fn balance(&mut self, account: &Account) -> Result<&mut Balance, CommitError> {
        let balance = self.balances.entry(account.code.clone()).or_insert_with(|| Balance {
            account: account.clone(),
            debits_posted: 0,
            credits_posted: 0,
            debits_pending: 0,
            credits_pending: 0,
        });
        if balance.account == *account { Ok(balance) } else { invalid("the account has another currency or rule") }
    }

    pub fn object_at(&self, id: ObjectId, version: Version) -> Option<Stored> {
        let entries = self.log.iter().map(|logged| &logged.entry);
        let changes: Vec<_> = entries.filter(|entry| entry.object == id && entry.version <= version).collect();
        if changes.last()?.version != version {
            return None;
        }
        let mut state = Value::Null;
        for entry in changes {
            let change: Value = serde_json::from_str(&entry.change).expect("the log holds JSON");
            if entry.version == 1 { state = change } else { patch::apply(&mut state, change) }
        }
        Some(Stored { id, version, index: Index::default(), state: state.to_string() })
    }

    /// A log entry with the states before and after it.
    pub fn shown(&self, logged: &Logged) -> LogEntry {
        let EntryWrite { object, version, event_type, .. } = logged.entry;
        let state = |version| self.object_at(object, version).map(|stored| Arc::from(stored.state));
        let request = logged.request.as_ref();
        LogEntry {
            position: logged.position,
            created: logged.created,
            object,
            version,
            event_type: event_type.map(str::to_owned),
            state: state(version).expect("an entry that is in the log"),
            before: state(version - 1),
            request_id: request.map(|request| request.id.clone()),
            idempotency_key: request.and_then(|request| request.idempotency_key.clone()),
        }
    }
}

fn change(balance: &mut i64, by: i64) -> Result<(), CommitError> {
    match balance.checked_add(by) {
        Some(changed) => {
            *balance = changed;
            Ok(())
        }
        None => invalid("the balance is out of range"),
    }
}

fn obeys_rule(balance: &Balance) -> Result<(), CommitError> {
    let debits = i128::from(balance.debits_posted) + i128::from(balance.debits_pending);
    let credits = i128::from(balance.credits_posted) + i128::from(balance.credits_pending);
    let fine = match balance.account.rule {
        Rule::Unlimited => true,
        Rule::CreditsCoverDebits => debits <= i128::from(balance.credits_posted),
        Rule::DebitsCoverCredits => credits <= i128::from(balance.debits_posted),
    };
    if fine { Ok(()) } else { Err(CommitError::Overdrawn(balance.account.code.clone())) }
}
