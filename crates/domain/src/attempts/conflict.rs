//! Outcomes that contradict what is recorded for good. They are kept whatever they are, and what can be put right is.

use super::lifecycle::{self, New};
use super::meaning::meaning;
use super::{Attempt, Done, Operation, Outcome, Status, Target};
use crate::books::chart;
use crate::changes::Changes;
use crate::commit::Action;
use crate::named::named;
use crate::object::Versioned;
use serde::{Deserialize, Serialize};
use types::{ObjectId, Timestamp};

/// What a processor says of an attempt, against what is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// `succeeded`, `declined` or `canceled`.
    pub says: Status,
    /// The processor's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    pub at: Timestamp,
    pub remedy: Remedy,
    /// The attempt that takes it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversal: Option<ObjectId>,
}

named! {
    /// What was done about a conflict.
    pub enum Remedy {
        /// Objects and books say now what the processor says.
        Recorded = "recorded",
        /// An attempt of its own takes it back.
        Reversed = "reversed",
        /// Nothing: an operator has to look.
        None = "none",
    }
}

/// Whether an outcome contradicts what the attempt's record says by now: one of the two is a success.
pub fn contradicts(attempt: &Attempt, outcome: &Outcome) -> bool {
    let said = attempt.conflict.as_ref().map_or(attempt.status, |conflict| conflict.says);
    says(&meaning(attempt, outcome)).is_some_and(|(says, _)| said.is_final() && (says == Status::Succeeded) != (said == Status::Succeeded))
}

/// What an outcome that is known for good says, with the processor's name for it.
fn says(outcome: &Outcome) -> Option<(Status, Option<String>)> {
    match outcome {
        Outcome::Done(done) => Some((Status::Succeeded, done.name())),
        Outcome::Declined { reference, .. } => Some((Status::Declined, reference.clone())),
        Outcome::Canceled => Some((Status::Canceled, None)),
        Outcome::ActionRequired { .. } | Outcome::Pending { .. } | Outcome::Unknown { .. } => None,
    }
}

/// Keeps an outcome for which [`contradicts`] is true, and puts right what can be. The status stays what it was: callers
/// have been told.
pub fn contradict<T: Target>(
    changes: &mut Changes,
    attempt: &mut Versioned<Attempt>,
    target: &mut Versioned<T>,
    related: &mut T::Related,
    outcome: &Outcome,
) {
    let outcome = &*meaning(attempt, outcome);
    let Some((says, reference)) = says(outcome) else { return };
    let (remedy, reversal) = match outcome {
        // A processor that contradicts itself once more is for people to talk to; what was done before stays on record.
        Outcome::Done(done) if attempt.conflict.is_none() => late_success(changes, attempt, target, related, done),
        _ => attempt.conflict.as_ref().map_or((Remedy::None, None), |before| (before.remedy, before.reversal)),
    };
    let conflict = Conflict { says, reference, at: changes.now, remedy, reversal };
    changes.update(attempt, None, |attempt| attempt.conflict = Some(conflict));
}

fn late_success<T: Target>(
    changes: &mut Changes,
    attempt: &Attempt,
    target: &mut Versioned<T>,
    related: &mut T::Related,
    done: &Done,
) -> (Remedy, Option<ObjectId>) {
    if attempt.reverses.is_some() {
        settle(changes, attempt);
        return (Remedy::Recorded, None);
    }
    match attempt.operation {
        Operation::Sale => {
            // Until it is back with the payer, the money is owed to them.
            let owed = (chart::processor(&attempt.processor, attempt.currency), chart::refunds(attempt.currency));
            changes.transfer(Action::Post, "late_charge", owed, attempt.amount, attempt.id);
            (Remedy::Reversed, Some(reverse::<T>(changes, attempt, Operation::Refund, done)))
        }
        Operation::Authorize => (Remedy::Reversed, Some(reverse::<T>(changes, attempt, Operation::Void, done))),
        Operation::Refund => {
            let is_recorded = T::refunded_late(target, related, changes, done);
            (if is_recorded { Remedy::Recorded } else { Remedy::None }, None)
        }
        Operation::Capture | Operation::Increment | Operation::Void | Operation::Setup => (Remedy::None, None),
    }
}

/// Begins to take back what succeeded too late. The worker finds it at once: it is not asked for by the process that
/// writes this.
fn reverse<T: Target>(changes: &mut Changes, late: &Attempt, operation: Operation, done: &Done) -> ObjectId {
    let Attempt { processor, currency, target, subject, credential, .. } = late;
    let new = New { processor, operation, currency: *currency, target: *target, subject: *subject, credential };
    let reversal = Attempt {
        amount: late.amount,
        original: Some(done.reference.clone()),
        reverses: Some(late.id),
        off_session: true,
        asking: false,
        due: Some(changes.now),
        ..lifecycle::new::<T>(changes, new)
    };
    changes.create(reversal, None).id
}

/// A reversal has succeeded: what is back with the payer is not owed any more.
pub(super) fn settle(changes: &mut Changes, reversal: &Attempt) {
    if reversal.operation == Operation::Refund {
        let back = (chart::refunds(reversal.currency), chart::processor(&reversal.processor, reversal.currency));
        changes.transfer(Action::Post, "late_charge_returned", back, reversal.amount, reversal.id);
    }
}
