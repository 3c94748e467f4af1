//! How payment methods are shown.

use crate::resource::{Expandable, Resource, View, reference};
use crate::resources::party::render_billing_details;
use domain::payment_method::{Card, PaymentMethod};
use serde_json::{Value, json};
use types::Kind;

impl Resource for PaymentMethod {
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

    fn render(&self, view: &View) -> Value {
        json!({
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": self.allow_redisplay.as_deref().unwrap_or("unspecified"),
            "billing_details": render_billing_details(&self.billing_details),
            "card": render_card(&self.card, view),
            "created": self.created.seconds(),
            "customer": self.customer,
            "customer_account": null,
            "livemode": view.livemode,
            "metadata": self.metadata,
            "type": "card",
        })
    }
}

fn render_card(card: &Card, view: &View) -> Value {
    let mut value = json!({
        "brand": card.brand,
        "checks": {
            "address_line1_check": card.line1_check,
            "address_postal_code_check": card.postal_code_check,
            "cvc_check": card.cvc_check,
        },
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "generated_from": null,
        "last4": card.last4,
        "networks": { "available": [card.brand], "preferred": null },
        "regulated_status": "unregulated",
        "three_d_secure_usage": { "supported": true },
        "wallet": null,
    });
    // It tells whether two payers use the same card, which is not the payers' business.
    if let (true, Value::Object(attributes)) = (view.public, &mut value) {
        attributes.shift_remove("fingerprint");
    }
    value
}
