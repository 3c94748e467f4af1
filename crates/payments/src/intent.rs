//! What payment intents and setup intents have in common: parameters, and parts of what is shown.

use crate::payment_methods::PaymentMethods;
use api::choice::Choice;
use api::json::Json;
use api::params::List;
use api::resource::{Audience, show};
use api::{object, params};
use attempts::{RedirectStatus, authentication_url};
use domain::payments::intent::{AllowRedirects, NextAction, PaymentError, Status};
use domain::payments::payment_method::MethodType;

/// Names of types of payment methods, as they are sent.
pub type MethodTypes = List<Choice<MethodType>, 50>;

params! {
    pub struct AutomaticPaymentMethodsParams {
        pub enabled: bool,
        pub allow_redirects: Option<Choice<AllowRedirects>>,
    }

    pub struct RetrieveParams {
        pub client_secret: Option<String>,
    }

    #[allow(dead_code, reason = "read, so that nonsense is refused before the intent is looked at")]
    pub struct MicrodepositParams {
        pub amounts: Option<List<i64, 2>>,
        pub descriptor_code: Option<String>,
    }
}

/// How payment methods are chosen automatically, if they are: unless the caller says otherwise, or names their types.
pub fn automatic_payment_methods(
    params: Option<&AutomaticPaymentMethodsParams>,
    types: Option<&MethodTypes>,
) -> Option<AllowRedirects> {
    match (params, types) {
        (Some(params), _) => {
            params.enabled.then(|| params.allow_redirects.map_or(AllowRedirects::Always, |Choice(choice)| choice))
        }
        (None, Some(_)) => None,
        (None, None) => Some(AllowRedirects::Always),
    }
}

/// The names of types of payment methods.
pub fn type_names(List(types): &MethodTypes) -> Vec<String> {
    types.iter().map(|Choice(kind)| kind.as_str().to_owned()).collect()
}

/// `automatic_payment_methods` as it is shown.
pub fn render_automatic(redirects: AllowRedirects) -> Json<'static> {
    object! { "allow_redirects": redirects.as_str(), "enabled": true }
}

/// Why the last attempt failed: the decline, and the objects that it is about.
pub fn payment_error<'a>(error: &'a PaymentError, audience: &Audience) -> Json<'a> {
    let decline = &error.decline;
    object! { "code": &decline.code }
        .with("decline_code", decline.decline_code.as_ref())
        .with("message", Some(&decline.message))
        .with("type", Some("card_error"))
        .with("charge", error.charge.filter(|_| !audience.public))
        .with("payment_method", Some(show::<PaymentMethods>(&error.payment_method, audience)))
}

/// Where the payer goes, or what the client library does.
pub fn next_action<'a>(action: &'a NextAction, audience: &Audience) -> Json<'a> {
    let sandbox = || authentication_url(audience, action.attempt, &action.secret);
    let url = action.url.clone().unwrap_or_else(sandbox);
    match &action.return_url {
        Some(return_url) => object! {
            "redirect_to_url": object! { "return_url": return_url, "url": url },
            "type": "redirect_to_url",
        },
        None => object! {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": object! { "type": "three_d_secure_redirect", "stripe_js": url },
        },
    }
}

/// What the payer's browser is told of an intent. `goes_on`: it waits for what the payer's authentication leads to, not for
/// another payment method or another payer's action.
pub fn redirect_status(status: Status, goes_on: bool) -> RedirectStatus {
    match status {
        Status::Succeeded | Status::RequiresCapture => RedirectStatus::Succeeded,
        Status::Processing => RedirectStatus::Pending,
        Status::RequiresAction | Status::RequiresConfirmation if goes_on => RedirectStatus::Pending,
        Status::RequiresAction | Status::RequiresConfirmation | Status::RequiresPaymentMethod | Status::Canceled => {
            RedirectStatus::Failed
        }
    }
}
