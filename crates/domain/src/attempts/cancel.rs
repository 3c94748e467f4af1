//! Giving up, at a merchant's command, what was begun and is not done.

use super::lifecycle::abandon;
use super::schedule::LEASE;
use super::{Attempt, Capabilities, Status, Target};
use crate::changes::Changes;
use crate::commit::RequestKey;
use crate::object::Versioned;
use crate::refusal::Refusal;

/// Gives up an attempt that waits for the payer. Refused while it may have been carried out: a process asks the processor
/// about it, has died asking, or had no answer, or the time to ask has come. One that the processor could carry out
/// without another question must be canceled there first ([`begin`]); the refusal says so.
pub fn give_up(changes: &mut Changes, attempt: &mut Versioned<Attempt>) -> Result<(), Refusal> {
    let is_unanswered = attempt.status == Status::RequiresAction && attempt.due.is_some();
    if attempt.asking || is_unanswered || attempt.due.is_some_and(|due| due <= changes.now) {
        return Err(Refusal::busy());
    }
    if attempt.at_processor && !attempt.status.is_final() {
        return Err(Refusal::cancel_first(attempt.id));
    }
    abandon(changes, attempt);
    Ok(())
}

/// Begins to have the processor cancel what it has begun. Until it has confirmed that, nothing is canceled. `key` is the
/// request that gets the outcome as its answer.
pub fn begin<T: Target>(
    changes: &mut Changes,
    attempt: &mut Versioned<Attempt>,
    (target, related): (&mut Versioned<T>, &mut T::Related),
    capabilities: &Capabilities,
    key: Option<RequestKey>,
) -> Result<(), Refusal> {
    if attempt.asking || !matches!(attempt.status, Status::RequiresAction | Status::Pending) {
        return Err(Refusal::busy());
    }
    if !capabilities.cancels {
        let message = format!(
            "The processor, {}, cannot cancel what it has begun: wait until it has said what has become of it.",
            attempt.processor
        );
        return Err(Refusal::invalid(message));
    }
    let now = changes.now;
    changes.update(attempt, None, |attempt| {
        attempt.canceling = Some(now);
        attempt.asking = true;
        attempt.due = Some(now.plus(LEASE));
        attempt.request = key;
    });
    T::canceling(target, related, changes);
    Ok(())
}
