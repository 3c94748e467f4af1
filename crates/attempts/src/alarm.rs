//! What an operator has to look at.

use crate::metrics::conflicts;
use api::call::Call;
use api::error::{Failure, Result};
use domain::Changes;
use domain::attempts::{Attempt, Status};

/// Writes a contradiction, and alarms. Also if it is not known whether it is written: then it may be, and is no news again.
pub async fn keep(call: &Call, changes: Changes, attempt: &Attempt) -> Result<()> {
    let written = call.commit_bare(changes).await;
    if !matches!(written, Err(Failure::Conflict)) {
        contradicted(call, attempt);
    }
    written
}

/// The processor has contradicted what is recorded.
fn contradicted(call: &Call, attempt: &Attempt) {
    let Some(conflict) = &attempt.conflict else { return };
    let (operation, remedy) = (attempt.operation.as_str(), conflict.remedy.as_str());
    conflicts(operation, remedy).increment(1);
    let (recorded, says) = (attempt.status.as_str(), conflict.statement.says.as_str());
    let what = match conflict.statement.says {
        Status::Unknown => "the processor does not know what it has accepted: find out there what has become of it",
        _ => "the processor contradicts what is recorded",
    };
    tracing::error!(tenant = %call.tenant_id(), attempt = %attempt.id, operation, recorded, says, remedy, "{what}");
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
