//! Decides, in memory, which commits of a batch may be written: versions, idempotency keys, balances and holds are
//! read once for the whole batch, then each commit is checked against what those before it have left.

use crate::chain::Head;
use crate::validate::out_of_range;
use contracts::ledger::{CommitError, IDEMPOTENCY_LIFETIME, IdempotencyRecord};
use domain::account::{Account, Rule};
use domain::commit::{Action, Commit, IdempotencyWrite, Step, Transfer, Version};
use std::collections::HashMap;
use types::{Currency, ObjectId, Timestamp};
use uuid::Uuid;

/// An account with its balance. What of it changed in the batch is written back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AccountState {
    pub currency: Currency,
    pub rule: Rule,
    pub debits_posted: i64,
    pub credits_posted: i64,
    pub debits_pending: i64,
    pub credits_pending: i64,
    /// Whether the store has a row for it.
    pub stored: bool,
    pub changed: bool,
}

/// A hold, with what has been done to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hold {
    pub debit: String,
    pub credit: String,
    /// What has not been posted yet.
    pub remaining: i64,
    /// Voided, or posted with `last`.
    pub closed: bool,
}

/// An idempotency key. What of it changed in the batch is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub record: IdempotencyRecord,
    /// Whether the store has a row for it.
    pub stored: bool,
    pub changed: bool,
}

/// What the commits of a batch touch of one tenant's books, as the store has it before the batch; then as the checked
/// commits leave it.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// The position that the next entry gets.
    pub next: i64,
    /// The log's last row before the batch.
    pub head: Head,
    pub versions: HashMap<ObjectId, Version>,
    pub accounts: HashMap<String, AccountState>,
    pub holds: HashMap<Uuid, Hold>,
    pub keys: HashMap<String, Key>,
}

/// Accounts and holds as one commit changes them; kept apart until all of the commit is known to pass.
#[derive(Default)]
struct Staged<'a> {
    accounts: HashMap<&'a str, AccountState>,
    holds: HashMap<Uuid, Hold>,
}

impl Books {
    /// Accepts a commit that [`validate`](crate::validate::validate) found sound, and says the position of its first
    /// event; or refuses it and is left as it was.
    pub fn accept(&mut self, commit: &Commit) -> Result<i64, CommitError> {
        let record = commit.idempotency.as_ref().map(|write| self.check_key(commit.at, write)).transpose()?;
        for write in &commit.objects {
            let found = self.versions.get(&write.id).copied().unwrap_or(0);
            if found != write.base {
                return Err(CommitError::VersionConflict { id: write.id, expected: write.base, found });
            }
        }
        let mut staged = Staged::default();
        for transfer in &commit.transfers {
            self.stage(&mut staged, transfer)?;
        }
        let events = i64::try_from(commit.entries.len()).map_err(|_| out_of_range("events"))?;
        let next = self.next.checked_add(events).ok_or_else(|| out_of_range("log"))?;

        let first_position = std::mem::replace(&mut self.next, next);
        self.versions.extend(commit.objects.iter().map(|write| (write.id, write.version)));
        self.accounts.extend(staged.accounts.into_iter().map(|(code, state)| (code.to_owned(), state)));
        self.holds.extend(staged.holds);
        if let Some(record) = record {
            let stored = self.keys.get(&record.key).is_some_and(|key| key.stored);
            self.keys.insert(record.key.clone(), Key { record, stored, changed: true });
        }
        Ok(first_position)
    }

    fn check_key(&self, now: Timestamp, write: &IdempotencyWrite) -> Result<IdempotencyRecord, CommitError> {
        let found = self.keys.get(&write.key).map(|key| &key.record);
        let created = match (write.step, found) {
            (Step::Begin, Some(record)) if record.created.plus(IDEMPOTENCY_LIFETIME) >= now => {
                return Err(CommitError::KeyUsed(Box::new(record.clone())));
            }
            (Step::Begin, _) => now,
            (Step::Finish, Some(record)) if record.fingerprint == write.fingerprint => record.created,
            (Step::Finish, Some(record)) => return Err(CommitError::KeyUsed(Box::new(record.clone()))),
            (Step::Finish, None) => {
                return Err(CommitError::Invalid(format!("the idempotency key {:?} was never begun", write.key)));
            }
        };
        Ok(IdempotencyRecord {
            key: write.key.clone(),
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

    /// Takes a transfer's amount out of a hold and says by how much the pending balances fall.
    fn use_hold(&self, staged: &mut Staged<'_>, transfer: &Transfer, id: Uuid, last: bool) -> Result<i64, CommitError> {
        let refused = |why: &str| CommitError::Hold(format!("{id} {why}"));
        let found = staged.holds.get(&id).or_else(|| self.holds.get(&id)).ok_or_else(|| refused("is not there"))?;
        let mut hold = found.clone();
        if hold.debit != transfer.debit.code || hold.credit != transfer.credit.code {
            return Err(refused("is of other accounts"));
        }
        if hold.closed || hold.remaining == 0 {
            return Err(refused("is used up"));
        }
        if transfer.amount > hold.remaining {
            return Err(refused(&format!("holds only {} of {}", hold.remaining, transfer.amount)));
        }
        let released = if last { hold.remaining } else { transfer.amount };
        hold.remaining -= released;
        hold.closed = last;
        staged.holds.insert(id, hold);
        Ok(released)
    }

    /// The account as the commit has it so far; a new one if nobody has touched it before.
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

impl AccountState {
    pub fn new(account: &Account) -> Self {
        AccountState {
            currency: account.currency,
            rule: account.rule,
            debits_posted: 0,
            credits_posted: 0,
            debits_pending: 0,
            credits_pending: 0,
            stored: false,
            changed: false,
        }
    }

    /// The same when it has been written.
    pub fn into_stored(self) -> Self {
        AccountState { stored: true, changed: false, ..self }
    }

    /// Whether the balance is one that the account's rule allows. Sums are taken wide, so that they cannot overflow.
    pub fn obeys_rule(&self) -> bool {
        let debits = i128::from(self.debits_posted) + i128::from(self.debits_pending);
        let credits = i128::from(self.credits_posted) + i128::from(self.credits_pending);
        match self.rule {
            Rule::Unlimited => true,
            Rule::CreditsCoverDebits => debits <= i128::from(self.credits_posted),
            Rule::DebitsCoverCredits => credits <= i128::from(self.debits_posted),
        }
    }
}

fn add(balance: &mut i64, amount: i64, account: &Account) -> Result<(), CommitError> {
    *balance = balance.checked_add(amount).ok_or_else(|| out_of_range(&account.code))?;
    Ok(())
}

fn check_rule(state: &AccountState, account: &Account) -> Result<(), CommitError> {
    if state.obeys_rule() { Ok(()) } else { Err(CommitError::Overdrawn(account.code.clone())) }
}
