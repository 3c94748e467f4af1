//! Canceling a refund.

use super::outcome::take_back;
use super::{Refund, Status};
use crate::attempts::lifecycle::give_up;
use crate::attempts::{self, Attempt};
use crate::changes::Changes;
use crate::object::Versioned;
use crate::payments::charge::Charge;
use crate::refusal::Refusal;

/// Cancels a refund that the processor has not carried out yet.
pub fn cancel(
    changes: &mut Changes,
    refund: &mut Versioned<Refund>,
    charge: &mut Versioned<Charge>,
    attempt: &mut Versioned<Attempt>,
) -> Result<(), Refusal> {
    if refund.status != Status::Pending || attempt.status != attempts::Status::Pending {
        let message = format!("Refund {} cannot be canceled: its status is {}.", refund.id, refund.status.as_str());
        return Err(Refusal::invalid(message));
    }
    give_up(changes, attempt)?;
    take_back(changes, refund, charge, Status::Canceled, None);
    Ok(())
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
