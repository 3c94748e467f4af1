//! How payment methods are shown.

use crate::contact::render_billing_details;
use api::json::Json::{self, Null};
use api::object;
use api::resource::{Audience, Expandable, Resource, Schema, reference};
use domain::payments::payment_method::{AllowRedisplay, Card, PaymentMethod};
use types::Kind;

/// `/v1/payment_methods`.
pub struct PaymentMethods;

impl Resource for PaymentMethods {
    type Object = PaymentMethod;

    const PATH: &'static str = "/v1/payment_methods";
    const SCHEMA: Schema = Schema::Stripe;
    const EXPANDABLE: &'static [Expandable] = &[reference("customer", &[Kind::Customer])];
    const PUBLIC: &'static [&'static str] = &[
        "id",
        "object",
        "allow_redisplay",
        "billing_details",
        "card",
        "created",
        "customer",
        "customer_account",
        "livemode",
        "type",
    ];

    const EVENTS_WITH_PREVIOUS: &'static [&'static str] = &["payment_method.detached"];

    fn render<'a>(method: &'a PaymentMethod, audience: &Audience) -> Json<'a> {
        object! {
            "id": method.id,
            "object": "payment_method",
            "allow_redisplay": method.allow_redisplay.unwrap_or(AllowRedisplay::Unspecified).as_str(),
            "billing_details": render_billing_details(&method.billing_details),
            "card": render_card(&method.card, audience),
            "created": method.created.seconds(),
            // Payers do not see customers, nor whose a payment method is.
            "customer": method.customer.filter(|_| !audience.public),
            "customer_account": Null,
            "livemode": audience.livemode,
            "metadata": &method.metadata,
            "type": "card",
        }
    }
}

/// What the issuer says of the details.
pub fn checks(card: &Card) -> Json<'_> {
    object! {
        "address_line1_check": &card.line1_check,
        "address_postal_code_check": &card.postal_code_check,
        "cvc_check": &card.cvc_check,
    }
}

fn render_card<'a>(card: &'a Card, audience: &Audience) -> Json<'a> {
    let mut value = object! {
        "brand": &card.brand,
        "checks": checks(card),
        "country": &card.country,
        "display_brand": &card.brand,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": &card.fingerprint,
        "funding": &card.funding,
        "generated_from": Null,
        "last4": &card.last4,
        "networks": object! { "available": vec![&card.brand], "preferred": Null },
        "regulated_status": "unregulated",
        "three_d_secure_usage": object! { "supported": true },
        "wallet": Null,
    };
    // It would tell a payer whether another payer uses the same card.
    if audience.public {
        value.retain(|name| name != "fingerprint");
    }
    value
}
