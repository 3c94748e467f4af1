//! A payment intent as it is shown.

use crate::resource::{Expandable, Resource, View, reference, show};
use crate::resources::party::render_shipping;
use domain::attempt::Decline;
use domain::payment_intent::{AmountDetails, CardOptions, NextAction, PaymentError, PaymentIntent};
use serde_json::{Map, Value, json};
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

    fn render(&self, view: &View) -> Value {
        let mut value = json!({
            "id": self.id,
            "object": "payment_intent",
            "allowed_payment_method_types": null,
            "amount": self.amount,
            "amount_capturable": self.amount_capturable,
            "amount_received": self.amount_received,
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": self.automatic_payment_methods.as_ref().map(|redirects| json!({
                "allow_redirects": redirects,
                "enabled": true,
            })),
            "canceled_at": self.canceled_at.map(|time| time.seconds()),
            "cancellation_reason": self.cancellation_reason,
            "capture_method": self.capture_method.as_str(),
            "client_secret": self.client_secret,
            "confirmation_method": self.confirmation_method.as_str(),
            "created": self.created.seconds(),
            "currency": self.currency,
            "customer": self.customer,
            "customer_account": null,
            "description": self.description,
            "excluded_payment_method_types": null,
            "last_payment_error": self.last_payment_error.as_ref().map(|error| payment_error(error, view)),
            "latest_charge": self.latest_charge,
            "livemode": view.livemode,
            "managed_payments": null,
            "metadata": self.metadata,
            "next_action": self.next_action.as_ref().map(|action| next_action(action, view)),
            "on_behalf_of": null,
            "payment_method": self.payment_method,
            "payment_method_configuration_details": null,
            "payment_method_options": { "card": card_options(&self.card_options) },
            "payment_method_types": self.payment_method_types,
            "payment_record": null,
            "processing": null,
            "receipt_email": self.receipt_email,
            "review": null,
            "setup_future_usage": self.setup_future_usage.map(|usage| usage.as_str()),
            "shipping": self.shipping.as_ref().map(render_shipping),
            "source": null,
            "statement_descriptor": self.statement_descriptor,
            "statement_descriptor_suffix": self.statement_descriptor_suffix,
            "status": self.status.as_str(),
            "transfer_group": self.transfer_group,
        });
        if !self.amount_details.is_none() {
            value["amount_details"] = amount_details(&self.amount_details);
        }
        if let Some(details) = &self.payment_details {
            value["payment_details"] = json!({
                "customer_reference": details.customer_reference,
                "order_reference": details.order_reference,
            });
        }
        value
    }
}

fn amount_details(details: &AmountDetails) -> Value {
    let mut value = Map::new();
    if let Some(amount) = details.discount_amount {
        value.insert("discount_amount".into(), amount.into());
    }
    if let Some(shipping) = &details.shipping {
        let shipping = json!({
            "amount": shipping.amount,
            "from_postal_code": shipping.from_postal_code,
            "to_postal_code": shipping.to_postal_code,
        });
        value.insert("shipping".into(), shipping);
    }
    if let Some(tax) = details.total_tax_amount {
        value.insert("tax".into(), json!({ "total_tax_amount": tax }));
    }
    Value::Object(value)
}

/// What a decline is called as an attribute of the intent that it happened to.
pub fn decline_attributes(decline: &Decline) -> Map<String, Value> {
    let mut error = Map::new();
    error.insert("code".into(), decline.code.clone().into());
    if let Some(code) = &decline.decline_code {
        error.insert("decline_code".into(), code.clone().into());
    }
    error.insert("message".into(), decline.message.clone().into());
    error.insert("type".into(), "card_error".into());
    error
}

/// Why the last attempt failed.
pub fn payment_error(error: &PaymentError, view: &View) -> Value {
    let mut attributes = decline_attributes(&error.decline);
    if let Some(charge) = error.charge {
        attributes.insert("charge".into(), json!(charge));
    }
    if let Some(method) = &error.payment_method {
        attributes.insert("payment_method".into(), show(&**method, view));
    }
    Value::Object(attributes)
}

/// Where the payer goes, or what the client library is told to do.
pub fn next_action(action: &NextAction, view: &View) -> Value {
    let url = crate::hosted::authentication_url(view, action.attempt, &action.secret);
    match &action.return_url {
        Some(return_url) => json!({
            "redirect_to_url": { "return_url": return_url, "url": url },
            "type": "redirect_to_url",
        }),
        None => json!({
            "type": "use_stripe_sdk",
            "use_stripe_sdk": { "type": "three_d_secure_redirect", "stripe_js": url },
        }),
    }
}

fn card_options(options: &CardOptions) -> Value {
    let mut value = json!({
        "installments": null,
        "mandate_options": null,
        "network": null,
        "request_three_d_secure": options.request_three_d_secure.as_deref().unwrap_or("automatic"),
    });
    let optional = [
        ("capture_method", options.capture_method.map(|method| method.as_str().to_owned())),
        ("request_incremental_authorization", options.request_incremental_authorization.clone()),
        ("request_multicapture", options.request_multicapture.clone()),
        ("request_overcapture", options.request_overcapture.clone()),
        ("setup_future_usage", options.setup_future_usage.map(|usage| usage.as_str().to_owned())),
        ("statement_descriptor_suffix_kana", options.statement_descriptor_suffix_kana.clone()),
        ("statement_descriptor_suffix_kanji", options.statement_descriptor_suffix_kanji.clone()),
    ];
    for (name, present) in optional {
        if let Some(present) = present {
            value[name] = present.into();
        }
    }
    value
}
