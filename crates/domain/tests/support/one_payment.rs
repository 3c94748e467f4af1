//! One payment, with its objects and its books.

use super::{conditions, new_method};
use domain::attempts::{self, Attempt, Conditions, Decline, Done, Outcome, PayerPage, Target};
use domain::books::balance_transaction::BalanceTransaction;
use domain::commit::{Action, Commit};
use domain::payments::charge::{self, Charge, capture};
use domain::payments::intent::Status;
use domain::payments::payment_intent::{
    self, CaptureMethod, CardOptions, Draft, IfAvailable, Payment, PaymentIntent, cancel, confirm, increment,
};
use domain::payments::payment_method::{self, PaymentMethod};
use domain::payments::refund::{self, Refund};
use domain::{Changes, Versioned};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use types::{Currency, Kind, Money, ObjectId, SeededEntropy, Timestamp};
use uuid::Uuid;

/// What a client asks for. Amounts are chosen around the interesting ones; many are refused.
#[derive(Clone, Debug)]
pub enum Command {
    Confirm,
    Capture {
        amount: Option<i64>,
        more_to_come: bool,
    },
    Cancel,
    Increment {
        by: i64,
    },
    Refund {
        amount: Option<i64>,
    },
    /// Does nothing until authorizations have run out.
    Wait,
}

/// What a processor says, in order; after that it does what it is asked.
#[derive(Clone, Copy, Debug)]
pub enum Saying {
    Done,
    Declined,
    Action,
    Canceled,
    Unknown,
    Pending,
}

/// The objects and books of one payment.
pub struct World {
    conditions: Conditions,
    seed: u64,
    now: Timestamp,
    pub intent: Versioned<PaymentIntent>,
    method: Versioned<PaymentMethod>,
    pub charge: Option<Versioned<Charge>>,
    refunds: Vec<Versioned<Refund>>,
    /// Credits less debits, by account code.
    balances: BTreeMap<String, i64>,
    pub held: HashMap<Uuid, i64>,
    versions: HashMap<ObjectId, i32>,
    /// Net of all lines of the statement.
    statement: i64,
    fees: i64,
}

impl World {
    pub fn new(capture_method: CaptureMethod, features: bool) -> Self {
        let mut changes = Changes::new(Timestamp::from_seconds(1_800_000_000), Box::new(SeededEntropy::new(1)));
        let option = features.then_some(IfAvailable::IfAvailable);
        let mut draft = Draft::new(&mut changes, Money::new(1_000, Currency::USD));
        let described = draft.describe();
        described.capture_method = capture_method;
        described.card_options = CardOptions {
            request_incremental_authorization: option,
            request_multicapture: option,
            request_overcapture: option,
            ..CardOptions::default()
        };
        let intent = payment_intent::create(&mut changes, draft, None).expect("the amount can be charged");
        let method = payment_method::create(&mut changes, new_method());
        let mut world = World {
            conditions: conditions(),
            seed: 1,
            now: changes.now,
            intent,
            method,
            charge: None,
            refunds: Vec::new(),
            balances: BTreeMap::new(),
            held: HashMap::new(),
            versions: HashMap::new(),
            statement: 0,
            fees: 0,
        };
        world.write(changes.into_commit());
        world
    }

    pub fn changes(&mut self) -> Changes {
        self.seed += 1;
        Changes::new(self.now, Box::new(SeededEntropy::new(self.seed)))
    }

    /// Applies a commit as the ledger would, and refuses what it would refuse.
    fn write(&mut self, commit: Commit) {
        for write in &commit.objects {
            assert_eq!(self.versions.insert(write.id, write.version).unwrap_or(0), write.base, "{:?}", write.id);
            match write.id.kind {
                Kind::Charge => {
                    let charge: Charge = serde_json::from_str(&write.state).expect("a state is its object's");
                    if charge.status == charge::Status::Succeeded {
                        self.charge = Some(Versioned::new(write.version, charge));
                    }
                }
                Kind::BalanceTransaction => {
                    let line: BalanceTransaction = serde_json::from_str(&write.state).expect("a state is its object's");
                    self.statement += line.net();
                    self.fees += line.fee;
                }
                _ => (),
            }
        }
        for event in &commit.entries {
            assert!(event.version <= self.versions[&event.object]);
        }
        for transfer in &commit.transfers {
            assert_eq!(transfer.debit.currency, transfer.credit.currency);
            match transfer.action {
                Action::Post => (),
                Action::Hold => assert_eq!(self.held.insert(transfer.id, transfer.amount), None),
                Action::PostHold { hold, last } => {
                    let left = self.held.get_mut(&hold).expect("the hold is there");
                    *left -= transfer.amount;
                    assert!(*left >= 0, "more is posted than was held");
                    if last {
                        self.held.remove(&hold);
                    }
                }
                Action::VoidHold { hold } => {
                    self.held.remove(&hold).expect("the hold is there");
                }
            }
            if !matches!(transfer.action, Action::Hold | Action::VoidHold { .. }) {
                assert!(transfer.amount > 0);
                *self.balances.entry(transfer.debit.code.clone()).or_default() -= transfer.amount;
                *self.balances.entry(transfer.credit.code.clone()).or_default() += transfer.amount;
            }
        }
    }

