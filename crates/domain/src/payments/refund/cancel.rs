//! Canceling a refund.

use super::{Refund, Status};
use crate::attempts::{self, Attempt, Capabilities};
use crate::changes::Changes;
use crate::commit::RequestKey;
use crate::object::Versioned;
use crate::payments::charge::Charge;
use crate::refusal::Refusal;

/// Begins to cancel a refund that the processor has not carried out yet: it is canceled when the processor says so.
pub fn cancel(
    changes: &mut Changes,
    refund: &mut Versioned<Refund>,
    charge: &mut Versioned<Charge>,
    attempt: &mut Versioned<Attempt>,
    capabilities: &Capabilities,
    key: Option<RequestKey>,
) -> Result<(), Refusal> {
    if refund.status != Status::Pending {
        let message = format!("Refund {} cannot be canceled: its status is {}.", refund.id, refund.status.as_str());
        return Err(Refusal::invalid(message));
    }
    if refund.source.is_none() {
        let message = format!("Refund {} cannot be canceled: it releases an authorization.", refund.id);
        return Err(Refusal::invalid(message));
    }
    attempts::cancel::begin(changes, attempt, (refund, charge), capabilities, key)
}

/// Why a refund does not expire: that is for refunds that wait for the customer's bank details, and a refund to a card
/// never does.
pub fn refuse_to_expire(refund: &Refund) -> Refusal {
    Refusal::invalid(format!(
        "Refund {} cannot be expired: only a refund with the status requires_action can, and its status is {}.",
        refund.id,
        refund.status.as_str()
    ))
}
