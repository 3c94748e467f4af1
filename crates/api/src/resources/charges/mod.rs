//! Charges.

mod render;

use crate::attempts;
use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::params::{MetadataParam, new_metadata};
use crate::registry::{Registry, Returns};
use crate::reply::Reply;
use crate::resources::party::ShippingParams;
use crate::resources::payment_intents::check_statement;
use crate::resources::payment_methods;
use crate::search::{FieldKind, SearchField, field};
use crate::{choices, params};
use contracts::{FieldFilter, ListQuery};
use domain::charge::{Charge, Statement, capture, create as creation};
use domain::customer::Customer;
use domain::payment_intent::{self, PaymentIntent};
use domain::refusal::Refusal;
use domain::settle::Affected;
use domain::{Changes, Versioned};
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
        pub description: Option<String>,
        pub metadata: Option<MetadataParam>,
        pub receipt_email: Option<String>,
        pub shipping: Option<ShippingParams>,
        /// A token such as `tok_visa`, or a payment method.
        pub source: Option<String>,
        pub statement_descriptor: Option<String>,
        pub statement_descriptor_suffix: Option<String>,
        pub transfer_group: Option<String>,
    }

    pub struct FraudDetailsParams { pub user_report: UserReport, }

    pub struct UpdateParams {
        pub customer: Option<String>,
        pub description: Option<String>,
        pub fraud_details: Option<FraudDetailsParams>,
        pub metadata: Option<MetadataParam>,
        pub receipt_email: Option<String>,
        pub shipping: Option<ShippingParams>,
        pub transfer_group: Option<String>,
    }

    pub struct CaptureParams {
        pub amount: Option<i64>,
        pub receipt_email: Option<String>,
        pub statement_descriptor: Option<String>,
        pub statement_descriptor_suffix: Option<String>,
        pub transfer_group: Option<String>,
    }

    pub struct FilterParams {
        pub customer: Option<String>,
        pub payment_intent: Option<String>,
        pub transfer_group: Option<String>,
    }
}

choices! {
    pub enum UserReport { Fraudulent = "fraudulent", Safe = "safe", }
}

pub fn register(registry: &mut Registry) {
    const ONE: Returns = Returns::Object(Kind::Charge);
    registry.resource::<Charge>();
    registry.post("/v1/charges", ONE, create);
    registry.list::<Charge, _, _, _>("/v1/charges", narrow);
    registry.search::<Charge>("/v1/charges/search", SEARCHABLE);
    registry.retrieve::<Charge>("/v1/charges/{id}");
    registry.post("/v1/charges/{id}", ONE, update);
    registry.post("/v1/charges/{id}/capture", ONE, capture_charge);
}

async fn create(call: Call, params: CreateParams) -> Result<Reply> {
    let customer = match &params.customer {
        Some(id) => Some(call.param_object::<Customer>("customer", id).await?),
        None => None,
    };
    let mut changes = call.changes();
    let mut method = source(&call, &mut changes, params.source.as_deref(), customer.as_ref()).await?;
    if method.spent {
        return Err(ApiError::invalid("This payment method cannot be used again.").param("source").into());
    }
    if method.customer.is_some() && method.customer != customer.as_ref().map(|customer| customer.id) {
        return Err(ApiError::invalid("The source belongs to another customer.").param("source").into());
    }
    let statement = checked_statement(params.statement_descriptor.clone(), params.statement_descriptor_suffix.clone())?;
    let processor = call.api.processors.preferred().clone();
    let request = creation::Request {
        money: Money::new(params.amount, params.currency),
        capture: params.capture.unwrap_or(true),
        statement,
        customer: customer.as_ref().map(|customer| customer.id),
        key: attempts::request_key(&call),
    };
    let metadata = new_metadata(params.metadata)?;
    let policy = attempts::policy(&call, &*processor);
    let (charge, attempt) = creation::begin(&mut changes, &method, processor.name(), &policy, request, |charge| {
        charge.description = params.description;
        charge.metadata = metadata;
        charge.receipt_email = params.receipt_email;
        charge.shipping = params.shipping.map(ShippingParams::into_shipping);
        charge.transfer_group = params.transfer_group;
    })?;
    if method.customer.is_none() {
        changes.update(&mut method, None, |method| method.spent = true);
    }
    let affected = Affected { charge: Some(charge), ..Affected::default() };
    attempts::run(&call, changes, attempt, affected).await
}

