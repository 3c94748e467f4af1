//! A charge as it is shown.

use crate::contact::{NOWHERE, render_billing_details, render_shipping};
use crate::payment_methods::checks;
use api::json::Json::{self, Null};
use api::object;
use api::resource::{Audience, Expandable, Resource, Schema, children, reference};
use domain::payments::charge::{Charge, Status};
use types::Kind;

/// `/v1/charges`.
pub struct Charges;

impl Resource for Charges {
    type Object = Charge;

    const PATH: &'static str = "/v1/charges";
    const SCHEMA: Schema = Schema::Stripe;
    const EXPANDABLE: &'static [Expandable] = &[
        reference("balance_transaction", &[Kind::BalanceTransaction]),
        reference("customer", &[Kind::Customer]),
        reference("payment_intent", &[Kind::PaymentIntent]),
        children("refunds", &[Kind::Refund]),
    ];

    const PUBLIC: &'static [&'static str] = &[];
    const EVENTS_WITH_PREVIOUS: &'static [&'static str] = &["charge.captured", "charge.expired", "charge.refunded"];

    fn render<'a>(charge: &'a Charge, audience: &Audience) -> Json<'a> {
        let amount_refunded = charge.amount_refunded.saturating_add(charge.amount_released);
        object! {
            "id": charge.id,
            "object": "charge",
            "amount": charge.amount,
            "amount_captured": charge.amount_captured,
            "amount_refunded": amount_refunded,
            "application": Null,
            "application_fee": Null,
            "application_fee_amount": Null,
            "balance_transaction": charge.balance_transaction,
            "billing_details": render_billing_details(&charge.billing_details),
            "calculated_statement_descriptor": &charge.calculated_statement_descriptor,
            "captured": charge.captured,
            "created": charge.created.seconds(),
            "currency": charge.currency,
            "customer": charge.customer,
            "description": &charge.description,
            "disputed": false,
            "failure_balance_transaction": Null,
            "failure_code": charge.failure.as_ref().map(|failure| &failure.code),
            "failure_message": charge.failure.as_ref().map(|failure| &failure.message),
            "fraud_details": charge.user_report.map_or(object! {}, |report| object! { "user_report": report.as_str() }),
            "livemode": audience.livemode,
            "metadata": &charge.metadata,
            "on_behalf_of": Null,
            "outcome": outcome(charge),
            "paid": charge.status == Status::Succeeded,
            "payment_intent": charge.payment_intent,
            "payment_method": charge.payment_method,
            "payment_method_details": object! { "card": card(charge), "type": "card" },
            "receipt_email": &charge.receipt_email,
            "receipt_number": Null,
            "receipt_url": Null,
            "refunded": charge.status == Status::Succeeded && amount_refunded >= charge.amount,
            "review": Null,
            "shipping": charge.shipping.as_ref().map(render_shipping),
            "source": source(charge),
            "source_transfer": Null,
            "statement_descriptor": &charge.statement_descriptor,
            "statement_descriptor_suffix": &charge.statement_descriptor_suffix,
            "status": charge.status.as_str(),
            "transfer_data": Null,
            "transfer_group": &charge.transfer_group,
        }
    }
}

/// Whether the issuer or the risk engine decided, and how.
fn outcome(charge: &Charge) -> Json<'_> {
    let (network_status, reason, kind, message) = match (&charge.failure, charge.status) {
        (_, Status::Pending) => return Null,
        (None, _) => ("approved_by_network", None, "authorized", "Payment complete."),
        (Some(failure), _) if failure.blocked => {
            ("not_sent_to_network", Some("highest_risk_level"), "blocked", "The risk engine blocked this payment.")
        }
        (Some(failure), _) => {
            let reason = failure.decline_code.as_ref().unwrap_or(&failure.code).as_str();
            ("declined_by_network", Some(reason), "issuer_declined", "The bank did not approve this payment.")
        }
    };
    object! {
        "advice_code": Null,
        "network_advice_code": Null,
        "network_decline_code": Null,
        "network_status": network_status,
        "reason": reason,
        "risk_level": if kind == "blocked" { "highest" } else { "normal" },
        "risk_score": charge.risk_score,
        "seller_message": message,
        "type": kind,
    }
}

/// The card, as clients know it that charge tokens without an intent.
fn source(charge: &Charge) -> Json<'_> {
    if charge.payment_intent.is_some() {
        return Null;
    }
    let card = &charge.card;
    let address = charge.billing_details.address.as_ref().unwrap_or(&NOWHERE);
    object! {
        "id": charge.payment_method.to_string().replacen(Kind::PaymentMethod.prefix(), "card", 1),
        "object": "card",
        "address_city": &address.city,
        "address_country": &address.country,
        "address_line1": &address.line1,
        "address_line1_check": &card.line1_check,
        "address_line2": &address.line2,
        "address_state": &address.state,
        "address_zip": &address.postal_code,
        "address_zip_check": &card.postal_code_check,
        "brand": brand(&card.brand),
        "country": &card.country,
        "customer": charge.customer,
        "cvc_check": &card.cvc_check,
        "dynamic_last4": Null,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": &card.fingerprint,
        "funding": &card.funding,
        "last4": &card.last4,
        "metadata": object! {},
        "name": &charge.billing_details.name,
        "regulated_status": Null,
        "tokenization_method": Null,
    }
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

fn card(charge: &Charge) -> Json<'_> {
    let card = &charge.card;
    let availability = |available: bool| if available { "available" } else { "unavailable" };
    object! {
        "amount_authorized": if charge.status == Status::Succeeded { Some(charge.amount) } else { None },
        "authorization_code": &charge.authorization_code,
        "brand": &card.brand,
        "checks": checks(card),
        "country": &card.country,
        "electronic_commerce_indicator": Null,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "extended_authorization": object! { "status": "disabled" },
        "fingerprint": &card.fingerprint,
        "funding": &card.funding,
        "incremental_authorization": object! { "status": availability(charge.features.increments) },
        "installments": Null,
        "last4": &card.last4,
        "mandate": Null,
        "multicapture": object! { "status": availability(charge.features.multicapture) },
        "network": &card.brand,
        "network_token": object! { "used": false },
        "network_transaction_id": Null,
        "overcapture": object! {
            "maximum_amount_capturable": charge.features.capture_maximum.unwrap_or(charge.amount),
            "status": availability(charge.features.overcapture),
        },
        "regulated_status": Null,
        "three_d_secure": charge.three_d_secure.map(|authenticated| object! {
            "authentication_flow": "challenge",
            "electronic_commerce_indicator": Null,
            "exemption_indicator": Null,
            "result": if authenticated { "authenticated" } else { "failed" },
            "result_reason": Null,
            "transaction_id": Null,
            "version": "2.2.0",
        }),
        "transaction_link_id": Null,
        "wallet": Null,
    }
    .with("capture_before", charge.capture_before.map(|before| before.seconds()))
}
