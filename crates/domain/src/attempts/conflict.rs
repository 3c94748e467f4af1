//! Outcomes that contradict what is recorded for good. They are kept whatever they are, and what can be put right is.

use super::lifecycle::{self, New};
use super::meaning::meaning;
use super::{Attempt, Decline, Done, Operation, Outcome, Status, Target};
use crate::books::chart;
use crate::changes::Changes;
use crate::commit::Action;
use crate::named::named;
use crate::object::Versioned;
use serde::{Deserialize, Serialize};
use types::{ObjectId, Timestamp};

/// How many statements of a processor that contradicts itself again and again are kept of one attempt.
const STATEMENTS_MAX: usize = 8;

/// What a processor says of an attempt, against what is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    #[serde(flatten)]
    pub statement: Statement,
    /// What it said against the record before that, in turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Statement>,
    pub at: Timestamp,
    pub remedy: Remedy,
    /// The attempt that takes it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversal: Option<ObjectId>,
}

/// What a processor says that is known for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// `succeeded`, `declined` or `canceled`.
    pub says: Status,
    /// The processor's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl Statement {
    /// What an outcome says, if it is known for good.
    fn of(outcome: &Outcome) -> Option<Self> {
        let (says, reference) = match outcome {
            Outcome::Done(done) => (Status::Succeeded, done.name()),
            Outcome::Declined { reference, .. } => (Status::Declined, reference.clone()),
            Outcome::Canceled => (Status::Canceled, None),
            Outcome::ActionRequired { .. } | Outcome::Pending { .. } | Outcome::Unknown { .. } => return None,
        };
        Some(Statement { says, reference })
    }

    /// What is recorded for good.
    fn recorded(attempt: &Attempt) -> Option<Self> {
        let says = match &attempt.decline {
            Some(decline) if *decline == Decline::canceled_by_processor() => Status::Canceled,
            _ => attempt.status,
        };
        says.is_final().then(|| Statement { says, reference: attempt.reference.clone() })
    }

    fn is_success(&self) -> bool {
        self.says == Status::Succeeded
    }

    /// Whether it is the same, said once more. A name may be left out.
    fn repeats(&self, other: &Self) -> bool {
        let names = self.reference.as_ref().zip(other.reference.as_ref());
        self.says == other.says && names.is_none_or(|(one, other)| one == other)
    }
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

/// Whether an outcome contradicts what the processor has said last: one of the two is a success. What it has said before is no
/// news, in whatever order it says it again.
pub fn contradicts(attempt: &Attempt, outcome: &Outcome) -> bool {
    let (Some(recorded), Some(says)) = (Statement::recorded(attempt), Statement::of(&meaning(attempt, outcome))) else {
        return false;
    };
    let Some(conflict) = &attempt.conflict else { return says.is_success() != recorded.is_success() };
    let mut known = conflict.earlier.iter().chain([&recorded, &conflict.statement]);
    says.is_success() != conflict.statement.is_success()
        && conflict.earlier.len() < STATEMENTS_MAX
        && !known.any(|known| says.repeats(known))
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
    let Some(statement) = Statement::of(outcome) else { return };
    let (remedy, reversal) = match outcome {
        // A processor that contradicts itself once more is for people to talk to; what was done before stays on record.
        Outcome::Done(done) if attempt.conflict.is_none() => late_success(changes, attempt, target, related, done),
        _ => attempt.conflict.as_ref().map_or((Remedy::None, None), |before| (before.remedy, before.reversal)),
    };
    let at = changes.now;
    changes.update(attempt, None, |attempt| {
        let before = attempt.conflict.take();
        let earlier = before.map_or(Vec::new(), |before| [before.earlier, vec![before.statement]].concat());
        attempt.conflict = Some(Conflict { statement, earlier, at, remedy, reversal });
    });
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
    let name = done.name().or(attempt.reference.clone());
    match attempt.operation {
        Operation::Sale => {
            // Until it is back with the payer, the money is owed to them.
            let owed = (chart::processor(&attempt.processor, attempt.currency), chart::refunds(attempt.currency));
            changes.transfer(Action::Post, "late_charge", owed, attempt.amount, attempt.id);
            (Remedy::Reversed, Some(reverse::<T>(changes, attempt, Operation::Refund, name)))
        }
        Operation::Authorize => (Remedy::Reversed, Some(reverse::<T>(changes, attempt, Operation::Void, name))),
        Operation::Refund => {
            let is_recorded = T::refunded_late(target, related, changes, name);
            (if is_recorded { Remedy::Recorded } else { Remedy::None }, None)
        }
        Operation::Capture | Operation::Increment | Operation::Void | Operation::Setup => (Remedy::None, None),
    }
}

/// Begins to take back what succeeded too late. The worker finds it at once: it is not asked for by the process that
/// writes this. `original` is the processor's name for it.
fn reverse<T: Target>(
    changes: &mut Changes,
    late: &Attempt,
    operation: Operation,
    original: Option<String>,
) -> ObjectId {
    let Attempt { processor, currency, target, subject, credential, .. } = late;
    let new = New { processor, operation, currency: *currency, target: *target, subject: *subject, credential };
    let reversal = Attempt {
        amount: late.amount,
        original,
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
