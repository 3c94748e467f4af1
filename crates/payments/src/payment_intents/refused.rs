//! Refused commands, as errors that show the intent.

use super::render::PaymentIntents;
use api::call::Call;
use api::error::{ApiError, Failure};
use api::resource::show;
use domain::Refusal;
use domain::payments::payment_intent::PaymentIntent;

/// A refused command as an error.
pub fn refused(call: &Call, intent: &PaymentIntent, refusal: Refusal) -> Failure {
    let error = ApiError::from(refusal);
    if error.code == Some("payment_intent_unexpected_state") {
        return error.detail("payment_intent", show::<PaymentIntents>(intent, &call.audience())).into();
    }
    error.into()
}
