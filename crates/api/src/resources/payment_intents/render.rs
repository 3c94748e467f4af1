//! A payment intent as it is shown.

use crate::json::Json::{self, Null};
use crate::object;
use crate::resource::{Expandable, Resource, View, reference, show};
use crate::resources::party::render_shipping;
use domain::payment_intent::{
    AmountDetails, AmountShipping, CardOptions, NextAction, PaymentDetails, PaymentError, PaymentIntent,
};
use types::Kind;

impl Resource for PaymentIntent {
    const EXPANDABLE: &'static [Expandable] = &[
        reference("customer", &[Kind::Customer]),
        reference("latest_charge", &[Kind::Charge]),
        reference("payment_method", &[Kind::PaymentMethod]),
    ];

    const PUBLIC: &'static [&'static str] = &[
        "id",
        "object",
        "amount",
        "amount_details",
        "automatic_payment_methods",
        "canceled_at",
        "cancellation_reason",
        "capture_method",
        "client_secret",
        "confirmation_method",
        "created",
        "currency",
        "description",
        "excluded_payment_method_types",
        "last_payment_error",
        "livemode",
        "next_action",
        "payment_method",
        "payment_method_configuration_details",
        "payment_method_types",
        "processing",
        "receipt_email",
        "setup_future_usage",
        "shipping",
        "source",
        "status",
    ];

    fn render(&self, view: &View) -> Json<'_> {
        object! {
            "id": self.id,
            "object": "payment_intent",
            "allowed_payment_method_types": Null,
            "amount": self.amount,
            "amount_capturable": self.amount_capturable,
            "amount_received": self.amount_received,
            "application": Null,
            "application_fee_amount": Null,
            "automatic_payment_methods": self.automatic_payment_methods.as_ref().map(|redirects| object! {
                "allow_redirects": redirects,
                "enabled": true,
            }),
            "canceled_at": self.canceled_at.map(|time| time.seconds()),
            "cancellation_reason": &self.cancellation_reason,
            "capture_method": self.capture_method.as_str(),
            "client_secret": &self.client_secret,
            "confirmation_method": self.confirmation_method.as_str(),
            "created": self.created.seconds(),
            "currency": self.currency,
            "customer": self.customer,
            "customer_account": Null,
            "description": &self.description,
            "excluded_payment_method_types": Null,
            "last_payment_error": self.last_payment_error.as_ref().map(|error| payment_error(error, view)),
            "latest_charge": self.latest_charge,
            "livemode": view.livemode,
            "managed_payments": Null,
            "metadata": &self.metadata,
            "next_action": self.next_action.as_ref().map(|action| next_action(action, view)),
            "on_behalf_of": Null,
            "payment_method": self.payment_method,
            "payment_method_configuration_details": Null,
            "payment_method_options": object! { "card": card_options(&self.card_options) },
            "payment_method_types": &self.payment_method_types,
            "payment_record": Null,
            "processing": Null,
            "receipt_email": &self.receipt_email,
            "review": Null,
            "setup_future_usage": self.setup_future_usage.map(|usage| usage.as_str()),
            "shipping": self.shipping.as_ref().map(render_shipping),
            "source": Null,
            "statement_descriptor": &self.statement_descriptor,
            "statement_descriptor_suffix": &self.statement_descriptor_suffix,
            "status": self.status.as_str(),
            "transfer_group": &self.transfer_group,
        }
        .with("amount_details", (!self.amount_details.is_none()).then(|| amount_details(&self.amount_details)))
        .with("payment_details", self.payment_details.as_ref().map(payment_details))
    }
}

fn amount_details(details: &AmountDetails) -> Json<'_> {
    object! {}
        .with("discount_amount", details.discount_amount)
        .with("shipping", details.shipping.as_ref().map(amount_shipping))
        .with("tax", details.total_tax_amount.map(|tax| object! { "total_tax_amount": tax }))
}

fn amount_shipping(shipping: &AmountShipping) -> Json<'_> {
    object! {
        "amount": shipping.amount,
        "from_postal_code": &shipping.from_postal_code,
        "to_postal_code": &shipping.to_postal_code,
    }
}

fn payment_details(details: &PaymentDetails) -> Json<'_> {
    object! { "customer_reference": &details.customer_reference, "order_reference": &details.order_reference }
}

/// Why the last attempt failed: the decline, and what it happened to.
pub fn payment_error<'a>(error: &'a PaymentError, view: &View) -> Json<'a> {
    let decline = &error.decline;
    object! { "code": &decline.code }
        .with("decline_code", decline.decline_code.as_ref())
        .with("message", Some(&decline.message))
        .with("type", Some("card_error"))
        .with("charge", error.charge)
        .with("payment_method", error.payment_method.as_ref().map(|method| show(&**method, view)))
}

/// Where the payer goes, or what the client library is told to do.
pub fn next_action<'a>(action: &'a NextAction, view: &View) -> Json<'a> {
    let url = crate::hosted::authentication_url(view, action.attempt, &action.secret);
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

fn card_options(options: &CardOptions) -> Json<'_> {
    object! {
        "installments": Null,
        "mandate_options": Null,
        "network": Null,
        "request_three_d_secure": options.request_three_d_secure.as_deref().unwrap_or("automatic"),
    }
    .with("capture_method", options.capture_method.map(|method| method.as_str()))
    .with("request_incremental_authorization", options.request_incremental_authorization.as_ref())
    .with("request_multicapture", options.request_multicapture.as_ref())
    .with("request_overcapture", options.request_overcapture.as_ref())
    .with("setup_future_usage", options.setup_future_usage.map(|usage| usage.as_str()))
    .with("statement_descriptor_suffix_kana", options.statement_descriptor_suffix_kana.as_ref())
    .with("statement_descriptor_suffix_kanji", options.statement_descriptor_suffix_kanji.as_ref())
}
