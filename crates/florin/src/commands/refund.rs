//! `florin refund`: gives a payment back, all of it or a part.

use super::pay::amount_of;
use crate::cli::Refund;
use crate::client::{Client, text};
use crate::exit::{Code, Failure};
use crate::output::Output;
use serde_json::Value;
use types::{Currency, Money};

pub async fn run(refund: &Refund, output: Output) -> anyhow::Result<Code> {
    let (parameter, path) = match refund.payment.split_once('_') {
        Some(("pi", _)) => ("payment_intent", format!("/v1/payment_intents/{}", refund.payment)),
        Some(("ch", _)) => ("charge", format!("/v1/charges/{}", refund.payment)),
        _ => {
            return Err(Failure::usage(format!(
                "{:?} is neither a payment intent (pi_…) nor a charge (ch_…)",
                refund.payment
            )));
        }
    };
    if !refund.payment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(Failure::usage(format!("{:?} is not an id", refund.payment)));
    }
    let client = Client::new(&refund.server)?;
    let mut form = vec![(parameter, refund.payment.clone())];
    if let Some(wanted) = &refund.amount {
        // How many decimals the amount may have depends on the payment's currency.
        let payment = client.get(&path, &[]).await?.ok()?;
        let currency: Currency = text(&payment, "/currency").parse()?;
        form.push(("amount", amount_of(wanted, currency)?.amount.to_string()));
    }
    if let Some(reason) = &refund.reason {
        form.push(("reason", reason.clone()));
    }
    let made = client.post("/v1/refunds", &form, refund.idempotency_key.as_deref()).await?.ok()?;
    output.print(&made, || describe(&made))?;
    Ok(if text(&made, "/status") == "failed" { Code::Failure } else { Code::Ok })
}

fn describe(refund: &Value) -> String {
    let money = refund.get("amount").and_then(Value::as_i64).zip(text(refund, "/currency").parse().ok());
    let money = money.map(|(amount, currency)| Money::new(amount, currency).to_string()).unwrap_or_default();
    format!("{}  {money}  {}", text(refund, "/status"), text(refund, "/id"))
}
