//! The postings of a charge. `docs/ledger.md` shows them with figures.

use super::Charge;
use crate::account::Account;
use crate::books::chart;
use crate::changes::Changes;
use crate::commit::Action;
use types::Timestamp;
use uuid::Uuid;

fn processor(charge: &Charge) -> Account {
    chart::processor(&charge.processor, charge.currency)
}

fn authorized(charge: &Charge) -> Account {
    chart::authorized(charge.currency)
}

/// A card was authorized: the amount is held. Returns the hold.
pub fn hold(changes: &mut Changes, charge: &Charge, amount: i64) -> Uuid {
    changes.transfer(Action::Hold, "authorization", (processor(charge), authorized(charge)), amount, charge.id)
}

/// A card was charged without an authorization before.
pub fn sale(changes: &mut Changes, charge: &Charge, fee: i64, available_on: Timestamp) {
    let to = chart::funds(charge.currency, available_on, changes.now);
    changes.transfer(Action::Post, "charge", (processor(charge), to.clone()), charge.amount, charge.id);
    changes.transfer(Action::Post, "fee", (to, chart::fees(charge.currency)), fee, charge.id);
}

/// One capture of an authorization. Amounts are in minor units.
pub struct Capture {
    pub hold: Uuid,
    /// What is left of the hold.
    pub held: i64,
    pub amount: i64,
    /// What then remains of the hold is released.
    pub is_last: bool,
    pub fee: i64,
    pub available_on: Timestamp,
}

/// Some of an authorization was captured.
pub fn capture(changes: &mut Changes, charge: &Charge, capture: Capture) {
    let Capture { hold, held, amount, is_last, fee, available_on } = capture;
    let into_authorized = (processor(charge), authorized(charge));
    let within = amount.min(held);
    let post = Action::PostHold { hold, last: is_last };
    changes.transfer(post, "capture", into_authorized.clone(), within, charge.id);
    let beyond = amount - within;
    changes.transfer(Action::Post, "overcapture", into_authorized, beyond, charge.id);
    let to = chart::funds(charge.currency, available_on, changes.now);
    changes.transfer(Action::Post, "charge", (authorized(charge), to.clone()), amount, charge.id);
    changes.transfer(Action::Post, "fee", (to, chart::fees(charge.currency)), fee, charge.id);
}

/// An authorization, or what was left of it, was released.
pub fn release(changes: &mut Changes, charge: &Charge, hold: Uuid) {
    let accounts = (processor(charge), authorized(charge));
    changes.transfer(Action::VoidHold { hold }, "release", accounts, 0, charge.id);
}
