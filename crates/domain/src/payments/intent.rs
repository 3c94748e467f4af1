//! What payment intents and setup intents have in common.

use super::payment_method::PaymentMethod;
use crate::attempts::{Attempt, Decline, PayerPage};
use crate::named::named;
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use types::ObjectId;

named! {
    /// A setup intent has every status but `requires_capture`.
    pub enum Status {
        RequiresPaymentMethod = "requires_payment_method",
        RequiresConfirmation = "requires_confirmation",
        RequiresAction = "requires_action",
        Processing = "processing",
        RequiresCapture = "requires_capture",
        Succeeded = "succeeded",
        Canceled = "canceled",
    }

    /// What the payment method is kept for afterwards.
    pub enum FutureUsage {
        OffSession = "off_session",
        OnSession = "on_session",
    }

    /// Whether the merchant asks for 3-D Secure.
    pub enum ThreeDSecure {
        Any = "any",
        Automatic = "automatic",
        Challenge = "challenge",
    }

    /// Whether payment methods that redirect the payer may be used.
    pub enum AllowRedirects {
        Always = "always",
        Never = "never",
    }
}

impl ThreeDSecure {
    /// Whether the payer must authenticate even if the issuer does not ask for it.
    pub fn challenges(choice: Option<Self>) -> bool {
        matches!(choice, Some(ThreeDSecure::Any | ThreeDSecure::Challenge))
    }
}

/// Why the last attempt failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaymentError {
    pub decline: Decline,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<ObjectId>,
    /// As it was then, without its credential.
    pub payment_method: Box<PaymentMethod>,
}

impl PaymentError {
    pub(super) fn new(decline: &Decline, charge: Option<ObjectId>, method: &PaymentMethod) -> Self {
        PaymentError { decline: decline.clone(), charge, payment_method: Box::new(method.without_credential()) }
    }
}

/// What the payer has to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NextAction {
    /// The attempt that waits for the payer.
    pub attempt: ObjectId,
    /// Gives access to the sandbox's page.
    pub secret: String,
    /// The page on which the payer authenticates; the sandbox's if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where the payer's browser goes afterwards; without one, the client library shows the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
}

impl NextAction {
    /// What an attempt waits for.
    pub(super) fn of(attempt: &Attempt, page: &PayerPage) -> Self {
        NextAction {
            attempt: attempt.id,
            secret: attempt.secret.clone().unwrap_or_default(),
            url: match page {
                PayerPage::Sandbox => None,
                PayerPage::Url(url) => Some(url.clone()),
            },
            return_url: attempt.options.return_url.clone().filter(|_| !attempt.options.use_sdk),
        }
    }
}

/// Refuses a command that the state does not allow: `noun` is `PaymentIntent`, `code` its error code.
pub(super) fn unexpected_state(
    (noun, code): (&str, &'static str),
    status: Status,
    command: &str,
    allowed: &[Status],
) -> Refusal {
    let allowed = allowed.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(", ");
    let message = format!(
        "This {noun} could not be {command} because it has a status of {}. Only a {noun} with one of the \
         following statuses may be {command}: {allowed}.",
        status.as_str()
    );
    Refusal::new(code, message)
}
