//! Work without a caller.

use api::call::Call;
use contracts::ledger::IDEMPOTENCY_LIFETIME;
use domain::attempts::Attempt;

/// Work on an attempt without its caller. The request that it answers is forgotten after a time.
pub(crate) fn background(call: &Call, attempt: &Attempt) -> Call {
    let asked = attempt.canceling.unwrap_or(attempt.created);
    let remembered = asked.plus(IDEMPOTENCY_LIFETIME) > call.now;
    Call::background(&call.services, &call.caller, attempt.request.as_ref().filter(|_| remembered))
}
