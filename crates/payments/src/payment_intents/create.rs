//! Creating and changing intents.

use super::chosen_method::chosen_method;
use super::confirm::confirm_with;
use super::params::{ConfirmationParams, CreateParams, UpdateParams};
use super::refused::refused;
use super::render::PaymentIntents;
use crate::customer_lookup;
use crate::intent::automatic_payment_methods;
use crate::payment_methods::check_free;
use api::call::Call;
use api::choice::Choice;
use api::error::{ApiError, Result};
use api::reply::Reply;
use attempts::withdrawn;
use domain::payments::amount::check_amount;
use domain::payments::payment_intent::update::{Edit, allowed};
use domain::payments::payment_intent::{self, Draft, PaymentIntent};
use types::Money;

pub async fn create(call: Call, params: CreateParams) -> Result<Reply> {
    check_amount(params.amount, params.currency)?;
    let confirms = params.confirm.unwrap_or(false);
    refuse_unless_confirming(&params.confirmation, confirms)?;
    let mut changes = call.changes();
    let mut draft = Draft::new(&mut changes, Money::new(params.amount, params.currency));
    let intent = draft.describe();
    if let Some(Choice(method)) = params.confirmation_method {
        intent.confirmation_method = method;
    }
    let types = params.description.payment_method_types.as_ref();
    intent.automatic_payment_methods = automatic_payment_methods(params.automatic_payment_methods.as_ref(), types);
    intent.customer =
        customer_lookup::id_decided_for(&call, &mut changes, params.description.customer.as_deref()).await?;
    let method = chosen_method(&call, &mut changes, &params.details).await?;
    params.description.apply(intent)?;
    params.details.apply(intent)?;
    let intent = payment_intent::create(&mut changes, draft, method.as_ref())?;
    if confirms {
        if let Some(method) = &method {
            check_free(&call, "payment_method", method, None).await?;
        }
        return confirm_with(&call, changes, intent, method, params.confirmation).await;
    }
    call.commit_and_show::<PaymentIntents>(changes, &intent).await
}

/// Refuses parameters that have no meaning without confirming.
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

pub async fn update(call: Call, params: UpdateParams) -> Result<Reply> {
    let mut intent = call.path_object::<PaymentIntent>("id").await?;
    let is_decisive = params.amount.is_some()
        || params.currency.is_some()
        || params.description.customer.is_some()
        || params.description.payment_method_types.is_some()
        || params.details.is_open_only();
    allowed(&intent, is_decisive).map_err(|refusal| refused(&call, &intent, refusal))?;
    let mut changes = call.changes();
    let mut described = (*intent).clone();
    described.amount = params.amount.unwrap_or(described.amount);
    described.currency = params.currency.unwrap_or(described.currency);
    check_amount(described.amount, described.currency)?;
    let customer = customer_lookup::id_decided_for(&call, &mut changes, params.description.customer.as_deref()).await?;
    described.customer = customer.or(described.customer);
    let method = chosen_method(&call, &mut changes, &params.details).await?;
    params.description.apply(&mut described)?;
    params.details.apply(&mut described)?;
    let mut waiting = call.referenced_if_any(intent.attempt.filter(|_| is_decisive)).await?;
    let edit = Edit { described, is_decisive, method: method.as_ref(), waiting: waiting.as_mut() };
    let updated = payment_intent::update::update(&mut changes, &mut intent, edit);
    withdrawn::<PaymentIntents, _>(&call, updated).await?;
    call.commit_and_show::<PaymentIntents>(changes, &intent).await
}
