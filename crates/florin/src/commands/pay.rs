//! `florin pay`: takes a test payment.

use super::Command;
use crate::amount;
use crate::arguments::WhichServer;
use crate::exit_code::{Code, Failure};
use crate::http_client::{Client, text};
use crate::output::Output;
use clap::Args;
use serde_json::Value;
use types::{Currency, Money};

/// Take a test payment through a running server.
#[derive(Debug, Args)]
pub struct Pay {
    #[command(flatten)]
    server: WhichServer,
    /// Amount in major units, for instance 42.00.
    amount: String,
    /// Currency, for instance usd.
    currency: String,
    /// Test card, or the id of a payment method (`pm_…`).
    #[arg(long, default_value = "ok", long_help = cards_help())]
    card: String,
    /// Authorize only; capture later.
    #[arg(long)]
    manual_capture: bool,
    #[arg(long)]
    description: Option<String>,
    /// Do it once, however often it is tried; by default a new key is made.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

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

/// The help of `--card`.
fn cards_help() -> String {
    let names: Vec<String> = CARDS.iter().map(|(name, method)| format!("  {name:<20} {method}")).collect();
    format!("Test card, or the id of a payment method (`pm_…`):\n{}", names.join("\n"))
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

impl Command for Pay {
    async fn run(&self, output: Output) -> anyhow::Result<Code> {
        let currency: Currency = self.currency.parse().map_err(|error| Failure::usage(format!("{error}")))?;
        let money = amount::parse(&self.amount, currency)?;
        let mut form = vec![
            ("amount", money.amount.to_string()),
            ("currency", money.currency.code().to_owned()),
            ("payment_method", payment_method(&self.card)?),
            ("payment_method_types[]", "card".to_owned()),
            ("confirm", "true".to_owned()),
        ];
        if self.manual_capture {
            form.push(("capture_method", "manual".to_owned()));
        }
        if let Some(description) = &self.description {
            form.push(("description", description.clone()));
        }
        let client = Client::new(&self.server)?;
        let answer = client.post("/v1/payment_intents", &form, self.idempotency_key.as_deref()).await?;
        if answer.status == 402 && output.json {
            output.print(&answer.body, String::new)?;
            return Ok(Code::Declined);
        }
        let intent = answer.ok()?;
        output.print(&intent, || describe(&intent, money))?;
        Ok(if text(&intent, "/status") == "requires_action" { Code::ActionRequired } else { Code::Ok })
    }
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
    fn knows_its_cards() {
        assert_eq!(payment_method("ok").unwrap(), "pm_card_visa");
        assert_eq!(payment_method("pm_1").unwrap(), "pm_1");
        assert!(payment_method("4242424242424242").is_err());
    }
}
