//! What an operator has to look at.

use crate::metrics::conflicts;
use api::call::Call;
use domain::attempts::{Attempt, Status};

/// The processor has contradicted what is recorded.
pub fn contradicted(call: &Call, attempt: &Attempt) {
    let Some(conflict) = &attempt.conflict else { return };
    let (operation, remedy) = (attempt.operation.as_str(), conflict.remedy.as_str());
    conflicts(operation, remedy).increment(1);
    let (recorded, says) = (attempt.status.as_str(), conflict.statement.says.as_str());
    tracing::error!(
        tenant = %call.tenant_id(), attempt = %attempt.id, operation, recorded, says, remedy,
        "the processor contradicts what is recorded"
    );
}

/// What succeeded too late cannot be taken back: the processor has declined that.
pub fn unless_reversed(call: &Call, attempt: &Attempt) {
    if let (Some(late), Status::Declined) = (attempt.reverses, attempt.status) {
        tracing::error!(
            tenant = %call.tenant_id(), attempt = %attempt.id, %late,
            "the processor declines to take back what succeeded too late"
        );
    }
}
