//! Payment intents.

mod line_items;
pub mod params;
pub mod render;

pub use params::check_statement;

use crate::attempts;
use crate::call::Call;
use crate::error::{ApiError, Failure, Result};
use crate::registry::{Registry, Returns};
use crate::reply::Reply;
use crate::resource::show;
use crate::resources::payment_methods;
use crate::search::{FieldKind, SearchField, field};
use contracts::ListQuery;
use domain::attempt::{Attempt, Terms};
use domain::charge::{Charge, capture};
use domain::customer::Customer;
use domain::payment_intent::{
    self, ConfirmationMethod, PaymentIntent, Status, cancel, check_amount, confirm, increment,
};
use domain::payment_method::PaymentMethod;
use domain::refusal::Refusal;
use domain::settle::Affected;
use domain::{Changes, Versioned};
use params::{
    AllowRedirects, ApplyBalanceParams, CancelParams, CaptureParams, ConfirmParams, ConfirmationMethodParam,
    ConfirmationParams, CreateParams, DetailParams, FilterParams, IncrementParams, MicrodepositParams, RetrieveParams,
    UpdateParams,
};
use types::{Kind, Money, ObjectId};

const SEARCHABLE: &[SearchField] = &[
    field("amount", FieldKind::Number, &["amount"]),
    field("created", FieldKind::Time, &["created"]),
    field("currency", FieldKind::Token, &["currency"]),
    field("customer", FieldKind::Token, &["customer"]),
    field("metadata", FieldKind::Metadata, &["metadata"]),
    field("status", FieldKind::Token, &["status"]),
];

pub fn register(registry: &mut Registry) {
    const ONE: Returns = Returns::Object(Kind::PaymentIntent);
    registry.resource::<PaymentIntent>();
    registry.post("/v1/payment_intents", ONE, create);
    registry.list::<PaymentIntent, _, _, _>("/v1/payment_intents", narrow);
    registry.search::<PaymentIntent>("/v1/payment_intents/search", SEARCHABLE);
    registry.get("/v1/payment_intents/{id}", ONE, retrieve).publishable();
    registry.post("/v1/payment_intents/{id}", ONE, update);
    registry.post("/v1/payment_intents/{id}/confirm", ONE, confirm_intent).publishable();
    registry.post("/v1/payment_intents/{id}/capture", ONE, capture_intent);
    registry.post("/v1/payment_intents/{id}/cancel", ONE, cancel_intent);
    registry.post("/v1/payment_intents/{id}/increment_authorization", ONE, increment_authorization);
    registry.post("/v1/payment_intents/{id}/apply_customer_balance", ONE, apply_customer_balance);
    registry.post("/v1/payment_intents/{id}/verify_microdeposits", ONE, verify_microdeposits);
    registry.get(
        "/v1/payment_intents/{id}/amount_details_line_items",
        Returns::ListOf("payment_intent_amount_details_line_item"),
        line_items::list,
    );
}

async fn create(call: Call, params: CreateParams) -> Result<Reply> {
    check_amount(params.amount, params.currency)?;
    let confirms = params.confirm.unwrap_or(false);
    refuse_unless_confirming(&params.confirmation, confirms)?;
    let mut changes = call.changes();
    let mut intent = fresh(&mut changes, &params);
    intent.customer = customer(&call, params.description.customer.as_deref()).await?;
    let method = chosen(&call, &mut changes, &params.details).await?;
    params.description.apply(&mut intent)?;
    params.details.apply(&mut intent)?;
    if let Some(method) = &method {
        confirm::may_use(&intent, method)?;
        intent.payment_method = Some(method.id);
        intent.status = Status::RequiresConfirmation;
    }
    let intent = changes.create(intent, Some("payment_intent.created"));
    if confirms {
        return confirm_with(&call, changes, intent, method, params.confirmation).await;
    }
    call.commit_and_show(changes, &intent).await
}

