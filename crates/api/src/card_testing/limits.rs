use serde::{Deserialize, Serialize};

/// How many tries to pay may fail. 0 is no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CardTestingLimits {
    /// Of one intent, by payers and by the merchant (default 15); with the last one it is canceled. Card schemes allow no more than 15
    /// repetitions of a payment.
    pub intent_failures_max: u32,
    /// Of one card in 24 hours, with publishable keys in live mode (default 30).
    pub card_failures_max: u32,
    /// Of one client's address in an hour, with publishable keys in live mode (default 60).
    pub address_failures_max: u32,
    /// Of one publishable key in an hour, in live mode (default 1,000); from then on each address has one.
    pub key_failures_max: u32,
}

impl Default for CardTestingLimits {
    fn default() -> Self {
        CardTestingLimits {
            intent_failures_max: 15,
            card_failures_max: 30,
            address_failures_max: 60,
            key_failures_max: 1_000,
        }
    }
}
