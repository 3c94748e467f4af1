//! Giving up, at a merchant's command, what was begun and is not done.

use super::lifecycle::abandon;
use super::schedule::{LEASE, next_look};
use super::{Attempt, Capabilities, Outcome, Status, Target};
use crate::changes::Changes;
use crate::commit::RequestKey;
use crate::object::Versioned;
use crate::refusal::Refusal;

/// Gives up an attempt that waits for the payer. One that the processor could carry out without another question must be
/// canceled there first ([`begin`]); the refusal says so, whatever else the processor is asked: what it says to that is what has
/// happened. Any other is refused while it may have been carried out: a process asks the processor about it, has died asking, or
/// had no answer, or the time to ask has come.
pub fn give_up(changes: &mut Changes, attempt: &mut Versioned<Attempt>) -> Result<(), Refusal> {
    if attempt.at_processor.is_some() && !attempt.status.is_final() {
        return Err(Refusal::cancel_first(attempt.id));
    }
    let is_unanswered = attempt.status == Status::RequiresAction && attempt.due.is_some();
    if attempt.asking || is_unanswered || attempt.due.is_some_and(|due| due <= changes.now) {
        return Err(Refusal::busy());
    }
    abandon(changes, attempt);
    Ok(())
}

/// Begins to have the processor cancel what it has begun. Until it has confirmed that, nothing is canceled. `key` is the
/// request that gets the outcome as its answer. Refused as busy while another process has the lease on it.
pub fn begin<T: Target>(
    changes: &mut Changes,
    attempt: &mut Versioned<Attempt>,
    (target, related): (&mut Versioned<T>, &mut T::Related),
    capabilities: &Capabilities,
    key: Option<RequestKey>,
) -> Result<(), Refusal> {
    if !capabilities.cancels {
        let message = format!(
            "The processor, {}, cannot cancel what it has begun: wait until it has said what has become of it.",
            attempt.processor
        );
        return Err(Refusal::invalid(message));
    }
    let now = changes.now;
    if attempt.is_leased(now) || !matches!(attempt.status, Status::RequiresAction | Status::Pending) {
        return Err(Refusal::busy());
    }
    changes.update(attempt, None, |attempt| {
        attempt.canceling = Some(now);
        attempt.asking = true;
        attempt.due = Some(now.plus(LEASE));
        attempt.request = key;
    });
    T::canceling(target, related, changes);
    Ok(())
}

/// Leaves it to the worker to have the processor cancel an attempt for which no payer acts: the processor could still carry it out
/// on the page that it has made. It may have ended here already. A processor that cannot cancel is asked what has become of it.
pub(super) fn withdraw(changes: &mut Changes, attempt: &mut Versioned<Attempt>, capabilities: &Capabilities) {
    let now = changes.now;
    changes.update(attempt, None, |attempt| {
        let since = *attempt.at_processor.get_or_insert(now);
        attempt.canceling = capabilities.cancels.then_some(now);
        attempt.due = if capabilities.cancels { Some(now) } else { next_look(since, now, capabilities) };
    });
}

/// Records what a processor says of an attempt that has ended here, and that it could still carry out: it is asked until it has said
/// what has become of it. If that contradicts the end, the caller keeps it as a conflict.
pub fn withdrawn(
    changes: &mut Changes,
    attempt: &mut Versioned<Attempt>,
    capabilities: &Capabilities,
    outcome: &Outcome,
) {
    let now = changes.now;
    changes.update(attempt, None, |attempt| {
        attempt.asking = false;
        attempt.remembered(outcome);
        if outcome.is_final() {
            (attempt.canceling, attempt.at_processor, attempt.due) = (None, None, None);
            return;
        }
        // That the payer has not acted is an answer, unless it was to be canceled.
        let unchanged = attempt
            .at_processor
            .filter(|_| attempt.canceling.is_none() && matches!(outcome, Outcome::ActionRequired { .. }));
        let again = Some(attempt.next_question(now));
        attempt.due = unchanged.map_or(again, |since| next_look(since, now, capabilities));
    });
}
