//! How payment methods are shown.

use crate::json::Json::{self, Null};
use crate::object;
use crate::resource::{Expandable, Resource, View, reference};
use crate::resources::party::render_billing_details;
use domain::payment_method::{Card, PaymentMethod};
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

    fn render(&self, view: &View) -> Json<'_> {
        object! {
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": self.allow_redisplay.as_deref().unwrap_or("unspecified"),
            "billing_details": render_billing_details(&self.billing_details),
            "card": render_card(&self.card, view),
            "created": self.created.seconds(),
            "customer": self.customer,
            "customer_account": Null,
            "livemode": view.livemode,
            "metadata": &self.metadata,
            "type": "card",
        }
    }
}

/// What the payer's bank said of the details.
pub(crate) fn checks(card: &Card) -> Json<'_> {
    object! {
        "address_line1_check": &card.line1_check,
        "address_postal_code_check": &card.postal_code_check,
        "cvc_check": &card.cvc_check,
    }
}

fn render_card<'a>(card: &'a Card, view: &View) -> Json<'a> {
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
    // It tells whether two payers use the same card, which is not the payers' business.
    if view.public {
        value.retain(|name| name != "fingerprint");
    }
    value
}
