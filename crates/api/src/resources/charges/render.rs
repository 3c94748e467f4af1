//! A charge as it is shown.

use crate::resource::{Expandable, Resource, View, children, reference};
use crate::resources::party::{render_billing_details, render_shipping};
use domain::charge::{Charge, Status};
use serde_json::{Value, json};
use types::Kind;

impl Resource for Charge {
    const EXPANDABLE: &'static [Expandable] = &[
        reference("balance_transaction", &[Kind::BalanceTransaction]),
        reference("customer", &[Kind::Customer]),
        reference("payment_intent", &[Kind::PaymentIntent]),
        children("refunds", &[Kind::Refund]),
    ];

    fn render(&self, view: &View) -> Value {
        let amount_refunded = self.amount_refunded.saturating_add(self.amount_released);
        json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": self.amount_captured,
            "amount_refunded": amount_refunded,
            "application": null,
            "application_fee": null,
            "application_fee_amount": null,
            "balance_transaction": self.balance_transaction,
            "billing_details": render_billing_details(&self.billing_details),
            "calculated_statement_descriptor": self.calculated_statement_descriptor,
            "captured": self.captured,
            "created": self.created.seconds(),
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "disputed": false,
            "failure_balance_transaction": null,
            "failure_code": self.failure.as_ref().map(|failure| &failure.code),
            "failure_message": self.failure.as_ref().map(|failure| &failure.message),
            "fraud_details": self.user_report.as_ref().map_or(json!({}), |report| json!({ "user_report": report })),
            "livemode": view.livemode,
            "metadata": self.metadata,
            "on_behalf_of": null,
            "outcome": outcome(self),
            "paid": self.status == Status::Succeeded,
            "payment_intent": self.payment_intent,
            "payment_method": self.payment_method,
            "payment_method_details": { "card": card(self), "type": "card" },
            "receipt_email": self.receipt_email,
            "receipt_number": null,
            "receipt_url": null,
            "refunded": self.status == Status::Succeeded && amount_refunded >= self.amount,
            "review": null,
            "shipping": self.shipping.as_ref().map(render_shipping),
            "source": source(self),
            "source_transfer": null,
            "statement_descriptor": self.statement_descriptor,
            "statement_descriptor_suffix": self.statement_descriptor_suffix,
            "status": self.status.as_str(),
            "transfer_data": null,
            "transfer_group": self.transfer_group,
        })
    }
}

/// Who decided, and how.
fn outcome(charge: &Charge) -> Value {
    let (network_status, reason, kind, message) = match (&charge.failure, charge.status) {
        (_, Status::Pending) => return Value::Null,
        (None, _) => ("approved_by_network", None, "authorized", "Payment complete."),
        (Some(failure), _) if failure.blocked => (
            "not_sent_to_network",
            Some("highest_risk_level".to_owned()),
            "blocked",
            "The risk engine blocked this payment.",
        ),
        (Some(failure), _) => {
            let reason = failure.decline_code.clone().unwrap_or_else(|| failure.code.clone());
            ("declined_by_network", Some(reason), "issuer_declined", "The bank did not approve this payment.")
        }
    };
    json!({
        "advice_code": null,
        "network_advice_code": null,
        "network_decline_code": null,
        "network_status": network_status,
        "reason": reason,
        "risk_level": if kind == "blocked" { "highest" } else { "normal" },
        "risk_score": charge.risk_score,
        "seller_message": message,
        "type": kind,
    })
}

/// What clients that charge tokens, without an intent, know the card as.
fn source(charge: &Charge) -> Value {
    if charge.payment_intent.is_some() {
        return Value::Null;
    }
    let card = &charge.card;
    let address = charge.billing_details.address.clone().unwrap_or_default();
    json!({
        "id": charge.payment_method.to_string().replacen(Kind::PaymentMethod.prefix(), "card", 1),
        "object": "card",
        "address_city": address.city,
        "address_country": address.country,
        "address_line1": address.line1,
        "address_line1_check": card.line1_check,
        "address_line2": address.line2,
        "address_state": address.state,
        "address_zip": address.postal_code,
        "address_zip_check": card.postal_code_check,
        "brand": brand(&card.brand),
        "country": card.country,
        "customer": charge.customer,
        "cvc_check": card.cvc_check,
        "dynamic_last4": null,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "last4": card.last4,
        "metadata": {},
        "name": charge.billing_details.name,
        "regulated_status": null,
        "tokenization_method": null,
    })
}

/// A brand as those clients know it.
fn brand(brand: &str) -> &str {
    match brand {
        "amex" => "American Express",
        "diners" => "Diners Club",
        "discover" => "Discover",
        "jcb" => "JCB",
        "mastercard" => "MasterCard",
        "unionpay" => "UnionPay",
        "visa" => "Visa",
        _ => "Unknown",
    }
}

fn card(charge: &Charge) -> Value {
    let card = &charge.card;
    let availability = |available: bool| if available { "available" } else { "unavailable" };
    let mut value = json!({
        "amount_authorized": if charge.status == Status::Succeeded { Some(charge.amount) } else { None },
        "authorization_code": charge.authorization_code,
        "brand": card.brand,
        "checks": {
            "address_line1_check": card.line1_check,
            "address_postal_code_check": card.postal_code_check,
            "cvc_check": card.cvc_check,
        },
        "country": card.country,
        "electronic_commerce_indicator": null,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "extended_authorization": { "status": "disabled" },
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "incremental_authorization": { "status": availability(charge.features.increments) },
        "installments": null,
        "last4": card.last4,
        "mandate": null,
        "multicapture": { "status": availability(charge.features.multicapture) },
        "network": card.brand,
        "network_token": { "used": false },
        "network_transaction_id": null,
        "overcapture": {
            "maximum_amount_capturable": charge.features.capture_maximum.unwrap_or(charge.amount),
            "status": availability(charge.features.overcapture),
        },
        "regulated_status": null,
        "three_d_secure": charge.three_d_secure.map(|authenticated| json!({
            "authentication_flow": "challenge",
            "electronic_commerce_indicator": null,
            "exemption_indicator": null,
            "result": if authenticated { "authenticated" } else { "failed" },
            "result_reason": null,
            "transaction_id": null,
            "version": "2.2.0",
        })),
        "transaction_link_id": null,
        "wallet": null,
    });
    if let Some(before) = charge.capture_before {
        value["capture_before"] = before.seconds().into();
    }
    value
}
