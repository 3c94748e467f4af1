//! Processing fees.

/// What a tenant pays for each charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    /// Hundredths of a percent of the amount: 290 is 2.9 %.
    pub basis_points: u32,
    /// Minor units of the charge's currency.
    pub fixed: u32,
}

impl Fees {
    /// The fee for a charge, in minor units: the percentage, rounded half up, and the fixed part. A later capture of
    /// the same charge pays the percentage only.
    pub fn of(&self, amount: i64, is_first: bool) -> i64 {
        let percentage = (i128::from(amount) * i128::from(self.basis_points) + 5_000) / 10_000;
        let fixed = if is_first { i128::from(self.fixed) } else { 0 };
        i64::try_from(percentage + fixed).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_round_half_up() {
        let fees = Fees { basis_points: 290, fixed: 30 };
        assert_eq!(fees.of(10_000, true), 320);
        assert_eq!(fees.of(4_200, true), 152); // 121.8
        assert_eq!(fees.of(50, true), 31); // 1.45
        assert_eq!(fees.of(500, false), 15); // 14.5
        assert_eq!(fees.of(i64::MAX, false), 267_477_789_068_788_498);
    }
}
