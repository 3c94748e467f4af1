//! What a tenant and a processor have agreed on, as far as decisions depend on it.

use std::time::Duration;
use types::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Hundredths of a percent of the amount: 290 is 2.9 %.
    pub fee_basis_points: u32,
    /// Minor units of the charge's currency.
    pub fee_fixed: u32,
    /// Days until a charge's funds are available, at midnight UTC.
    pub settlement_days: u16,
    /// What payers see on their statements.
    pub statement_descriptor: String,
    /// How long an authorization can be captured.
    pub authorization_days: u16,
    pub multicapture: bool,
    pub overcapture_percent: u8,
    pub increments: bool,
}

impl Policy {
    /// The processing fee for a charge: the percentage, rounded half up to a minor unit, and the fixed part.
    /// A later capture of the same charge pays the percentage only.
    pub fn fee(&self, amount: i64, first: bool) -> i64 {
        let percentage = (i128::from(amount) * i128::from(self.fee_basis_points) + 5_000) / 10_000;
        let fixed = if first { i128::from(self.fee_fixed) } else { 0 };
        i64::try_from(percentage + fixed).unwrap_or(i64::MAX)
    }

    /// When the funds of a charge of this moment are available.
    pub fn available_on(&self, now: Timestamp) -> Timestamp {
        now.day().plus(DAY * u32::from(self.settlement_days))
    }

    /// Until when an authorization of this moment can be captured.
    pub fn capture_before(&self, now: Timestamp) -> Timestamp {
        now.plus(DAY * u32::from(self.authorization_days))
    }

    /// The most that may be captured of an authorized amount.
    pub fn overcapture_maximum(&self, authorized: i64) -> i64 {
        let extra = i128::from(authorized) * i128::from(self.overcapture_percent) / 100;
        i64::try_from(i128::from(authorized) + extra).unwrap_or(i64::MAX)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            fee_basis_points: 290,
            fee_fixed: 30,
            settlement_days: 2,
            statement_descriptor: "FLORIN".to_owned(),
            authorization_days: 7,
            multicapture: true,
            overcapture_percent: 20,
            increments: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_round_half_up() {
        let policy = Policy::default();
        assert_eq!(policy.fee(10_000, true), 320);
        assert_eq!(policy.fee(4_200, true), 152); // 121.8
        assert_eq!(policy.fee(50, true), 31); // 1.45
        assert_eq!(policy.fee(500, false), 15); // 14.5
        assert_eq!(policy.fee(i64::MAX, false), 267_477_789_068_788_498);
    }
}