    /// Takes an attempt to its end, in a commit of its own for each answer, as with a processor that is far away.
    fn attempt<T: Target>(
        &mut self,
        changes: Changes,
        mut attempt: Versioned<Attempt>,
        (target, related): (&mut Versioned<T>, &mut T::Related),
        says: &[Saying],
    ) {
        self.write(changes.into_commit());
        for saying in says.iter().copied().chain([Saying::Done]) {
            let mut changes = self.changes();
            if attempt.status == attempts::Status::RequiresAction {
                // Only intents wait for a payer; what other targets wait for, ends with the next answer.
                let _ = T::authenticated(target, related, &mut changes, &mut attempt, true);
            }
            attempts::apply(&mut changes, &mut attempt, target, related, &self.conditions, &outcome(saying))
                .expect("the operation is one of the target's");
            self.write(changes.into_commit());
            if attempt.status.is_final() {
                break;
            }
        }
    }

    pub fn carry_out(&mut self, command: &Command, says: &[Saying]) {
        if let Command::Wait = command {
            self.now = self.now.plus(Duration::from_secs(60 * 86_400));
            return;
        }
        let mut changes = self.changes();
        let mut intent = self.intent.clone();
        let charge = self.charge.clone().filter(|charge| intent.latest_charge == Some(charge.id));
        let begun = match (command, charge) {
            (Command::Confirm, _) => {
                let mut method = self.method.clone();
                let confirmation = confirm::Confirmation::default();
                if let Ok(attempt) = confirm::begin(&mut changes, &mut intent, &mut method, confirmation) {
                    let mut payment = Payment { method: Some(method), customer: None };
                    self.attempt(changes, attempt, (&mut intent, &mut payment), says);
                    self.intent = intent;
                    self.method = payment.method.expect("it stays");
                }
                return;
            }
            (Command::Refund { amount }, Some(mut charge)) => {
                let request = refund::Request { amount: *amount, reason: None, metadata: BTreeMap::new(), key: None };
                if let Ok((mut refund, attempt)) = refund::begin(&mut changes, &mut charge, request) {
                    self.attempt(changes, attempt, (&mut refund, &mut charge), says);
                    self.refunds.push(refund);
                    self.charge = Some(charge);
                }
                return;
            }
            (Command::Capture { amount, more_to_come }, Some(mut charge)) => {
                let request = capture::Request { amount: *amount, more_to_come: *more_to_come, key: None };
                let shown = intent.id;
                payment_intent::capture::begin(&mut changes, &mut intent, &mut charge, shown, request)
                    .map(|attempt| (attempt, charge))
            }
            (Command::Cancel, Some(mut charge)) if intent.status == Status::RequiresCapture => {
                cancel::begin(&mut changes, &mut intent, &mut charge, None, None).map(|attempt| (attempt, charge))
            }
            (Command::Increment { by }, Some(mut charge)) => {
                let amount = intent.amount + by;
                increment::begin(&mut changes, &mut intent, &mut charge, amount, None).map(|attempt| (attempt, charge))
            }
            _ => return,
        };
        if let Ok((attempt, mut charge)) = begun {
            let mut intent = Some(intent);
            self.attempt(changes, attempt, (&mut charge, &mut intent), says);
            self.charge = Some(charge);
            self.intent = intent.expect("it stays");
        }
    }

    /// The books say what the objects say.
    pub fn check(&self) {
        let balance = |prefix: &str| -> i64 {
            self.balances.iter().filter(|(code, _)| code.starts_with(prefix)).map(|(_, balance)| balance).sum()
        };
        let sum = |status| -> i64 {
            self.refunds.iter().filter(|refund| refund.status == status).map(|refund| refund.amount).sum()
        };
        let captured = self.charge.as_ref().map_or(0, |charge| charge.amount_captured);
        let capturable = self.charge.as_ref().map_or(0, |charge| charge.amount_capturable());
        let (refunded, underway) = (sum(refund::Status::Succeeded), sum(refund::Status::Pending));
        assert_eq!(-balance("assets/processor/"), captured - refunded);
        assert_eq!(balance("liabilities/authorized/"), 0);
        assert_eq!(balance("liabilities/refunds/"), underway);
        assert_eq!(balance("liabilities/pending/") + balance("liabilities/available/"), self.statement);
        assert_eq!(balance("income/fees/"), self.fees);
        assert_eq!(self.balances.values().sum::<i64>(), 0);
        assert_eq!(self.held.values().sum::<i64>(), capturable, "{:?}", self.charge);
        if let Some(charge) = &self.charge {
            assert!(charge.amount_refunded <= charge.amount_captured);
            assert_eq!(charge.amount_refunded, refunded + underway);
            assert_eq!(self.intent.amount_received, captured);
            assert_eq!(self.intent.amount_capturable, capturable);
            let settled = matches!(self.intent.status, Status::Succeeded | Status::Canceled);
            assert_eq!(charge.hold.is_none(), settled, "{:?}", self.intent.status);
        }
        assert!(self.charge.as_ref().is_none_or(|charge| charge.attempt.is_none()), "the charge accepts commands");
        assert!(self.intent.attempt.is_none() || self.intent.status == Status::RequiresAction);
    }
}

pub fn outcome(saying: Saying) -> Outcome {
    match saying {
        Saying::Done => Outcome::Done(Done { reference: "r".to_owned(), ..Done::default() }),
        Saying::Declined => Outcome::Declined {
            decline: Decline {
                code: "card_declined".to_owned(),
                decline_code: None,
                message: "no".to_owned(),
                blocked: false,
            },
            reference: None,
        },
        Saying::Action => Outcome::ActionRequired { reference: None, page: PayerPage::Sandbox },
        Saying::Canceled => Outcome::Canceled,
        Saying::Unknown => Outcome::Unknown { reason: "timeout".to_owned() },
        Saying::Pending => Outcome::Pending { reference: None, due: None },
    }
}
