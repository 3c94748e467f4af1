//! Declines as errors.

use api::error::ApiError;
use domain::attempts::Decline;

/// A decline as an error: 402 with code and decline code.
pub fn declined(decline: &Decline) -> ApiError {
    let mut error = ApiError::card(code(&decline.code), decline.message.clone());
    if let Some(decline_code) = &decline.decline_code {
        error = error.detail("decline_code", decline_code.clone());
    }
    match decline.code.as_str() {
        "incorrect_cvc" => error.param("cvc"),
        "expired_card" => error.param("exp_month"),
        "incorrect_number" => error.param("number"),
        _ => error,
    }
}

/// Error codes are texts of this program, not of a processor: a code that is not known here becomes `card_declined`.
fn code(code: &str) -> &'static str {
    const KNOWN: &[&str] = &[
        "card_declined",
        "expired_card",
        "incorrect_cvc",
        "incorrect_number",
        "processing_error",
        "authentication_required",
        "payment_intent_authentication_failure",
        "setup_intent_authentication_failure",
    ];
    KNOWN.iter().find(|known| **known == code).copied().unwrap_or("card_declined")
}
