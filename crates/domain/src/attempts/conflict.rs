//! Outcomes that contradict what is recorded for good. They are kept whatever they are, and what can be put right is.

use super::lifecycle::{self, New};
use super::{Attempt, Decline, Done, Operation, Outcome, Status, Target};
use crate::books::chart;
use crate::changes::Changes;
use crate::commit::Action;
use crate::named::named;
use crate::object::Versioned;
use serde::{Deserialize, Serialize};
use types::{ObjectId, Timestamp};

/// How many statements of a processor that contradicts itself again and again are kept of one attempt.
const STATEMENTS_MAX: usize = 10;

/// What a processor says of an attempt, against what it said before or what is recorded; also that it does not know what it has
/// accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    #[serde(flatten)]
    pub statement: Statement,
    pub at: Timestamp,
    pub remedy: Remedy,
    /// The attempt that takes it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversal: Option<ObjectId>,
}

/// What a processor says that is known for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// `succeeded`, `declined` or `canceled`; `unknown`: it does not know what it has accepted.
    pub says: Status,
    /// The processor's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl Statement {
    /// What an outcome says of an attempt that has ended, if it is known for good.
    fn of(attempt: &Attempt, outcome: &Outcome) -> Option<Self> {
        let (says, reference) = match outcome {
            // Nothing is left to release, however it came to that: that contradicts no end.
            Outcome::Declined { decline, .. } if attempt.operation == Operation::Void && decline.says_released() => {
                return None;
            }
            Outcome::Done(done) => (Status::Succeeded, done.name()),
            Outcome::Declined { reference, .. } => (Status::Declined, reference.clone()),
            Outcome::Canceled => (Status::Canceled, None),
            Outcome::ActionRequired { .. } | Outcome::Pending { .. } | Outcome::Unknown { .. } => return None,
        };
        // What is released twice is released.
        Some(Statement { says, reference: reference.filter(|_| attempt.operation != Operation::Void) })
    }

    /// What is recorded for good.
    fn recorded(attempt: &Attempt) -> Self {
        let says = match &attempt.decline {
            Some(decline) if *decline == Decline::canceled_by_processor() => Status::Canceled,
            _ => attempt.status,
        };
        Statement { says, reference: attempt.reference.clone() }
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

impl Attempt {
    /// Since when the processor does not know what it has accepted.
    pub(super) fn forgotten(&self) -> Option<Timestamp> {
        self.conflict.as_ref().filter(|conflict| conflict.statement.says == Status::Unknown).map(|conflict| conflict.at)
    }

    /// The processor has answered: if it says anything of the attempt, it has not forgotten it.
    pub(super) fn remembered(&mut self, outcome: &Outcome) {
        if self.forgotten().is_some() && !matches!(outcome, Outcome::Unknown { .. }) {
            self.conflict = None;
        }
    }
}

/// Keeps that the processor does not know what it has accepted, unless that is kept already, or what it has contradicted before.
/// Returns whether it is news. The outcome is as unknown as before.
pub fn forgets(changes: &mut Changes, attempt: &mut Versioned<Attempt>) -> bool {
    let is_news = attempt.conflict.is_none();
    if is_news {
        let (at, statement) = (changes.now, Statement { says: Status::Unknown, reference: None });
        let conflict = Conflict { statement, at, remedy: Remedy::None, reversal: None };
        changes.update(attempt, None, |attempt| attempt.conflict = Some(conflict));
    }
    is_news
}

/// What an outcome says of an attempt that has ended, if the processor has not said it before: what it says again is no news, in
/// whatever order.
fn news(attempt: &Attempt, outcome: &Outcome) -> Option<Statement> {
    let says = Statement::of(attempt, outcome).filter(|_| attempt.status.is_final())?;
    let recorded = Statement::recorded(attempt);
    let mut known = attempt.statements.iter().chain((!attempt.is_assumed).then_some(&recorded));
    let is_kept = attempt.statements.len() < STATEMENTS_MAX;
    (is_kept && !known.any(|known| says.repeats(known))).then_some(says)
}

/// Whether a statement that is news contradicts what is known: the last is otherwise, or it is a second success.
fn is_contradiction(attempt: &Attempt, says: &Statement) -> bool {
    let is_recorded = attempt.status == Status::Succeeded;
    let succeeds = attempt.statements.last().map_or(is_recorded, Statement::is_success);
    let has_said = (is_recorded && !attempt.is_assumed) || attempt.statements.iter().any(Statement::is_success);
    says.is_success() != succeeds || (says.is_success() && has_said)
}

/// Keeps what a processor says of an attempt that has ended, if that is news, and puts right what can be. The status stays what it
/// was: callers have been told.
pub fn hear<T: Target>(
    changes: &mut Changes,
    attempt: &mut Versioned<Attempt>,
    target: &mut Versioned<T>,
    related: &mut T::Related,
    outcome: &Outcome,
) -> Option<Heard> {
    let statement = news(attempt, outcome)?;
    if !is_contradiction(attempt, &statement) {
        changes.update(attempt, None, |attempt| attempt.statements.push(statement));
        return Some(Heard::Agreement);
    }
    let succeeded_before = attempt.status == Status::Succeeded || attempt.statements.iter().any(Statement::is_success);
    let (remedy, reversal) = match (outcome, &attempt.conflict) {
        (Outcome::Done(done), _) if !succeeded_before => late_success(changes, attempt, target, related, done),
        // A second success, or one that is taken back, is for people to talk about; the reversal of the first stays on record.
        (Outcome::Done(_), before) => (Remedy::None, before.as_ref().and_then(|before| before.reversal)),
        (_, before) => before.as_ref().map_or((Remedy::None, None), |before| (before.remedy, before.reversal)),
    };
    let at = changes.now;
    changes.update(attempt, None, |attempt| {
        attempt.statements.push(statement.clone());
        attempt.conflict = Some(Conflict { statement, at, remedy, reversal });
    });
    Some(Heard::Contradiction)
}

/// What a processor says that is news of an attempt that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It changes nothing, and is no news the next time.
    Agreement,
    /// An operator has to know.
    Contradiction,
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
