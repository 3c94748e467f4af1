//! Work without a caller.

use api::call::Call;
use domain::attempts::Attempt;

/// Work on an attempt without its caller. The request that it answers still waits for its answer, however old it is.
pub(crate) fn background(call: &Call, attempt: &Attempt) -> Call {
    Call::background(&call.services, &call.caller, attempt.request.as_ref())
}
