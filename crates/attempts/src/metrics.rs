//! What is measured of attempts and processors.

use domain::attempts::{Attempt, Decline, Outcome, Status};
use processors::Query;

platform::metrics! {
    /// Outcomes of attempts that were recorded; one that is unknown or pending has another one later.
    counter attempts("florin_attempts_total") {
        processor,
        operation: ["authorize", "capture", "increment", "refund", "sale", "setup", "void"],
        outcome: ["canceled", "declined", "pending", "requires_action", "succeeded", "unknown"],
    }
    /// Attempts that processors have declined, by Stripe's code; `other` for codes that Stripe does not have.
    counter declines("florin_attempt_declines_total") { processor, code }
    /// Outcomes that contradict what is recorded, by what was done about them: see `When a processor contradicts itself`.
    counter conflicts("florin_attempt_conflicts_total") {
        operation: ["authorize", "capture", "increment", "refund", "sale", "setup", "void"],
        remedy: ["none", "recorded", "reversed"],
    }
    /// Calls of processors, by what was answered; `unknown` also without an answer, `not_found` if the processor never had it.
    counter processor_calls("florin_processor_calls_total") {
        processor,
        call: ["cancel", "execute", "query"],
        outcome: ["canceled", "declined", "not_found", "pending", "requires_action", "succeeded", "unknown"],
    }
    /// How long a call of a processor took.
    histogram processor_call_duration("florin_processor_call_duration_seconds") {
        processor,
        call: ["cancel", "execute", "query"],
    }
}

/// An outcome was recorded in the attempt, which says what it means there.
pub(crate) fn recorded(attempt: &Attempt, outcome: &Outcome) {
    // A question without an answer may leave the status what it was.
    let status = if matches!(outcome, Outcome::Unknown { .. }) { Status::Unknown } else { attempt.status };
    attempts(attempt.processor.clone(), attempt.operation.as_str(), status.as_str()).increment(1);
    if let (Status::Declined, Some(decline)) = (status, &attempt.decline) {
        declines(attempt.processor.clone(), decline_name(decline)).increment(1);
    }
}

/// What a processor has said, in a word.
pub(crate) fn answer_name(answer: &Query) -> &'static str {
    match answer {
        Query::Known(outcome) => outcome_name(outcome),
        Query::NotFound => "not_found",
    }
}

/// What the processor has said, by the name of the status that is nearest.
fn outcome_name(outcome: &Outcome) -> &'static str {
    let status = match outcome {
        Outcome::Done(_) => Status::Succeeded,
        Outcome::Declined { .. } => Status::Declined,
        Outcome::ActionRequired { .. } => Status::RequiresAction,
        Outcome::Canceled => Status::Canceled,
        Outcome::Pending { .. } => Status::Pending,
        Outcome::Unknown { .. } => Status::Unknown,
    };
    status.as_str()
}

/// Processors have codes of their own, of which there may be any number.
fn decline_name(decline: &Decline) -> &'static str {
    let known = |code: &str| CODES.iter().find(|known| **known == code).copied();
    decline.decline_code.as_deref().and_then(known).or_else(|| known(&decline.code)).unwrap_or("other")
}

/// Stripe's codes of declines, and of errors without a code of a decline.
const CODES: &[&str] = &[
    "authentication_required",
    "approve_with_id",
    "call_issuer",
    "card_declined",
    "card_not_supported",
    "card_velocity_exceeded",
    "currency_not_supported",
    "do_not_honor",
    "do_not_try_again",
    "duplicate_transaction",
    "expired_card",
    "expired_or_canceled_card",
    "fraudulent",
    "generic_decline",
    "highest_risk_level",
    "incorrect_address",
    "incorrect_cvc",
    "incorrect_number",
    "incorrect_pin",
    "incorrect_zip",
    "insufficient_funds",
    "invalid_account",
    "invalid_amount",
    "invalid_cvc",
    "invalid_expiry_month",
    "invalid_expiry_year",
    "invalid_number",
    "invalid_pin",
    "issuer_not_available",
    "lost_card",
    "merchant_blacklist",
    "new_account_information_available",
    "no_action_taken",
    "not_permitted",
    "offline_pin_required",
    "online_or_offline_pin_required",
    "payment_intent_authentication_failure",
    "pickup_card",
    "pin_try_exceeded",
    "processing_error",
    "reenter_transaction",
    "restricted_card",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "security_violation",
    "service_not_allowed",
    "setup_intent_authentication_failure",
    "stolen_card",
    "stop_payment_order",
    "testmode_decline",
    "transaction_not_allowed",
    "try_again_later",
    "withdrawal_count_limit_exceeded",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_are_not_known_are_one() {
        let named = |code: &str, decline_code: Option<&str>| {
            let decline_code = decline_code.map(str::to_owned);
            decline_name(&Decline { code: code.to_owned(), decline_code, message: String::new(), blocked: false })
        };
        assert_eq!(named("card_declined", Some("insufficient_funds")), "insufficient_funds");
        assert_eq!(named("card_declined", Some("X-4711")), "card_declined");
        assert_eq!(named("X-4711", None), "other");
    }
}