/// What is charged: a token, a payment method, or the customer's default.
async fn source(
    call: &Call,
    changes: &mut Changes,
    source: Option<&str>,
    customer: Option<&Versioned<Customer>>,
) -> Result<Versioned<domain::payment_method::PaymentMethod>> {
    match (source, customer.map(|customer| customer.default_payment_method)) {
        (Some(token), _) if token.starts_with("tok_") => {
            let method = payment_methods::from_token(call, changes, token)?;
            Ok(changes.create(method, None))
        }
        (Some(id), _) => payment_methods::resolve(call, changes, "source", id).await,
        (None, Some(Some(default))) => call.referenced(default).await,
        (None, Some(None)) => {
            let message = "Cannot charge a customer that has no default payment method.";
            Err(ApiError::coded("missing", message).param("card").into())
        }
        (None, None) => Err(ApiError::coded("parameter_missing", "Must provide source or customer.").into()),
    }
}

fn checked_statement(descriptor: Option<String>, suffix: Option<String>) -> Result<Statement> {
    for (param, text) in [("statement_descriptor", &descriptor), ("statement_descriptor_suffix", &suffix)] {
        if let Some(text) = text {
            check_statement(param, text)?;
        }
    }
    Ok(Statement { descriptor, suffix })
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
    let mut next = (*charge).clone();
    if let Some(id) = &params.customer {
        if charge.customer.is_some() {
            return Err(ApiError::invalid("The charge has a customer already.").param("customer").into());
        }
        next.customer = Some(call.param_object::<Customer>("customer", id).await?.id);
    }
    params.metadata.unwrap_or_default().apply(&mut next.metadata)?;
    next.description = params.description.or(next.description);
    next.receipt_email = params.receipt_email.or(next.receipt_email);
    next.shipping = params.shipping.map(ShippingParams::into_shipping).or(next.shipping);
    next.transfer_group = params.transfer_group.or(next.transfer_group);
    if let Some(details) = params.fraud_details {
        next.user_report = Some(details.user_report.as_str().to_owned());
    }
    let mut changes = call.changes();
    changes.update_if_changed(&mut charge, "charge.updated", |charge| *charge = next);
    call.commit_and_show(changes, &charge).await
}

async fn capture_charge(call: Call, params: CaptureParams) -> Result<Reply> {
    let mut charge = call.path_object::<Charge>("id").await?;
    let mut changes = call.changes();
    let statement = checked_statement(params.statement_descriptor, params.statement_descriptor_suffix)?;
    let policy = attempts::policy(&call, &**call.api.processors.preferred());
    let mut next = (*charge).clone();
    next.statement_descriptor = statement.descriptor.or(next.statement_descriptor);
    next.statement_descriptor_suffix = statement.suffix.or(next.statement_descriptor_suffix);
    let shown =
        Statement { descriptor: next.statement_descriptor.clone(), suffix: next.statement_descriptor_suffix.clone() };
    next.calculated_statement_descriptor = shown.calculated(&policy);
    next.receipt_email = params.receipt_email.or(next.receipt_email);
    next.transfer_group = params.transfer_group.or(next.transfer_group);
    changes.update(&mut charge, None, |charge| *charge = next);
    let request = capture::Request { amount: params.amount, more_to_come: false, key: attempts::request_key(&call) };
    let subject = charge.id;
    let mut affected = Affected::default();
    let attempt = match charge.payment_intent {
        Some(intent) => {
            let mut intent = call.referenced::<PaymentIntent>(intent).await?;
            let attempt = payment_intent::capture::begin(&mut changes, &mut intent, &mut charge, subject, request)
                .map_err(of_charge)?;
            affected.payment_intent = Some(intent);
            attempt
        }
        None => capture::begin(&mut changes, &mut charge, subject, request).map_err(of_charge)?,
    };
    affected.charge = Some(charge);
    attempts::run(&call, changes, attempt, affected).await
}

/// The parameter that intents call `amount_to_capture`.
fn of_charge(refusal: Refusal) -> Refusal {
    Refusal { param: refusal.param.map(|param| if param == "amount_to_capture" { "amount" } else { param }), ..refusal }
}
