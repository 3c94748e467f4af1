//! What a payer may change of an intent when confirming it with a publishable key. What the merchant has set stays.

use super::PaymentIntent;
use crate::payments::intent::FutureUsage;
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};

/// Which details a payer has given: until the merchant sets them, the payer may change them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenByPayer {
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub receipt_email: bool,
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub shipping: bool,
}

/// The intent as a payer may describe it, who asks for `asked`. Whatever else is asked for is left as it is.
pub fn described(intent: &PaymentIntent, asked: PaymentIntent) -> Result<PaymentIntent, Refusal> {
    let mut given = intent.given_by_payer;
    given.receipt_email =
        given_by_payer("receipt_email", &intent.receipt_email, &asked.receipt_email, given.receipt_email)?;
    given.shipping = given_by_payer("shipping", &intent.shipping, &asked.shipping, given.shipping)?;
    Ok(PaymentIntent {
        receipt_email: asked.receipt_email,
        shipping: asked.shipping,
        setup_future_usage: future_usage(intent.setup_future_usage, asked.setup_future_usage)?,
        given_by_payer: given,
        ..intent.clone()
    })
}

/// Whether a detail is the payer's afterwards; refused if the merchant has set it to something else.
fn given_by_payer<T: PartialEq>(
    param: &'static str,
    now: &Option<T>,
    asked: &Option<T>,
    is_payers: bool,
) -> Result<bool, Refusal> {
    if now == asked {
        return Ok(is_payers);
    }
    if now.is_none() || is_payers {
        return Ok(true);
    }
    let message = format!(
        "This PaymentIntent's {param} was last set with a secret key, and cannot be changed with a publishable key; use a secret \
         key."
    );
    Err(Refusal::new("payment_intent_invalid_parameter", message).param(param))
}

/// A payer may consent to more than the merchant has asked for, and not to less.
fn future_usage(now: Option<FutureUsage>, asked: Option<FutureUsage>) -> Result<Option<FutureUsage>, Refusal> {
    match (now, asked) {
        (None, _)
        | (Some(FutureUsage::OnSession), Some(_))
        | (Some(FutureUsage::OffSession), Some(FutureUsage::OffSession)) => Ok(asked),
        (Some(FutureUsage::OnSession | FutureUsage::OffSession), _) => {
            let message = "This PaymentIntent's setup_future_usage is set: with a publishable key it can only be changed from \
                 on_session to off_session; use a secret key.";
            Err(Refusal::new("payment_intent_invalid_parameter", message).param("setup_future_usage"))
        }
    }
}