/// What is said without confirming would be forgotten.
fn refuse_unless_confirming(params: &ConfirmationParams, confirms: bool) -> Result<()> {
    let given = [
        ("error_on_requires_action", params.error_on_requires_action.is_some()),
        ("off_session", params.off_session.is_some()),
        ("return_url", params.return_url.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((name, _)) if !confirms => {
            Err(ApiError::invalid(format!("{name} can only be given together with confirm=true.")).param(name).into())
        }
        _ => Ok(()),
    }
}

fn fresh(changes: &mut Changes, params: &CreateParams) -> PaymentIntent {
    let automatic = match &params.automatic_payment_methods {
        Some(automatic) if !automatic.enabled => None,
        Some(automatic) => Some(automatic.allow_redirects.unwrap_or(AllowRedirects::Always)),
        None if params.description.payment_method_types.is_some() => None,
        None => Some(AllowRedirects::Always),
    };
    PaymentIntent {
        confirmation_method: params
            .confirmation_method
            .map_or(ConfirmationMethod::Automatic, ConfirmationMethodParam::into_domain),
        automatic_payment_methods: automatic.map(|redirects| redirects.as_str().to_owned()),
        ..payment_intent::new(changes, Money::new(params.amount, params.currency))
    }
}

/// The customer that the parameter `customer` names, who must not be deleted.
pub async fn customer(call: &Call, id: Option<&str>) -> Result<Option<ObjectId>> {
    let Some(id) = id else { return Ok(None) };
    let customer = call.param_object::<Customer>("customer", id).await?;
    if customer.deleted {
        return Err(ApiError::missing(Kind::Customer, id, Some("customer")).into());
    }
    Ok(Some(customer.id))
}

async fn chosen(call: &Call, changes: &mut Changes, params: &DetailParams) -> Result<Option<Versioned<PaymentMethod>>> {
    payment_methods::chosen(call, changes, params.payment_method.clone(), params.payment_method_data.clone()).await
}

async fn narrow(call: Call, params: FilterParams, mut query: ListQuery) -> Result<ListQuery> {
    if let Some(id) = &params.customer {
        query.customer = Some(call.param_object::<Customer>("customer", id).await?.id);
    }
    Ok(query)
}

/// The intent in the URL; with a publishable key only for who knows its client secret.
async fn intent_of(call: &Call, client_secret: Option<&str>) -> Result<Versioned<PaymentIntent>> {
    let intent = call.path_object::<PaymentIntent>("id").await?;
    call.check_client_secret(&intent.client_secret, client_secret)?;
    Ok(intent)
}

async fn retrieve(call: Call, params: RetrieveParams) -> Result<Reply> {
    let intent = intent_of(&call, params.client_secret.as_deref()).await?;
    Ok(call.reply(&intent))
}

async fn update(call: Call, params: UpdateParams) -> Result<Reply> {
    let mut intent = call.path_object::<PaymentIntent>("id").await?;
    let decisive = params.amount.is_some()
        || params.currency.is_some()
        || params.description.customer.is_some()
        || params.description.payment_method_types.is_some()
        || params.details.is_open_only();
    if decisive && !intent.is_open() {
        let message = format!(
            "This PaymentIntent's amount, currency, customer and payment method could not be updated because it has a status of \
             {}.",
            intent.status.as_str()
        );
        let refusal = Refusal::new("payment_intent_unexpected_state", message);
        return Err(refused(&call, &intent, refusal));
    }
    let mut changes = call.changes();
    let mut next = (*intent).clone();
    next.amount = params.amount.unwrap_or(next.amount);
    next.currency = params.currency.unwrap_or(next.currency);
    check_amount(next.amount, next.currency)?;
    next.customer = customer(&call, params.description.customer.as_deref()).await?.or(next.customer);
    let method = chosen(&call, &mut changes, &params.details).await?;
    params.description.apply(&mut next)?;
    params.details.apply(&mut next)?;
    if let Some(method) = &method {
        confirm::may_use(&next, method)?;
        next.payment_method = Some(method.id);
    }
    if decisive {
        give_up_waiting(&call, &mut changes, &mut next).await?;
        let ready = next.payment_method.is_some();
        next.status = if ready { Status::RequiresConfirmation } else { Status::RequiresPaymentMethod };
    }
    changes.update(&mut intent, None, |intent| *intent = next);
    call.commit_and_show(changes, &intent).await
}

/// An attempt that waits for the payer is given up when something else is to be paid, or nothing.
async fn give_up_waiting(call: &Call, changes: &mut Changes, intent: &mut PaymentIntent) -> Result<()> {
    give_up(call, changes, intent.attempt.take()).await?;
    intent.next_action = None;
    intent.authenticated = false;
    Ok(())
}

/// Gives up an attempt that waits for the payer, if there is one.
pub async fn give_up(call: &Call, changes: &mut Changes, attempt: Option<ObjectId>) -> Result<()> {
    if let Some(id) = attempt {
        let mut attempt = call.referenced::<Attempt>(id).await?;
        cancel::abandon(changes, &mut attempt);
    }
    Ok(())
}

async fn confirm_intent(call: Call, params: ConfirmParams) -> Result<Reply> {
    let mut intent = intent_of(&call, params.client_secret.as_deref()).await?;
    if call.is_public() && intent.confirmation_method == ConfirmationMethod::Manual {
        let message = "This PaymentIntent's confirmation_method is manual: only a secret key can confirm it.";
        return Err(ApiError::coded("payment_intent_invalid_parameter", message).into());
    }
    if call.is_public() {
        refuse_merchants_choices(&params)?;
    }
    if params.amount_to_confirm.is_some_and(|amount| amount != intent.amount) {
        let message = format!("amount_to_confirm is not the PaymentIntent's amount, {}.", intent.amount);
        return Err(ApiError::invalid(message).param("amount_to_confirm").into());
    }
    if !intent.is_open() {
        return Err(refused(&call, &intent, confirm::allowed(&intent).err().unwrap_or_else(Refusal::busy)));
    }
    let mut changes = call.changes();
    let mut next = (*intent).clone();
    if next.status == Status::RequiresAction {
        give_up_waiting(&call, &mut changes, &mut next).await?;
    }
    let chosen = chosen(&call, &mut changes, &params.details).await?;
    params.details.apply(&mut next)?;
    let method = match (chosen, next.payment_method) {
        (Some(method), _) => {
            next.authenticated &= next.payment_method == Some(method.id);
            Some(method)
        }
        (None, Some(id)) => Some(call.referenced::<PaymentMethod>(id).await?),
        (None, None) => None,
    };
    changes.update(&mut intent, None, |intent| *intent = next);
    confirm_with(&call, changes, intent, method, params.confirmation).await
}

/// A payer confirms what the merchant has set up: how and when the money is taken is not theirs to say.
fn refuse_merchants_choices(params: &ConfirmParams) -> Result<()> {
    let details = &params.details;
    let given = [
        ("amount_details", details.amount_details.is_some()),
        ("capture_method", details.capture_method.is_some()),
        ("off_session", params.confirmation.off_session.is_some()),
        ("payment_details", details.payment_details.is_some()),
        ("payment_method_options", details.payment_method_options.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((name, _)) => {
            let message = format!("{name} cannot be given with a publishable API key; use a secret key.");
            Err(ApiError::invalid(message).param(name).into())
        }
        None => Ok(()),
    }
}

async fn confirm_with(
    call: &Call,
    mut changes: Changes,
    mut intent: Versioned<PaymentIntent>,
    method: Option<Versioned<PaymentMethod>>,
    params: ConfirmationParams,
) -> Result<Reply> {
    let Some(method) = method else {
        let message = "You cannot confirm this PaymentIntent because it's missing a payment method. Update it with one, or \
             give one when confirming.";
        return Err(refused(call, &intent, Refusal::new("payment_intent_unexpected_state", message)));
    };
    let off_session = params.off_session.is_some_and(|off| off.0);
    if let Some(url) = &params.return_url {
        check_url("return_url", url)?;
    }
    let confirmation = confirm::Confirmation {
        off_session,
        terms: Terms {
            more_to_come: false,
            error_on_action: params.error_on_requires_action.unwrap_or(false),
            return_url: params.return_url,
            use_sdk: params.use_stripe_sdk.unwrap_or(false),
        },
        key: attempts::request_key(call),
    };
    let processor = call.api.processors.preferred().name();
    let attempt = confirm::begin(&mut changes, &mut intent, &method, processor, confirmation)
        .map_err(|refusal| refused(call, &intent, refusal))?;
    let affected = Affected { payment_intent: Some(intent), payment_method: Some(method), ..Affected::default() };
    attempts::run(call, changes, attempt, affected).await
}

/// A URL that a browser can be sent to; applications have schemes of their own.
pub fn check_url(param: &str, url: &str) -> Result<(), ApiError> {
    let scheme = url.split_once("://").map(|(scheme, rest)| (scheme, !rest.is_empty()));
    let plain = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    match scheme {
        Some((scheme, true)) if plain(scheme) && !scheme.eq_ignore_ascii_case("javascript") => Ok(()),
        _ => Err(ApiError::coded("url_invalid", "Not a valid URL").param(param)),
    }
}

async fn capture_intent(call: Call, params: CaptureParams) -> Result<Reply> {
    let mut intent = call.path_object::<PaymentIntent>("id").await?;
    let mut charge = authorized_charge(&call, &intent, "captured").await?;
    let mut changes = call.changes();
    let mut next = (*intent).clone();
    if let Some(text) = &params.statement_descriptor {
        check_statement("statement_descriptor", text)?;
        next.statement_descriptor = Some(text.clone());
    }
    if let Some(text) = &params.statement_descriptor_suffix {
        check_statement("statement_descriptor_suffix", text)?;
        next.statement_descriptor_suffix = Some(text.clone());
    }
    params.metadata.unwrap_or_default().apply(&mut next.metadata)?;
    changes.update(&mut intent, None, |intent| *intent = next);
    let request = capture::Request {
        amount: params.amount_to_capture,
        more_to_come: params.final_capture == Some(false),
        key: attempts::request_key(&call),
    };
    let shown = intent.id;
    let attempt = payment_intent::capture::begin(&mut changes, &mut intent, &mut charge, shown, request)
        .map_err(|refusal| refused(&call, &intent, refusal))?;
    let affected = Affected { payment_intent: Some(intent), charge: Some(charge), ..Affected::default() };
    attempts::run(&call, changes, attempt, affected).await
}

/// The charge behind an intent that waits to be captured.
async fn authorized_charge(call: &Call, intent: &PaymentIntent, command: &str) -> Result<Versioned<Charge>> {
    match intent.latest_charge {
        Some(charge) if intent.status == Status::RequiresCapture => call.referenced(charge).await,
        _ if intent.status == Status::Processing && intent.attempt.is_some() => Err(Refusal::busy().into()),
        _ => Err(refused(call, intent, intent.unexpected(command, &[Status::RequiresCapture]))),
    }
}

async fn cancel_intent(call: Call, params: CancelParams) -> Result<Reply> {
    let mut intent = call.path_object::<PaymentIntent>("id").await?;
    cancel::allowed(&intent).map_err(|refusal| refused(&call, &intent, refusal))?;
    let reason = params.cancellation_reason.map(|reason| reason.as_str().to_owned());
    let mut changes = call.changes();
    if intent.status == Status::RequiresCapture {
        let mut charge = authorized_charge(&call, &intent, "canceled").await?;
        let key = attempts::request_key(&call);
        let attempt = cancel::begin(&mut changes, &mut intent, &mut charge, reason, key)?;
        let affected = Affected { payment_intent: Some(intent), charge: Some(charge), ..Affected::default() };
        return attempts::run(&call, changes, attempt, affected).await;
    }
    let mut waiting = match intent.attempt {
        Some(attempt) => Some(call.referenced::<Attempt>(attempt).await?),
        None => None,
    };
    cancel::cancel(&mut changes, &mut intent, waiting.as_mut(), reason);
    call.commit_and_show(changes, &intent).await
}

async fn increment_authorization(call: Call, params: IncrementParams) -> Result<Reply> {
    let mut intent = call.path_object::<PaymentIntent>("id").await?;
    let mut charge = authorized_charge(&call, &intent, "incremented").await?;
    let mut changes = call.changes();
    let mut next = (*intent).clone();
    next.description = params.description.or(next.description);
    params.metadata.unwrap_or_default().apply(&mut next.metadata)?;
    if let Some(text) = params.statement_descriptor {
        check_statement("statement_descriptor", &text)?;
        next.statement_descriptor = Some(text);
    }
    changes.update(&mut intent, None, |intent| *intent = next);
    let key = attempts::request_key(&call);
    let attempt = increment::begin(&mut changes, &mut intent, &mut charge, params.amount, key)
        .map_err(|refusal| refused(&call, &intent, refusal))?;
    let affected = Affected { payment_intent: Some(intent), charge: Some(charge), ..Affected::default() };
    attempts::run(&call, changes, attempt, affected).await
}

/// Only intents that are paid from a customer's cash balance can be; cards are not.
async fn apply_customer_balance(call: Call, _: ApplyBalanceParams) -> Result<Reply> {
    let intent = call.path_object::<PaymentIntent>("id").await?;
    let message = "This PaymentIntent is not paid from a customer's cash balance: its payment_method_types do not include \
         customer_balance.";
    Err(refused(&call, &intent, Refusal::new("payment_intent_unexpected_state", message)))
}

/// Only intents that are paid from a bank account wait for microdeposits.
async fn verify_microdeposits(call: Call, _: MicrodepositParams) -> Result<Reply> {
    let intent = call.path_object::<PaymentIntent>("id").await?;
    let message = "This PaymentIntent does not wait for microdeposits: it is not paid from a bank account.";
    Err(refused(&call, &intent, Refusal::new("payment_intent_unexpected_state", message)))
}

/// A refused command as an error that shows the intent.
fn refused(call: &Call, intent: &PaymentIntent, refusal: Refusal) -> Failure {
    let error = attempts::refused(refusal);
    if error.code == Some("payment_intent_unexpected_state") {
        return error.detail("payment_intent", show(intent, &call.view())).into();
    }
    error.into()
}
