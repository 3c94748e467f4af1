//! A payment intent as it is shown.

use crate::contact::render_shipping;
use crate::intent::{next_action, payment_error, render_automatic};
use api::json::Json::{self, Null};
use api::object;
use api::resource::{Audience, Expandable, Resource, Schema, reference};
use domain::payments::intent::ThreeDSecure;
use domain::payments::payment_intent::{AmountDetails, AmountShipping, CardOptions, PaymentDetails, PaymentIntent};
use types::Kind;

/// `/v1/payment_intents`.
pub struct PaymentIntents;

impl Resource for PaymentIntents {
    type Object = PaymentIntent;

    const PATH: &'static str = "/v1/payment_intents";
    const SCHEMA: Schema = Schema::Stripe;
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

    const EVENTS_WITH_PREVIOUS: &'static [&'static str] = &[];

    fn render<'a>(intent: &'a PaymentIntent, audience: &Audience) -> Json<'a> {
        object! {
            "id": intent.id,
            "object": "payment_intent",
            "allowed_payment_method_types": Null,
            "amount": intent.amount,
            "amount_capturable": intent.amount_capturable,
            "amount_received": intent.amount_received,
            "application": Null,
            "application_fee_amount": Null,
            "automatic_payment_methods": intent.automatic_payment_methods.map(render_automatic),
            "canceled_at": intent.canceled_at.map(|time| time.seconds()),
            "cancellation_reason": intent.cancellation_reason.map(|reason| reason.as_str()),
            "capture_method": intent.capture_method.as_str(),
            "client_secret": &intent.client_secret,
            "confirmation_method": intent.confirmation_method.as_str(),
            "created": intent.created.seconds(),
            "currency": intent.currency,
            "customer": intent.customer,
            "customer_account": Null,
            "description": &intent.description,
            "excluded_payment_method_types": Null,
            "last_payment_error": intent.last_payment_error.as_ref().map(|error| payment_error(error, audience)),
            "latest_charge": intent.latest_charge,
            "livemode": audience.livemode,
            "managed_payments": Null,
            "metadata": &intent.metadata,
            "next_action": intent.next_action.as_ref().map(|action| next_action(action, audience)),
            "on_behalf_of": Null,
            "payment_method": intent.payment_method,
            "payment_method_configuration_details": Null,
            "payment_method_options": object! { "card": card_options(&intent.card_options) },
            "payment_method_types": &intent.payment_method_types,
            "payment_record": Null,
            "processing": Null,
            "receipt_email": &intent.receipt_email,
            "review": Null,
            "setup_future_usage": intent.setup_future_usage.map(|usage| usage.as_str()),
            "shipping": intent.shipping.as_ref().map(render_shipping),
            "source": Null,
            "statement_descriptor": &intent.statement_descriptor,
            "statement_descriptor_suffix": &intent.statement_descriptor_suffix,
            "status": intent.status.as_str(),
            "transfer_group": &intent.transfer_group,
        }
        .with("amount_details", (!intent.amount_details.is_none()).then(|| amount_details(&intent.amount_details)))
        .with("payment_details", intent.payment_details.as_ref().map(payment_details))
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

fn card_options(options: &CardOptions) -> Json<'_> {
    object! {
        "installments": Null,
        "mandate_options": Null,
        "network": Null,
        "request_three_d_secure": options.request_three_d_secure.unwrap_or(ThreeDSecure::Automatic).as_str(),
    }
    .with("capture_method", options.capture_method.map(|method| method.as_str()))
    .with("request_incremental_authorization", options.request_incremental_authorization.map(|choice| choice.as_str()))
    .with("request_multicapture", options.request_multicapture.map(|choice| choice.as_str()))
    .with("request_overcapture", options.request_overcapture.map(|choice| choice.as_str()))
    .with("setup_future_usage", options.setup_future_usage.map(|usage| usage.as_str()))
    .with("statement_descriptor_suffix_kana", options.statement_descriptor_suffix_kana.as_ref())
    .with("statement_descriptor_suffix_kanji", options.statement_descriptor_suffix_kanji.as_ref())
}
