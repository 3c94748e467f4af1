use crate::Currency;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount in a currency's minor units (cents for `usd`). Arithmetic is checked: it never wraps or rounds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Money {
    pub amount: i64,
    pub currency: Currency,
}

/// Why two amounts could not be put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("amounts in {0} and {1} cannot be added")]
    CurrencyMismatch(Currency, Currency),
    #[error("the amount is out of range")]
    Overflow,
}

impl Money {
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Money { amount, currency }
    }

    pub fn checked_add(self, other: Money) -> Result<Money, MoneyError> {
        self.combine(other, i64::checked_add)
    }

    pub fn checked_sub(self, other: Money) -> Result<Money, MoneyError> {
        self.combine(other, i64::checked_sub)
    }

    fn combine(self, other: Money, op: fn(i64, i64) -> Option<i64>) -> Result<Money, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch(self.currency, other.currency));
        }
        let amount = op(self.amount, other.amount).ok_or(MoneyError::Overflow)?;
        Ok(Money::new(amount, self.currency))
    }

    /// Reads an amount in major units as people write it: `42.00` of `usd` is 4200.
    /// `None` when it is not a number, has more decimals than the currency, or is out of range.
    pub fn parse_major(text: &str, currency: Currency) -> Option<Money> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let places = usize::try_from(currency.exponent()).ok()?;
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(fraction) || fraction.len() > places {
            return None;
        }
        let minor: i64 = format!("{whole}{fraction:0<places$}").parse().ok()?;
        Some(Money::new(if negative { -minor } else { minor }, currency))
    }
}

/// Major units with the currency's decimals: `42.00 usd`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.amount < 0 { "-" } else { "" };
        let magnitude = self.amount.unsigned_abs();
        match self.currency.exponent() {
            0 => write!(f, "{sign}{magnitude} {}", self.currency),
            places => {
                let unit = 10u64.pow(places);
                let width = places as usize;
                write!(f, "{sign}{}.{:0width$} {}", magnitude / unit, magnitude % unit, self.currency)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_shows_major_units() {
        let jpy: Currency = "jpy".parse().unwrap();
        for (text, currency, minor) in [
            ("42.00", Currency::USD, Some(4200)),
            ("42", Currency::USD, Some(4200)),
            ("0.5", Currency::USD, Some(50)),
            ("-1.25", Currency::USD, Some(-125)),
            ("42.001", Currency::USD, None),
            (".5", Currency::USD, None),
            ("1e3", Currency::USD, None),
            ("500", jpy, Some(500)),
            ("500.0", jpy, None),
            ("99999999999999999999", Currency::USD, None),
        ] {
            assert_eq!(Money::parse_major(text, currency).map(|money| money.amount), minor, "{text}");
        }
        assert_eq!(Money::new(-125, Currency::USD).to_string(), "-1.25 usd");
        assert_eq!(Money::new(i64::MIN, jpy).to_string(), "-9223372036854775808 jpy");
    }

    #[test]
    fn never_wraps_or_mixes() {
        let usd = |amount| Money::new(amount, Currency::USD);
        assert_eq!(usd(i64::MAX).checked_add(usd(1)), Err(MoneyError::Overflow));
        let eur = Money::new(1, "eur".parse().unwrap());
        assert!(matches!(usd(1).checked_sub(eur), Err(MoneyError::CurrencyMismatch(..))));
    }
}
