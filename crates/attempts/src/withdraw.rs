//! Withdrawing what a processor could still carry out, before a command that gives it up.

use crate::attempted::Attempted;
use crate::background::background;
use crate::capabilities_of;
use crate::carry_out::{applied, run};
use api::call::Call;
use api::error::{Failure, Result};
use domain::Refusal;
use domain::attempts::{Attempt, QUESTION, cancel};
use std::time::Duration;
use types::ObjectId;

/// How long to wait before it is looked again whether a question is answered: at first, and at most.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What a command has decided. If it was refused because its attempt must be canceled first, the processor is asked to do
/// that: whatever it answers, the command is then decided anew, by what has become of the attempt. The command's
/// idempotency key is not used for that: a request that is interrupted here has not begun, and can be repeated. If another process
/// is asking the processor at this moment, its answer is waited for.
pub async fn withdrawn<R: Attempted, T>(call: &Call, decided: Result<T, Refusal>) -> Result<T> {
    let refusal = match decided {
        Ok(decided) => return Ok(decided),
        Err(refusal) => refusal,
    };
    let Some(attempt) = refusal.cancel_first else { return Err(refusal.into()) };
    let mut attempt = call.referenced::<Attempt>(attempt).await?;
    // Another process may have begun the same request, and this attempt with it.
    if let Some(record) = call.earlier().await? {
        return Err(Failure::Replay(Box::new(record)));
    }
    let call = background(call, &attempt);
    let mut target = call.referenced::<R::Object>(attempt.target).await?;
    let mut related = R::related(&call, &target).await?;
    let mut changes = call.changes();
    let capabilities = capabilities_of(&call, &attempt)?;
    let is_leased = attempt.is_leased(call.now);
    match cancel::begin(&mut changes, &mut attempt, (&mut target, &mut related), &capabilities, None) {
        Err(refusal) if refusal.busy && is_leased => return Err(answered(&call, attempt.id).await?),
        begun => begun?,
    }
    applied(run::<R>(&call, changes, attempt, target, related).await).map_err(|failure| call.told(failure))?;
    Err(Failure::Conflict)
}

/// Waits until no process asks the processor about an attempt, for as long as a question may take: what is to be done is then
/// decided anew. A process that has died asking has its lease for longer than that.
async fn answered(call: &Call, attempt: ObjectId) -> Result<Failure> {
    let (mut pause, mut waited) = (PAUSE_MIN, Duration::ZERO);
    while waited < QUESTION {
        tokio::time::sleep(pause).await;
        waited += pause;
        pause = PAUSE_MAX.min(pause * 2);
        if !call.referenced::<Attempt>(attempt).await?.is_leased(call.services.clock.now()) {
            return Ok(Failure::Conflict);
        }
    }
    Ok(Refusal::busy().into())
}
