//! Decides, in memory, which commits of a batch may be written. Each commit is checked against what those before it
//! leave: versions, idempotency keys, balances and holds.

use super::prepared::PreparedCommit;
use super::state::{AccountState, Hold, Key, TenantState};
use super::validate::out_of_range;
use crate::log::hash::Head;
use contracts::ledger::{CommitError, IdempotencyRecord};
use domain::account::Account;
use domain::commit::{Action, Answer, IdempotencyWrite, Step, Transfer, Version};
use std::collections::HashMap;
use types::{ObjectId, Timestamp};
use uuid::Uuid;

/// Where an accepted commit goes in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The position of its first log entry.
    pub position: i64,
    /// Where the log ends after it.
    pub head: Head,
}

/// Accounts and holds as one commit changes them. They are kept apart until the whole commit is accepted.
#[derive(Default)]
struct Staged<'a> {
    accounts: HashMap<&'a str, AccountState>,
    holds: HashMap<Uuid, Hold>,
}

impl TenantState {
    /// Accepts a commit that [`validate`](super::validate::validate) has passed. After an error the state is as it was
    /// before.
    pub fn accept(&mut self, prepared: &PreparedCommit) -> Result<Place, CommitError> {
        let commit = &prepared.commit;
        let record = commit.idempotency.as_ref().map(|write| self.check_key(commit.at, write)).transpose()?;
        for write in &commit.objects {
            self.check_version(write.id, write.base)?;
        }
        let mut presumed = Vec::new();
        for (id, expected) in &commit.relies_on {
            let is_known = self.check_version(*id, *expected)?;
            presumed.extend((!is_known).then_some((*id, *expected)));
        }
        let mut staged = Staged::default();
        for transfer in &commit.transfers {
            self.stage(&mut staged, transfer)?;
        }
        let entries = i64::try_from(commit.entries.len()).map_err(|_| out_of_range("the number of log entries"))?;
        let next = self.next.checked_add(entries).ok_or_else(|| out_of_range("the log position"))?;

        let position = std::mem::replace(&mut self.next, next);
        if entries > 0 {
            self.head = self.head.after(position, commit.at, &prepared.encoded.digest);
        }
        self.versions.extend(presumed.iter().copied());
        self.presumed.extend(presumed);
        self.versions.extend(commit.objects.iter().map(|write| (write.id, write.version)));
        self.accounts.extend(staged.accounts.into_iter().map(|(code, state)| (code.to_owned(), state)));
        self.holds.extend(staged.holds);
        if let Some(record) = record {
            let stored = self.keys.get(&record.key).is_some_and(|key| key.stored);
            self.keys.insert(record.key.clone(), Key { record, stored, changed: true });
        }
        Ok(Place { position, head: self.head })
    }

    /// Whether the version is known; if it is presumed, it is what is expected. A conflict if it is another one.
    fn check_version(&self, id: ObjectId, expected: Version) -> Result<bool, CommitError> {
        let known = self.versions.get(&id).copied();
        match known.or((!self.presumes).then_some(0)) {
            Some(found) if found != expected => Err(CommitError::VersionConflict { id, expected, found }),
            found => Ok(found.is_some()),
        }
    }

    fn check_key(&self, now: Timestamp, write: &IdempotencyWrite) -> Result<IdempotencyRecord, CommitError> {
        let found = self.keys.get(&*write.key).map(|key| &key.record);
        let created = match (write.step, found) {
            (Step::Begin, Some(record)) if !record.is_over(now) => {
                return Err(CommitError::KeyUsed(Box::new(record.clone())));
            }
            (Step::Begin, _) => now,
            (Step::Finish, Some(record))
                if record.fingerprint == write.fingerprint && !matches!(record.answer, Answer::Body { .. }) =>
            {
                record.created
            }
            (Step::Finish, Some(record)) => return Err(CommitError::KeyUsed(Box::new(record.clone()))),
            (Step::Finish, None) => {
                return Err(CommitError::Invalid(format!("the idempotency key {:?} was never begun", &*write.key)));
            }
        };
        Ok(IdempotencyRecord {
            key: write.key.to_string(),
            fingerprint: write.fingerprint,
            created,
            answer: write.answer.clone(),
        })
    }

    fn stage<'a>(&self, staged: &mut Staged<'a>, transfer: &'a Transfer) -> Result<(), CommitError> {
        let amount = transfer.amount;
        let (posted, pending) = match transfer.action {
            Action::Post => (amount, 0),
            Action::Hold => {
                let hold = Hold {
                    debit: transfer.debit.code.clone(),
                    credit: transfer.credit.code.clone(),
                    remaining: amount,
                    closed: false,
                };
                staged.holds.insert(transfer.id, hold);
                (0, amount)
            }
            Action::PostHold { hold, last } => (amount, -self.use_hold(staged, transfer, hold, last)?),
            Action::VoidHold { hold } => (0, -self.use_hold(staged, transfer, hold, true)?),
        };
        let debit = self.account(staged, &transfer.debit)?;
        add(&mut debit.debits_posted, posted, &transfer.debit)?;
        add(&mut debit.debits_pending, pending, &transfer.debit)?;
        check_rule(debit, &transfer.debit)?;
        let credit = self.account(staged, &transfer.credit)?;
        add(&mut credit.credits_posted, posted, &transfer.credit)?;
        add(&mut credit.credits_pending, pending, &transfer.credit)?;
        check_rule(credit, &transfer.credit)
    }

    /// Takes a transfer's amount out of its hold, and returns by how much the pending balances fall.
    fn use_hold(&self, staged: &mut Staged<'_>, transfer: &Transfer, id: Uuid, last: bool) -> Result<i64, CommitError> {
        let error = |why: &str| CommitError::Hold(format!("{id} {why}"));
        let found = staged.holds.get(&id).or_else(|| self.holds.get(&id)).ok_or_else(|| error("is not there"))?;
        let mut hold = found.clone();
        if hold.debit != transfer.debit.code || hold.credit != transfer.credit.code {
            return Err(error("is of other accounts"));
        }
        if hold.closed || hold.remaining == 0 {
            return Err(error("is used up"));
        }
        if transfer.amount > hold.remaining {
            return Err(error(&format!("holds only {} of {}", hold.remaining, transfer.amount)));
        }
        let released = if last { hold.remaining } else { transfer.amount };
        hold.remaining -= released;
        hold.closed = last;
        staged.holds.insert(id, hold);
        Ok(released)
    }

    /// The account as the commit has it so far; a new one if there is none yet.
    fn account<'s, 'a>(
        &self,
        staged: &'s mut Staged<'a>,
        account: &'a Account,
    ) -> Result<&'s mut AccountState, CommitError> {
        let state = staged.accounts.entry(&account.code).or_insert_with(|| {
            let known = self.accounts.get(&account.code).cloned();
            let mut state = known.unwrap_or_else(|| AccountState::new(account));
            state.changed = true;
            state
        });
        if state.currency != account.currency || state.rule != account.rule {
            let (code, currency, rule) = (&account.code, state.currency, state.rule);
            return Err(CommitError::Invalid(format!("account {code} is kept in {currency} with the rule {rule:?}")));
        }
        Ok(state)
    }
}

fn add(balance: &mut i64, amount: i64, account: &Account) -> Result<(), CommitError> {
    *balance = balance.checked_add(amount).ok_or_else(|| out_of_range(&account.code))?;
    Ok(())
}

fn check_rule(state: &AccountState, account: &Account) -> Result<(), CommitError> {
    if state.obeys_rule() { Ok(()) } else { Err(CommitError::Overdrawn(account.code.clone())) }
}
