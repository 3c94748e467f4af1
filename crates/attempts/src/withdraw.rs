//! Withdrawing what a processor could still carry out, before a command that gives it up.

use crate::attempted::Attempted;
use crate::background::background;
use crate::capabilities_of;
use crate::carry_out::{applied, run};
use api::call::Call;
use api::error::{Failure, Result};
use domain::Refusal;
use domain::attempts::{Attempt, cancel};

/// What a command has decided. If it was refused because its attempt must be canceled first, the processor is asked to do
/// that: whatever it answers, the command is then decided anew, by what has become of the attempt. The command's
/// idempotency key is not used for that: a request that is interrupted here has not begun, and can be repeated.
pub async fn withdrawn<R: Attempted, T>(call: &Call, decided: Result<T, Refusal>) -> Result<T> {
    let refusal = match decided {
        Ok(decided) => return Ok(decided),
        Err(refusal) => refusal,
    };
    let Some(attempt) = refusal.cancel_first else { return Err(refusal.into()) };
    let mut attempt = call.referenced::<Attempt>(attempt).await?;
    // Another process may have begun the same request, and this attempt with it.
    if let Some(request) = call.request_key()
        && let Some(record) = call.services.ledger.idempotency(call.tenant_id(), &request.key).await?
    {
        return Err(Failure::Replay(Box::new(record)));
    }
    let call = background(call, &attempt);
    let mut target = call.referenced::<R::Object>(attempt.target).await?;
    let mut related = R::related(&call, &target).await?;
    let mut changes = call.changes();
    let capabilities = capabilities_of(&call, &attempt)?;
    cancel::begin(&mut changes, &mut attempt, (&mut target, &mut related), &capabilities, None)?;
    applied(run::<R>(&call, changes, attempt, target, related).await)?;
    Err(Failure::Conflict)
}
