//! `florin refund`: gives a payment back, all of it or a part.

use super::Command;
use crate::amount;
use crate::arguments::WhichServer;
use crate::exit_code::{Code, Failure};
use crate::http_client::{Client, text};
use crate::output::Output;
use clap::Args;
use serde_json::Value;
use types::{Currency, Money};

/// Refund a payment through a running server.
#[derive(Debug, Args)]
pub struct Refund {
    #[command(flatten)]
    server: WhichServer,
    /// Payment intent (`pi_…`) or charge (`ch_…`).
    payment: String,
    /// Amount in major units of the payment's currency; by default all that is left.
    #[arg(long)]
    amount: Option<String>,
    /// duplicate, fraudulent or requested_by_customer.
    #[arg(long)]
    reason: Option<String>,
    /// Do it once, however often it is tried; by default a new key is made.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl Command for Refund {
    async fn run(&self, output: Output) -> anyhow::Result<Code> {
        let (parameter, path) = match self.payment.split_once('_') {
            Some(("pi", _)) => ("payment_intent", format!("/v1/payment_intents/{}", self.payment)),
            Some(("ch", _)) => ("charge", format!("/v1/charges/{}", self.payment)),
            _ => {
                return Err(Failure::usage(format!(
                    "{:?} is neither a payment intent (pi_…) nor a charge (ch_…)",
                    self.payment
                )));
            }
        };
        if !self.payment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(Failure::usage(format!("{:?} is not an id", self.payment)));
        }
        let client = Client::new(&self.server)?;
        let mut form = vec![(parameter, self.payment.clone())];
        if let Some(wanted) = &self.amount {
            // How many decimals the amount may have depends on the payment's currency.
            let payment = client.get(&path, &[]).await?.ok()?;
            let currency: Currency = text(&payment, "/currency").parse()?;
            form.push(("amount", amount::parse(wanted, currency)?.amount.to_string()));
        }
        if let Some(reason) = &self.reason {
            form.push(("reason", reason.clone()));
        }
        let made = client.post("/v1/refunds", &form, self.idempotency_key.as_deref()).await?.ok()?;
        output.print(&made, || describe(&made))?;
        Ok(if text(&made, "/status") == "failed" { Code::Failure } else { Code::Ok })
    }
}

fn describe(refund: &Value) -> String {
    let money = refund.get("amount").and_then(Value::as_i64).zip(text(refund, "/currency").parse().ok());
    let money = money.map(|(amount, currency)| Money::new(amount, currency).to_string()).unwrap_or_default();
    format!("{}  {money}  {}", text(refund, "/status"), text(refund, "/id"))
}
