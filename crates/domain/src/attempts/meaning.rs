//! What a processor's answer means for an attempt, where it cannot be taken as it is.

use super::{Attempt, Decline, Done, Operation, Outcome, PayerPage};
use std::borrow::Cow;

/// What an answer means for an attempt. All that records, applies or compares an outcome asks this first.
pub(super) fn meaning<'a>(attempt: &Attempt, outcome: &'a Outcome) -> Cow<'a, Outcome> {
    let meant = match outcome {
        // Of what has ended, the processor says what it says.
        _ if attempt.status.is_final() => return Cow::Borrowed(outcome),
        Outcome::Declined { decline, reference } if attempt.operation == Operation::Void && decline.says_released() => {
            Outcome::Done(Done { reference: reference.clone().unwrap_or_default(), ..Done::default() })
        }
        Outcome::ActionRequired { .. } if attempt.canceling.is_some() => {
            Outcome::Unknown { reason: "the processor does not say whether it is canceled".to_owned() }
        }
        Outcome::ActionRequired { reference, page } if !attempt.has_payer() && !attempt.options.error_on_action => {
            match (attempt.operation, page) {
                // The processor could still carry it out, so that it has not ended: see `withdraw`.
                (Operation::Setup, PayerPage::Url(_)) => return Cow::Borrowed(outcome),
                _ => without_payer(attempt.operation, reference.clone()),
            }
        }
        // No merchant wanted that, so for the merchant it has failed.
        Outcome::Canceled if attempt.canceling.is_none() => {
            Outcome::Declined { decline: Decline::canceled_by_processor(), reference: None }
        }
        _ => return Cow::Borrowed(outcome),
    };
    Cow::Owned(meant)
}

/// What it means that the payer must act, where there is no payer who could: the attempt must not wait without end.
fn without_payer(operation: Operation, reference: Option<String>) -> Outcome {
    match operation {
        Operation::Authorize | Operation::Sale => {
            Outcome::Declined { decline: Decline::authentication_required(), reference }
        }
        // A card is good if its holder must authenticate: the holder is asked when the card is used.
        Operation::Setup => Outcome::Done(Done { reference: reference.unwrap_or_default(), ..Done::default() }),
        Operation::Capture | Operation::Increment | Operation::Void | Operation::Refund => {
            Outcome::Unknown { reason: "the processor asks for a payer who is not there".to_owned() }
        }
    }
}
