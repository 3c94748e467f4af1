//! Finds the sandbox's cards by number, test payment method or token.

use super::card_number::{Digits, NumberError};
use super::test_cards::{TEST_CARDS, TestCard};

/// The card of a number, in which spaces and dashes do not matter.
pub fn by_number(number: &str) -> Result<&'static TestCard, NumberError> {
    let digits = Digits::parse(number)?;
    TEST_CARDS.iter().find(|card| card.number.is(&digits)).ok_or(NumberError::NotATestCard)
}

/// The card of a test payment method: `pm_card_visa`. `None` when it is not one.
pub fn by_method(method: &str) -> Option<&'static TestCard> {
    by_name(method.strip_prefix("pm_card_")?)
}

/// The card of a test token: `tok_visa`. `None` when it is not one.
pub fn by_token(token: &str) -> Option<&'static TestCard> {
    by_name(token.strip_prefix("tok_")?)
}

fn by_name(name: &str) -> Option<&'static TestCard> {
    TEST_CARDS.iter().find(|card| card.names.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::behaviour::Behaviour;
    use std::collections::HashSet;

    #[test]
    fn the_table_is_sound() {
        let (mut names, mut numbers) = (HashSet::new(), HashSet::new());
        for row in TEST_CARDS {
            let number = row.number.reveal();
            assert!(Digits::parse(number).is_ok(), "{:?}: the check digit of {number}", row.names);
            assert!(numbers.insert(number), "{number} stands there twice");
            assert!(Behaviour::of(row.credential).is_some(), "{}", row.credential);
            for name in row.names {
                assert!(names.insert(name), "{name} stands there twice");
            }
        }
    }

    #[test]
    fn the_guide_lists_each_card() {
        let guide = include_str!("../../../../docs/sandbox.md");
        for row in TEST_CARDS {
            let number = row.number.reveal();
            assert!(guide.contains(number), "docs/sandbox.md lacks the number ending in {}", row.number.last4());
            if let Some(name) = row.names.first() {
                assert!(guide.contains(&format!("`pm_card_{name}`")), "docs/sandbox.md lacks pm_card_{name}");
            }
        }
    }

    #[test]
    fn cards_are_found_by_each_of_their_names() {
        for (number, name, credential) in [
            ("4242 4242 4242 4242", "visa", "ok"),
            ("5555-5555-5555-4444", "mastercard", "ok"),
            ("378282246310005", "amex", "ok"),
            ("4000000000000002", "visa_chargeDeclined", "generic_decline"),
            ("4000000000000002", "chargeDeclined", "generic_decline"),
            ("4000000000009995", "visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
            ("4000000000009995", "chargeDeclinedInsufficientFunds", "insufficient_funds"),
            ("4000000000009987", "visa_chargeDeclinedLostCard", "lost_card"),
            ("4000000000009979", "visa_chargeDeclinedStolenCard", "stolen_card"),
            ("4000000000006975", "visa_chargeDeclinedVelocityLimitExceeded", "card_velocity_exceeded"),
            ("4000000000000069", "chargeDeclinedExpiredCard", "expired_card"),
            ("4000000000000127", "chargeDeclinedIncorrectCvc", "incorrect_cvc"),
            ("4000000000000119", "chargeDeclinedProcessingError", "processing_error"),
            ("4000000000000341", "chargeCustomerFail", "charge_declined"),
            ("4000002500003155", "authenticationRequiredOnSetup", "authentication_unless_set_up"),
            ("4000002760003184", "authenticationRequired", "authentication_required"),
            ("4000000000003220", "threeDSecure2Required", "authentication_required"),
            ("4000000000000259", "createDispute", "dispute"),
            ("4000000000000077", "bypassPending", "available_now"),
            ("4000000000007726", "pendingRefund", "refund_pending"),
            ("4000000000005126", "refundFail", "refund_fails"),
            ("4100000000000019", "radarBlock", "blocked"),
        ] {
            let card = by_number(number).unwrap();
            assert_eq!(card.credential, format!("sandbox:{credential}"));
            assert!(number.ends_with(card.number.last4()));
            assert_eq!(by_method(&format!("pm_card_{name}")), Some(card), "pm_card_{name}");
            assert_eq!(by_token(&format!("tok_{name}")), Some(card), "tok_{name}");
        }
    }

    #[test]
    fn other_numbers_and_names_are_refused() {
        assert_eq!(by_number("4242424242424241"), Err(NumberError::Incorrect));
        assert_eq!(by_number("4111111111111111"), Err(NumberError::NotATestCard));
        for name in ["pm_card_", "pm_card_unheard_of", "visa", "tok_visa", "PM_CARD_VISA", ""] {
            assert_eq!(by_method(name), None, "{name}");
        }
        for name in ["tok_", "tok_unheard_of", "pm_card_visa"] {
            assert_eq!(by_token(name), None, "{name}");
        }
    }
}
