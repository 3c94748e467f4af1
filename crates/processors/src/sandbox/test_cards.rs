//! The table of test cards. All numbers here are public test numbers; no bank issues them.

use super::card_number::Number;
use crate::card::{CardFacts, Checks};
use types::TenantId;

/// A test card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestCard {
    pub number: Number,
    /// What follows `pm_card_` and `tok_`, the usual name first. A number may have none.
    pub names: &'static [&'static str],
    pub brand: &'static str,
    pub country: &'static str,
    pub funding: &'static str,
    /// What attempts carry: `sandbox:ok`, `sandbox:insufficient_funds`, …
    pub credential: &'static str,
    pub checks: Checks,
}

impl TestCard {
    /// What a tenant may know of the card.
    pub fn facts(&self, tenant: TenantId) -> CardFacts {
        CardFacts {
            brand: self.brand.to_owned(),
            country: self.country.to_owned(),
            funding: self.funding.to_owned(),
            last4: self.number.last4().to_owned(),
            fingerprint: self.number.fingerprint(tenant),
            credential: self.credential.to_owned(),
            checks: self.checks,
        }
    }
}

const PASS: Checks = Checks { cvc: "pass", line1: "pass", postal_code: "pass" };

/// A card that always pays, of some brand.
const fn brand(
    number: &'static str,
    names: &'static [&'static str],
    brand: &'static str,
    funding: &'static str,
    country: &'static str,
) -> TestCard {
    TestCard { number: Number::new(number), names, brand, country, funding, credential: "sandbox:ok", checks: PASS }
}

