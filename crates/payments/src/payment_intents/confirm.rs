//! Confirming intents.

use super::chosen_method::chosen_method;
use super::params::{ConfirmParams, ConfirmationParams};
use super::refused::refused;
use super::render::PaymentIntents;
use crate::intent::redirect_status;
use crate::payment_methods::{PaymentMethods, check_free};
use api::call::{Call, Outcome};
use api::error::{ApiError, Result};
use api::reply::Reply;
use api::resource::show;
use api::url;
use attempts::{Answering, Attempted, PayersIntent, declined, run, withdrawn};
use domain::attempts::{Attempt, Decline, Options};
use domain::payments::intent::Status;
use domain::payments::payment_intent::confirm::{self, Confirmation};
use domain::payments::payment_intent::{ConfirmationMethod, Payment, PaymentIntent, payer};
use domain::payments::payment_method::PaymentMethod;
use domain::{Changes, Refusal, Versioned};

/// What a payer may say when confirming. How and when the money is taken, and how the card is authenticated, is up to the
/// merchant. What the merchant has set of the rest stays: see [`payer`].
pub const PAYERS: &[&str] = &[
    "amount_to_confirm",
    "client_secret",
    "payment_method",
    "payment_method_data",
    "receipt_email",
    "return_url",
    "setup_future_usage",
    "shipping",
    "use_stripe_sdk",
];

pub async fn confirm(call: Call, params: ConfirmParams) -> Result<Reply> {
    let mut intent = call.path_object::<PaymentIntent>("id").await?;
    call.check_client_secret(&intent.client_secret, params.client_secret.as_deref())?;
    if call.is_public() && intent.confirmation_method == ConfirmationMethod::Manual {
        let message = "This PaymentIntent's confirmation_method is manual: only a secret key can confirm it.";
        return Err(ApiError::coded("payment_intent_invalid_parameter", message).into());
    }
    if params.amount_to_confirm.is_some_and(|amount| amount != intent.amount) {
        let message = format!("amount_to_confirm is not the PaymentIntent's amount, {}.", intent.amount);
        return Err(ApiError::invalid(message).param("amount_to_confirm").into());
    }
    url::checked(&call, params.confirmation.return_url.as_ref())?;
    confirm::allowed(&intent).map_err(|refusal| refused(&call, &intent, refusal))?;
    let mut changes = call.changes();
    let chosen = chosen_method(&call, &mut changes, &params.details).await?;
    let mut described = (*intent).clone();
    params.details.apply(&mut described)?;
    if call.is_public() {
        described = payer::described(&intent, described)?;
    }
    let mut waiting = match intent.status {
        Status::RequiresAction => call.referenced_if_any(intent.attempt).await?,
        _ => None,
    };
    let method = match (chosen, intent.payment_method) {
        (Some(method), _) => Some(method),
        (None, Some(id)) => Some(call.referenced::<PaymentMethod>(id).await?),
        (None, None) => None,
    };
    // Before the attempt that waits for the payer is given up for this card.
    if let Some(method) = &method {
        check_free(&call, "payment_method", method, Some(intent.id)).await?;
        call.try_card(&method.card.fingerprint)?;
    }
    let prepared = confirm::prepare(&mut changes, &mut intent, described, method.as_deref(), waiting.as_mut());
    withdrawn::<PaymentIntents, _>(&call, prepared).await?;
    confirm_with(&call, changes, intent, method, params.confirmation).await
}

/// Confirms an intent with a payment method.
pub async fn confirm_with(
    call: &Call,
    mut changes: Changes,
    mut intent: Versioned<PaymentIntent>,
    method: Option<Versioned<PaymentMethod>>,
    params: ConfirmationParams,
) -> Result<Reply> {
    let Some(mut method) = method else {
        let message = "You cannot confirm this PaymentIntent because it's missing a payment method. Update it with one, or \
             give one when confirming.";
        return Err(refused(call, &intent, Refusal::new("payment_intent_unexpected_state", message)));
    };
    let return_url = url::checked(call, params.return_url.as_ref())?;
    let confirmation = Confirmation {
        off_session: params.off_session.is_some_and(|off| off.0),
        options: Options {
            more_to_come: false,
            error_on_action: params.error_on_requires_action.unwrap_or(false),
            return_url,
            use_sdk: params.use_stripe_sdk.unwrap_or(false),
        },
        key: call.request_key(),
    };
    let attempt = confirm::begin(&mut changes, &mut intent, &mut method, confirmation)
        .map_err(|refusal| refused(call, &intent, refusal))?;
    let customer = call.referenced_if_any(intent.saves_to()).await?;
    run::<PaymentIntents>(call, changes, attempt, intent, Payment { method: Some(method), customer }).await
}

/// A decline as an error that shows the intent.
pub fn declined_intent(
    call: &Call,
    intent: &PaymentIntent,
    method: Option<&PaymentMethod>,
    decline: &Decline,
) -> ApiError {
    let audience = call.audience();
    let mut error = declined(decline);
    let charge = intent.last_payment_error.as_ref().and_then(|error| error.charge);
    if let Some(charge) = charge.filter(|_| !audience.public) {
        error = error.detail("charge", charge.to_string());
    }
    error = error.detail("payment_intent", show::<PaymentIntents>(intent, &audience));
    match method {
        Some(method) => error.detail("payment_method", show::<PaymentMethods>(method, &audience)),
        None => error,
    }
}

impl Attempted for PaymentIntents {
    async fn related(call: &Call, intent: &PaymentIntent) -> Result<Payment> {
        Ok(Payment {
            method: call.referenced_if_any(intent.payment_method).await?,
            customer: call.referenced_if_any(intent.saves_to()).await?,
        })
    }

    fn answer(
        intent: &Versioned<PaymentIntent>,
        Payment { method, .. }: &Payment,
        Answering { call, decline, .. }: Answering,
    ) -> Outcome {
        match decline {
            None => Ok(call.reply::<Self>(intent)),
            Some(decline) => Err(declined_intent(call, intent, method.as_deref(), decline)),
        }
    }

    fn gives_up(intent: &PaymentIntent) -> bool {
        intent.status == Status::Canceled
    }

    fn payers_intent(intent: &PaymentIntent, attempt: &Attempt) -> Option<PayersIntent> {
        let status = redirect_status(intent.status, intent.attempt == Some(attempt.id) || intent.authenticated);
        Some(PayersIntent { id: intent.id, client_secret: intent.client_secret.clone(), status })
    }
}
