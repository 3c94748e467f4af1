//! Amounts of money on the command line.

use crate::exit_code::Failure;
use types::{Currency, Money};

/// Reads `42.00`: a number above 0, with at most as many decimals as the currency has.
pub fn parse(text: &str, currency: Currency) -> anyhow::Result<Money> {
    match Money::parse_major(text, currency) {
        Some(money) if money.amount > 0 => Ok(money),
        _ => {
            let decimals = match currency.exponent() {
                0 => "no decimals".to_owned(),
                places => format!("up to {places} decimals"),
            };
            Err(Failure::usage(format!(
                "{text:?} is not an amount: in {currency} it is a number above 0 with {decimals}"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        for (text, currency, minor) in [
            ("42.00", "usd", Some(4200)),
            ("42", "USD", Some(4200)),
            ("42.5", "usd", Some(4250)),
            ("42.005", "usd", None),
            ("500", "jpy", Some(500)),
            ("500.0", "jpy", None),
            ("1.234", "kwd", Some(1234)),
            ("0", "usd", None),
            ("-1", "usd", None),
            ("1,000", "usd", None),
            ("99999999999999999999", "usd", None),
        ] {
            let currency: Currency = currency.parse().unwrap();
            assert_eq!(parse(text, currency).ok().map(|money| money.amount), minor, "{text} {currency}");
        }
        let refusal = parse("42.005", Currency::USD).unwrap_err().to_string();
        assert_eq!(refusal, "\"42.005\" is not an amount: in usd it is a number above 0 with up to 2 decimals");
    }
}
