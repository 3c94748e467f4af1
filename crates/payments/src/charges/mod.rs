//! Charges.

mod render;

pub use render::Charges;

use crate::contact::{ShippingParams, check_email};
use crate::customer_lookup;
use crate::payment_methods::{self, check_free};
use crate::statement::checked_statement;
use api::Registry;
use api::call::Call;
use api::choice::{Choice, chosen};
use api::endpoint::Returns;
use api::error::{ApiError, Result};
use api::metadata::{MetadataParam, merged_metadata, new_metadata};
use api::params;
use api::reply::Reply;
use api::search::{FieldKind, SearchField, field};
use attempts::{Attempted, applied, run};
use contracts::{FieldFilter, ListQuery};
use domain::payments::charge::{self, Charge, Details, UserReport, capture, release};
use domain::payments::customer::Customer;
use domain::payments::payment_intent::{self, PaymentIntent};
use domain::payments::payment_method::PaymentMethod;
use domain::{Changes, Refusal, Versioned};
use types::{Currency, Kind, Money};

const SEARCHABLE: &[SearchField] = &[
    field("amount", FieldKind::Number, &["amount"]),
    field("billing_details.address.postal_code", FieldKind::Token, &["billing_details", "address", "postal_code"]),
    field("created", FieldKind::Time, &["created"]),
    field("currency", FieldKind::Token, &["currency"]),
    field("customer", FieldKind::Token, &["customer"]),
    field("metadata", FieldKind::Metadata, &["metadata"]),
    field("payment_method_details.card.brand", FieldKind::Token, &["card", "brand"]),
    field("payment_method_details.card.exp_month", FieldKind::Number, &["card", "exp_month"]),
    field("payment_method_details.card.exp_year", FieldKind::Number, &["card", "exp_year"]),
    field("payment_method_details.card.fingerprint", FieldKind::Token, &["card", "fingerprint"]),
    field("payment_method_details.card.last4", FieldKind::Token, &["card", "last4"]),
    field("status", FieldKind::Token, &["status"]),
];

params! {
    pub struct CreateParams {
        pub amount: i64,
        pub currency: Currency,
        pub capture: Option<bool>,
        pub customer: Option<String>,
        pub description max 40_000: Option<String>,
        pub metadata: Option<MetadataParam>,
        pub receipt_email max 512: Option<String>,
        pub shipping: Option<ShippingParams>,
        /// A token such as `tok_visa`, or a payment method.
        pub source: Option<String>,
        pub statement_descriptor max 22: Option<String>,
        pub statement_descriptor_suffix max 22: Option<String>,
        pub transfer_group: Option<String>,
    }

    pub struct FraudDetailsParams { pub user_report: Choice<UserReport>, }

    pub struct UpdateParams {
        pub customer: Option<String>,
        pub description max 40_000: Option<String>,
        pub fraud_details: Option<FraudDetailsParams>,
        pub metadata: Option<MetadataParam>,
        pub receipt_email max 512: Option<String>,
        pub shipping: Option<ShippingParams>,
        pub transfer_group: Option<String>,
    }

    pub struct CaptureParams {
        pub amount: Option<i64>,
        pub receipt_email max 512: Option<String>,
        pub statement_descriptor max 22: Option<String>,
        pub statement_descriptor_suffix max 22: Option<String>,
        pub transfer_group: Option<String>,
    }

    pub struct FilterParams {
        pub customer: Option<String>,
        pub payment_intent: Option<String>,
        pub transfer_group: Option<String>,
    }
}

pub fn register(registry: &mut Registry) {
    const ONE: Returns = Returns::Object(Kind::Charge);
    registry.resource_due::<Charges, _, _>(expire);
    attempts::target::<Charges>(registry);
    registry.post("/v1/charges", ONE, create);
    registry.list::<Charges, _, _, _>("/v1/charges", narrow);
    registry.search::<Charges>("/v1/charges/search", SEARCHABLE);
    registry.retrieve::<Charges>("/v1/charges/{id}");
    registry.post("/v1/charges/{id}", ONE, update);
    registry.post("/v1/charges/{id}/capture", ONE, capture_charge);
}

async fn create(call: Call, params: CreateParams) -> Result<Reply> {
    let mut changes = call.changes();
    let customer = customer_lookup::decided_for(&call, &mut changes, params.customer.as_deref()).await?;
    let mut method = source(&call, &mut changes, params.source.as_deref(), customer.as_ref()).await?;
    check_free(&call, "source", &method, None).await?;
    let details = Details {
        description: params.description,
        metadata: Some(new_metadata(params.metadata)?),
        receipt_email: checked_email(params.receipt_email)?,
        shipping: params.shipping.map(ShippingParams::into_shipping),
        statement: checked_statement(params.statement_descriptor, params.statement_descriptor_suffix)?,
        transfer_group: params.transfer_group,
        ..Details::default()
    };
    let request = charge::create::Request {
        money: Money::new(params.amount, params.currency),
        capture: params.capture.unwrap_or(true),
        customer: customer.as_ref().map(|customer| customer.id),
        details,
        key: call.request_key(),
    };
    let descriptor = &call.tenant().settings.statement_descriptor;
    let (charge, attempt) = charge::create::begin(&mut changes, &mut method, descriptor, request)?;
    run::<Charges>(&call, changes, attempt, charge, None).await
}