/// A Visa credit card that always pays, of some country.
const fn country(number: &'static str, names: &'static [&'static str], country: &'static str) -> TestCard {
    brand(number, names, "visa", "credit", country)
}

/// A Visa credit card from the United States that does something else than pay.
const fn special(number: &'static str, names: &'static [&'static str], credential: &'static str) -> TestCard {
    TestCard { credential, ..country(number, names, "US") }
}

/// As [`special`], from elsewhere.
const fn special_from(
    country: &'static str,
    number: &'static str,
    names: &'static [&'static str],
    credential: &'static str,
) -> TestCard {
    TestCard { country, ..special(number, names, credential) }
}

/// A card that pays although some of what was given with it is wrong.
const fn checked(number: &'static str, names: &'static [&'static str], checks: Checks) -> TestCard {
    TestCard { checks, ..country(number, names, "US") }
}

pub const TEST_CARDS: &[TestCard] = &[
    // Brands.
    brand("4242424242424242", &["visa", "us"], "visa", "credit", "US"),
    brand("4000056655665556", &["visa_debit"], "visa", "debit", "US"),
    brand("5555555555554444", &["mastercard"], "mastercard", "credit", "US"),
    brand("2223003122003222", &[], "mastercard", "credit", "US"),
    brand("5200828282828210", &["mastercard_debit"], "mastercard", "debit", "US"),
    brand("5105105105105100", &["mastercard_prepaid"], "mastercard", "prepaid", "US"),
    brand("378282246310005", &["amex"], "amex", "credit", "US"),
    brand("371449635398431", &[], "amex", "credit", "US"),
    brand("6011111111111117", &["discover"], "discover", "credit", "US"),
    brand("6011000990139424", &[], "discover", "credit", "US"),
    brand("6011981111111113", &["discover_debit"], "discover", "debit", "US"),
    brand("3056930009020004", &["diners"], "diners", "credit", "US"),
    brand("36227206271667", &[], "diners", "credit", "US"),
    brand("3566002020360505", &["jcb"], "jcb", "credit", "JP"),
    brand("6200000000000005", &["unionpay"], "unionpay", "credit", "CN"),
    brand("6200000000000047", &["unionpay_debit"], "unionpay", "debit", "CN"),
    brand("6205500000000000004", &[], "unionpay", "credit", "CN"),
    // Declines.
    special("4000000000000002", &["visa_chargeDeclined", "chargeDeclined"], "sandbox:generic_decline"),
    special(
        "4000000000009995",
        &["visa_chargeDeclinedInsufficientFunds", "chargeDeclinedInsufficientFunds"],
        "sandbox:insufficient_funds",
    ),
    special("4000000000009987", &["visa_chargeDeclinedLostCard", "chargeDeclinedLostCard"], "sandbox:lost_card"),
    special("4000000000009979", &["visa_chargeDeclinedStolenCard", "chargeDeclinedStolenCard"], "sandbox:stolen_card"),
    special(
        "4000000000006975",
        &["visa_chargeDeclinedVelocityLimitExceeded", "chargeDeclinedVelocityLimitExceeded"],
        "sandbox:card_velocity_exceeded",
    ),
    special(
        "4000000000000069",
        &["chargeDeclinedExpiredCard", "visa_chargeDeclinedExpiredCard"],
        "sandbox:expired_card",
    ),
    TestCard {
        checks: Checks { cvc: "fail", ..PASS },
        ..special(
            "4000000000000127",
            &["chargeDeclinedIncorrectCvc", "visa_chargeDeclinedIncorrectCvc"],
            "sandbox:incorrect_cvc",
        )
    },
    special(
        "4000000000000119",
        &["chargeDeclinedProcessingError", "visa_chargeDeclinedProcessingError"],
        "sandbox:processing_error",
    ),
    special("4000000000000341", &["chargeCustomerFail", "visa_chargeCustomerFail"], "sandbox:charge_declined"),
    special("4000000000005803", &["incrementDeclined"], "sandbox:increment_declined"),
    // Authentication.
    special_from("FR", "4000002500003155", &["authenticationRequiredOnSetup"], "sandbox:authentication_unless_set_up"),
    special_from("DE", "4000002760003184", &["authenticationRequired"], "sandbox:authentication_required"),
    special("4000000000003220", &["threeDSecure2Required"], "sandbox:authentication_required"),
    special_from(
        "IT",
        "4000003800000446",
        &["authenticationRequiredSetupForOffSession"],
        "sandbox:authentication_on_session",
    ),
    special_from(
        "GB",
        "4000008260003178",
        &["authenticationRequiredChargeDeclinedInsufficientFunds"],
        "sandbox:authentication_insufficient_funds",
    ),
    special("4000008400001629", &["threeDSecureRequiredChargeDeclined"], "sandbox:authentication_generic_decline"),
    special("4000008400001280", &["threeDSecureRequiredProcessingError"], "sandbox:authentication_processing_error"),
    special("4000000000003055", &["threeDSecureOptional"], "sandbox:ok"),
    // Disputes, funds, refunds.
    special("4000000000000259", &["createDispute"], "sandbox:dispute"),
    special("4000000000000077", &["bypassPending"], "sandbox:available_now"),
    special_from("IE", "4000003720000278", &["bypassPendingInternational"], "sandbox:available_now"),
    special("4000000000007726", &["pendingRefund"], "sandbox:refund_pending"),
    special("4000000000005126", &["refundFail"], "sandbox:refund_fails"),
    // Risk.
    special("4100000000000019", &["radarBlock"], "sandbox:blocked"),
    special("4000000000004954", &["riskLevelHighest"], "sandbox:highest_risk"),
    special("4000000000009235", &["riskLevelElevated"], "sandbox:elevated_risk"),
    checked("4000000000000101", &["cvcCheckFail"], Checks { cvc: "fail", ..PASS }),
    checked("4000000000000036", &["avsZipFail"], Checks { postal_code: "fail", ..PASS }),
    checked("4000000000000028", &["avsLine1Fail"], Checks { line1: "fail", ..PASS }),
    checked("4000000000000010", &["avsFail"], Checks { line1: "fail", postal_code: "fail", ..PASS }),
    checked("4000000000000044", &["avsUnchecked"], Checks { line1: "unavailable", postal_code: "unavailable", ..PASS }),
    // Countries.
    country("4000007840000001", &["ae"], "AE"),
    country("4000000400000008", &["at"], "AT"),
    country("4000000360000006", &["au"], "AU"),
    country("4000000560000004", &["be"], "BE"),
    country("4000000760000002", &["br"], "BR"),
    country("4000001240000000", &["ca"], "CA"),
    country("4000007560000009", &["ch"], "CH"),
    country("4000002760000016", &["de"], "DE"),
    country("4000002080000001", &["dk"], "DK"),
    country("4000007240000007", &["es"], "ES"),
    country("4000002460000001", &["fi"], "FI"),
    country("4000002500000003", &["fr"], "FR"),
    country("4000008260000000", &["gb"], "GB"),
    country("4000003440000004", &["hk"], "HK"),
    country("4000003720000005", &["ie"], "IE"),
    country("4000003560000008", &["in"], "IN"),
    country("4000003800000008", &["it"], "IT"),
    country("4000003920000003", &["jp"], "JP"),
    country("4000004840008001", &["mx"], "MX"),
    country("4000005280000002", &["nl"], "NL"),
    country("4000005780000007", &["no"], "NO"),
    country("4000005540000008", &["nz"], "NZ"),
    country("4000006160000005", &["pl"], "PL"),
    country("4000006200000007", &["pt"], "PT"),
    country("4000007520000008", &["se"], "SE"),
    country("4000007020000003", &["sg"], "SG"),
];
