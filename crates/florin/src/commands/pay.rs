//! `florin pay`: takes a test payment.

use crate::cli::Pay;
use crate::client::{Client, text};
use crate::exit::{Code, Failure};
use crate::output::Output;
use serde_json::Value;
use types::{Currency, Money};

/// Short names of the test payment methods.
const CARDS: &[(&str, &str)] = &[
    ("ok", "pm_card_visa"),
    ("mastercard", "pm_card_mastercard"),
    ("declined", "pm_card_visa_chargeDeclined"),
    ("insufficient_funds", "pm_card_visa_chargeDeclinedInsufficientFunds"),
    ("lost", "pm_card_visa_chargeDeclinedLostCard"),
    ("stolen", "pm_card_visa_chargeDeclinedStolenCard"),
    ("velocity", "pm_card_visa_chargeDeclinedVelocityLimitExceeded"),
    ("expired", "pm_card_chargeDeclinedExpiredCard"),
    ("incorrect_cvc", "pm_card_chargeDeclinedIncorrectCvc"),
    ("processing_error", "pm_card_chargeDeclinedProcessingError"),
    ("3ds", "pm_card_threeDSecure2Required"),
    ("dispute", "pm_card_createDispute"),
    ("available", "pm_card_bypassPending"),
    ("pending_refund", "pm_card_pendingRefund"),
    ("blocked", "pm_card_radarBlock"),
];

pub fn cards_help() -> String {
    let names: Vec<String> = CARDS.iter().map(|(name, method)| format!("  {name:<20} {method}")).collect();
    format!("Test card, or the id of a payment method (`pm_…`):\n{}", names.join("\n"))
}

/// Reads `42.00 usd`: as many decimals as the currency has, and more than nothing.
pub fn amount(text: &str, currency: &str) -> anyhow::Result<Money> {
    let currency: Currency = currency.parse().map_err(|error| Failure::usage(format!("{error}")))?;
    amount_of(text, currency)
}

/// Reads `42.00` in a currency that is known.
pub fn amount_of(text: &str, currency: Currency) -> anyhow::Result<Money> {
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

fn payment_method(card: &str) -> anyhow::Result<String> {
    if card.starts_with("pm_") {
        return Ok(card.to_owned());
    }
    match CARDS.iter().find(|(name, _)| *name == card) {
        Some((_, method)) => Ok((*method).to_owned()),
        None => {
            let names: Vec<&str> = CARDS.iter().map(|(name, _)| *name).collect();
            Err(Failure::usage(format!("no test card is called {card:?}; there are {}, or pm_…", names.join(", "))))
        }
    }
}

pub async fn run(pay: &Pay, output: Output) -> anyhow::Result<Code> {
    let money = amount(&pay.amount, &pay.currency)?;
    let mut form = vec![
        ("amount", money.amount.to_string()),
        ("currency", money.currency.code().to_owned()),
        ("payment_method", payment_method(&pay.card)?),
        ("payment_method_types[]", "card".to_owned()),
        ("confirm", "true".to_owned()),
    ];
    if pay.manual_capture {
        form.push(("capture_method", "manual".to_owned()));
    }
    if let Some(description) = &pay.description {
        form.push(("description", description.clone()));
    }
    let client = Client::new(&pay.server)?;
    let answer = client.post("/v1/payment_intents", &form, pay.idempotency_key.as_deref()).await?;
    if answer.status == 402 && output.json {
        output.print(&answer.body, String::new)?;
        return Ok(Code::Declined);
    }
    let intent = answer.ok()?;
    output.print(&intent, || describe(&intent, money))?;
    Ok(if text(&intent, "/status") == "requires_action" { Code::ActionRequired } else { Code::Ok })
}

fn describe(intent: &Value, money: Money) -> String {
    let status = text(intent, "/status");
    let mut lines = vec![format!("{status}  {money}  {}", text(intent, "/id"))];
    let charge = text(intent, "/latest_charge");
    if !charge.is_empty() {
        lines.push(format!("charge {charge}"));
    }
    let next = text(intent, "/next_action/type");
    if !next.is_empty() {
        let url = text(intent, "/next_action/redirect_to_url/url");
        lines.push(format!("the payer has to act: {next} {url}").trim_end().to_owned());
    }
    lines.join("\n")
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
            ("1", "xyz", None),
            ("99999999999999999999", "usd", None),
        ] {
            assert_eq!(amount(text, currency).ok().map(|money| money.amount), minor, "{text} {currency}");
        }
        let refusal = amount("42.005", "usd").unwrap_err().to_string();
        assert_eq!(refusal, "\"42.005\" is not an amount: in usd it is a number above 0 with up to 2 decimals");
    }

    #[test]
    fn knows_its_cards() {
        assert_eq!(payment_method("ok").unwrap(), "pm_card_visa");
        assert_eq!(payment_method("pm_1").unwrap(), "pm_1");
        assert!(payment_method("4242424242424242").is_err());
    }
}
