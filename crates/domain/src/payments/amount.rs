//! How much can be charged.

use crate::refusal::Refusal;
use types::{Currency, Money};

/// The largest amount: eight digits of minor units.
pub const AMOUNT_MAX: i64 = 99_999_999;

/// Refuses an amount that cannot be charged.
pub fn check_amount(amount: i64, currency: Currency) -> Result<(), Refusal> {
    if amount < 1 {
        return Err(
            Refusal::new("parameter_invalid_integer", "This value must be greater than or equal to 1.").param("amount")
        );
    }
    let minimum = Money::new(currency.minimum_charge(), currency);
    if amount < minimum.amount {
        return Err(Refusal::new("amount_too_small", format!("Amount must be at least {minimum}")).param("amount"));
    }
    let maximum = Money::new(AMOUNT_MAX, currency);
    if amount > maximum.amount {
        return Err(Refusal::new("amount_too_large", format!("Amount must be no more than {maximum}")).param("amount"));
    }
    Ok(())
}
