//! Checks transfers, and the balances that they add up to.

use super::report::Report;
use super::store::TransferRow;
use contracts::ledger::Balance;
use domain::account::Rule;
use domain::commit::Action;
use std::collections::{BTreeMap, HashMap};
use types::Currency;
use uuid::Uuid;

/// Debits and credits, posted and pending, in 128 bits, so that no sum can overflow.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Sums {
    debits_posted: i128,
    credits_posted: i128,
    debits_pending: i128,
    credits_pending: i128,
}

impl Sums {
    fn of(balance: &Balance) -> Self {
        Sums {
            debits_posted: balance.debits_posted.into(),
            credits_posted: balance.credits_posted.into(),
            debits_pending: balance.debits_pending.into(),
            credits_pending: balance.credits_pending.into(),
        }
    }

    fn add(&mut self, other: Sums) {
        self.debits_posted += other.debits_posted;
        self.credits_posted += other.credits_posted;
        self.debits_pending += other.debits_pending;
        self.credits_pending += other.credits_pending;
    }

    fn is_balanced(&self) -> bool {
        self.debits_posted == self.credits_posted && self.debits_pending == self.credits_pending
    }

    fn keeps(&self, rule: Rule) -> bool {
        match rule {
            Rule::Unlimited => true,
            Rule::CreditsCoverDebits => self.debits_posted + self.debits_pending <= self.credits_posted,
            Rule::DebitsCoverCredits => self.credits_posted + self.credits_pending <= self.debits_posted,
        }
    }
}

/// A hold of which something remains.
struct Hold {
    debit: String,
    credit: String,
    remaining: i128,
}

/// The transfers so far, replayed.
pub(super) struct Replay {
    /// By code: currency and rule as stored, balances as folded.
    accounts: HashMap<String, (Currency, Rule, Sums)>,
    holds: HashMap<Uuid, Hold>,
    /// Position and ordinal of the transfer before.
    last: Option<(i64, i16)>,
}

impl Replay {
    pub fn new(stored: &[Balance], report: &mut Report) -> Self {
        report.accounts = u64::try_from(stored.len()).unwrap_or(u64::MAX);
        let empty = |balance: &Balance| {
            let account = &balance.account;
            (account.code.clone(), (account.currency, account.rule, Sums::default()))
        };
        Replay { accounts: stored.iter().map(empty).collect(), holds: HashMap::new(), last: None }
    }

    /// The next transfer.
    pub fn step(&mut self, transfer: &TransferRow, report: &mut Report) {
        report.transfers += 1;
        let expected = match self.last {
            Some((position, ordinal)) if position == transfer.position => ordinal.saturating_add(1),
            _ => 0,
        };
        if transfer.ordinal != expected {
            let detail = format!("it has ordinal {} in its commit, not {expected}", transfer.ordinal);
            report.find("transfers", transfer.id, detail);
        }
        self.last = Some((transfer.position, transfer.ordinal));
        let (posted, pending) = self.effect(transfer, report);
        self.move_money(transfer, posted, pending, report);
    }

    /// By how much the posted and the pending balances of both accounts change.
    fn effect(&mut self, transfer: &TransferRow, report: &mut Report) -> (i128, i128) {
        let amount = i128::from(transfer.amount);
        let action = match &transfer.action {
            Ok(action) => *action,
            Err(error) => {
                report.find("transfers", transfer.id, error.to_string());
                return (0, 0);
            }
        };
        let is_void = matches!(action, Action::VoidHold { .. });
        if is_void != (amount == 0) || amount < 0 {
            report.find("transfers", transfer.id, format!("its amount is {amount}"));
        }
        match action {
            Action::Post => (amount, 0),
            Action::Hold => {
                let (debit, credit) = (transfer.debit.clone(), transfer.credit.clone());
                self.holds.insert(transfer.id, Hold { debit, credit, remaining: amount });
                (0, amount)
            }
            Action::PostHold { hold, last } => (amount, -self.use_hold(transfer, hold, last, report)),
            Action::VoidHold { hold } => (0, -self.use_hold(transfer, hold, true, report)),
        }
    }

    /// Takes a transfer out of its hold, and returns by how much the pending balances fall.
    fn use_hold(&mut self, transfer: &TransferRow, id: Uuid, closes: bool, report: &mut Report) -> i128 {
        let Some(hold) = self.holds.get_mut(&id) else {
            report.find("holds", transfer.id, format!("hold {id} is not there, or used up"));
            return 0;
        };
        if hold.debit != transfer.debit || hold.credit != transfer.credit {
            report.find("holds", transfer.id, format!("hold {id} is of other accounts"));
        }
        let amount = i128::from(transfer.amount);
        if amount > hold.remaining {
            report.find("holds", transfer.id, format!("it takes {amount} of hold {id}, which has {}", hold.remaining));
        }
        let released = if closes { hold.remaining } else { amount };
        hold.remaining -= released;
        if closes || hold.remaining <= 0 {
            self.holds.remove(&id);
        }
        released
    }

    fn move_money(&mut self, transfer: &TransferRow, posted: i128, pending: i128, report: &mut Report) {
        let debit = Sums { debits_posted: posted, debits_pending: pending, ..Sums::default() };
        let credit = Sums { credits_posted: posted, credits_pending: pending, ..Sums::default() };
        let mut currencies = Vec::with_capacity(2);
        for (code, change) in [(&transfer.debit, debit), (&transfer.credit, credit)] {
            let Some((currency, rule, sums)) = self.accounts.get_mut(code) else {
                report.find("balances", code, format!("transfer {} touches it, but it is not stored", transfer.id));
                continue;
            };
            sums.add(change);
            currencies.push(*currency);
            if !sums.keeps(*rule) {
                report.find("rules", code, format!("after transfer {} its rule {rule:?} is broken", transfer.id));
            }
        }
        if let [one, other] = currencies.as_slice()
            && one != other
        {
            report.find("transfers", transfer.id, format!("it is from {one} to {other}"));
        }
        if transfer.debit == transfer.credit {
            report.find("transfers", transfer.id, format!("it is from {} to itself", transfer.debit));
        }
    }

    /// Compares what all transfers add up to with what is stored.
    pub fn compare(self, stored: &[Balance], report: &mut Report) {
        let mut totals: BTreeMap<Currency, (Sums, Sums)> = BTreeMap::new();
        for balance in stored {
            let code = &balance.account.code;
            let kept = Sums::of(balance);
            let folded = self.accounts.get(code).map(|account| account.2).unwrap_or_default();
            if folded != kept {
                report.find("balances", code, format!("its transfers add up to {folded:?}, stored is {kept:?}"));
            }
            if !kept.keeps(balance.account.rule) {
                report.find("rules", code, format!("as stored it breaks its rule {:?}", balance.account.rule));
            }
            let (stored_total, folded_total) = totals.entry(balance.account.currency).or_default();
            stored_total.add(kept);
            folded_total.add(folded);
        }
        for (currency, (stored_total, folded_total)) in totals {
            for (what, total) in [("stored", stored_total), ("folded", folded_total)] {
                if !total.is_balanced() {
                    report.find("totals", currency, format!("debits do not equal credits as {what}: {total:?}"));
                }
            }
        }
    }
}