fn checked_email(email: Option<String>) -> Result<Option<String>, ApiError> {
    if let Some(email) = &email {
        check_email("receipt_email", email)?;
    }
    Ok(email)
}

/// What is charged: a token, a payment method, or the customer's default.
async fn source(
    call: &Call,
    changes: &mut Changes,
    source: Option<&str>,
    customer: Option<&Versioned<Customer>>,
) -> Result<Versioned<PaymentMethod>> {
    match (source, customer.map(|customer| customer.details.default_payment_method)) {
        (Some(token), _) if token.starts_with("tok_") => payment_methods::create_from_token(call, changes, token).await,
        (Some(id), _) => payment_methods::resolve(call, changes, "source", id).await,
        (None, Some(Some(default))) => call.referenced(default).await,
        (None, Some(None)) => {
            let message = "Cannot charge a customer that has no default payment method.";
            Err(ApiError::coded("missing", message).param("card").into())
        }
        (None, None) => Err(ApiError::coded("parameter_missing", "Must provide source or customer.").into()),
    }
}

async fn narrow(call: Call, params: FilterParams, mut query: ListQuery) -> Result<ListQuery> {
    if let Some(id) = &params.customer {
        query.customer = Some(call.param_object::<Customer>("customer", id).await?.id);
    }
    if let Some(id) = &params.payment_intent {
        query.parents = vec![call.param_object::<PaymentIntent>("payment_intent", id).await?.id];
    }
    if let Some(group) = params.transfer_group {
        query.fields.push(FieldFilter::equal(&["transfer_group"], group).indexed());
    }
    Ok(query)
}

async fn update(call: Call, params: UpdateParams) -> Result<Reply> {
    let mut charge = call.path_object::<Charge>("id").await?;
    let mut changes = call.changes();
    let customer = match &params.customer {
        // A charge that has a customer refuses another one, known or not.
        Some(_) if charge.customer.is_some() => charge.customer,
        id => customer_lookup::id_decided_for(&call, &mut changes, id.as_deref()).await?,
    };
    let details = Details {
        customer,
        description: params.description,
        metadata: Some(merged_metadata(&charge.metadata, params.metadata)?),
        receipt_email: checked_email(params.receipt_email)?,
        shipping: params.shipping.map(ShippingParams::into_shipping),
        transfer_group: params.transfer_group,
        user_report: params.fraud_details.and_then(|details| chosen(Some(details.user_report))),
        ..Details::default()
    };
    charge::update(&mut changes, &mut charge, details, &call.tenant().settings.statement_descriptor)?;
    call.commit_and_show::<Charges>(changes, &charge).await
}

async fn capture_charge(call: Call, params: CaptureParams) -> Result<Reply> {
    let mut charge = call.path_object::<Charge>("id").await?;
    let mut changes = call.changes();
    let details = Details {
        receipt_email: checked_email(params.receipt_email)?,
        statement: checked_statement(params.statement_descriptor, params.statement_descriptor_suffix)?,
        transfer_group: params.transfer_group,
        ..Details::default()
    };
    capture::describe(&mut changes, &mut charge, details, &call.tenant().settings.statement_descriptor);
    let request = capture::Request { amount: params.amount, more_to_come: false, key: call.request_key() };
    let subject = charge.id;
    let mut intent = Charges::related(&call, &charge).await?;
    let begun = match &mut intent {
        Some(intent) => payment_intent::capture::begin(&mut changes, intent, &mut charge, subject, request),
        None => capture::begin(&mut changes, &mut charge, subject, request),
    };
    run::<Charges>(&call, changes, begun.map_err(of_charge)?, charge, intent).await
}

/// An authorization without an intent has expired: it is released.
async fn expire(call: Call, mut charge: Versioned<Charge>) -> Result<()> {
    let mut changes = call.changes();
    let attempt = release::expire(&mut changes, &mut charge)?;
    applied(run::<Charges>(&call, changes, attempt, charge, None).await)
}

/// The parameter that intents call `amount_to_capture`.
fn of_charge(refusal: Refusal) -> Refusal {
    Refusal { param: refusal.param.map(|param| if param == "amount_to_capture" { "amount" } else { param }), ..refusal }
}
