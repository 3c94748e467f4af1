//! Carries attempts out: commits them, asks the processor, and enters what it answers. Whoever has an outcome to enter,
//! a request, the worker, or the payer's page, comes through here.

use crate::call::{Call, Key, Outcome};
use crate::error::{ApiError, Failure, Result};
use crate::reply::Reply;
use crate::resource::Resource;
use crate::resource::show;
use contracts::Caller;
use domain::attempt::{self, Attempt, Decline, RequestKey};
use domain::charge::Charge;
use domain::policy::Policy;
use domain::refund::Refund;
use domain::refusal::Refusal;
use domain::settle::{Affected, settle};
use domain::{Changes, Versioned};
use processors::{Processor, Query};
use std::sync::Arc;
use std::time::Duration;
use types::{Kind, ObjectId};

/// How long a processor may take to answer; then nobody knows. Shorter than an attempt's lease.
const PROCESSOR_TIMEOUT: Duration = Duration::from_secs(20);
/// How often an outcome is entered again because an object had changed meanwhile.
const ENTRIES_MAX: u32 = 50;

/// The terms between tenant and processor.
pub fn policy(call: &Call, processor: &dyn Processor) -> Policy {
    let settings = &call.tenant().settings;
    let capabilities = processor.capabilities();
    Policy {
        fee_basis_points: settings.fee_basis_points,
        fee_fixed: settings.fee_fixed,
        settlement_days: settings.settlement_days,
        statement_descriptor: settings.statement_descriptor.clone(),
        authorization_days: capabilities.authorization_days,
        multicapture: capabilities.multicapture,
        overcapture_percent: capabilities.overcapture_percent,
        increments: capabilities.increments,
    }
}

/// The request's key as attempts remember it.
pub fn request_key(call: &Call) -> Option<RequestKey> {
    call.key.as_ref().map(|key| RequestKey { key: key.key.clone(), fingerprint: types::hex(&key.fingerprint) })
}

fn processor_of<'a>(call: &'a Call, attempt: &Attempt) -> Result<&'a Arc<dyn Processor>> {
    call.api.processors.get(&attempt.processor).ok_or_else(|| {
        tracing::error!(processor = attempt.processor, "no such processor is configured");
        ApiError::internal().into()
    })
}

/// Carries out an attempt that was just begun, and answers with what came of it.
pub async fn run(
    call: &Call,
    mut changes: Changes,
    mut attempt: Versioned<Attempt>,
    mut affected: Affected,
) -> Result<Reply> {
    let processor = processor_of(call, &attempt)?.clone();
    if processor.capabilities().in_process {
        // Deciding costs nothing and is sure, so attempt and outcome are one commit.
        let outcome = processor.execute(&attempt).await;
        let policy = policy(call, &*processor);
        let decline = settle(&mut changes, &mut attempt, &mut affected, &policy, &outcome);
        let answer = answer(call, &attempt, &affected, decline.as_ref());
        call.commit(changes, &answer).await?;
        return answer.map_err(Failure::from);
    }
    let id = attempt.id;
    call.commit_step(changes).await?;
    let outcome = execute(&*processor, &attempt).await;
    enter(call, id, &outcome).await
}

/// Asks a processor to carry an attempt out. No answer in time means that nobody knows.
pub async fn execute(processor: &dyn Processor, attempt: &Attempt) -> attempt::Outcome {
    match tokio::time::timeout(PROCESSOR_TIMEOUT, processor.execute(attempt)).await {
        Ok(outcome) => outcome,
        Err(_) => attempt::Outcome::Unknown { reason: "the processor did not answer in time".to_owned() },
    }
}

/// Enters an outcome into everything that it concerns, whatever else is going on, and answers with what came of it.
pub async fn enter(call: &Call, id: ObjectId, outcome: &attempt::Outcome) -> Result<Reply> {
    for round in 1..=ENTRIES_MAX {
        match enter_once(call, id, outcome).await {
            Err(Failure::Conflict) => tokio::time::sleep(Duration::from_millis(u64::from(round))).await,
            result => return result,
        }
    }
    // The attempt is on record and due: the worker goes on with it.
    Err(ApiError::lock_timeout().into())
}

async fn enter_once(call: &Call, id: ObjectId, outcome: &attempt::Outcome) -> Result<Reply> {
    let mut attempt = call.referenced::<Attempt>(id).await?;
    let mut affected = affected(call, &attempt).await?;
    if attempt.status.is_final() {
        let decline = attempt.decline.clone();
        return answer(call, &attempt, &affected, decline.as_ref()).map_err(Failure::from);
    }
    let processor = processor_of(call, &attempt)?.clone();
    let mut changes = call.changes();
    let policy = policy(call, &*processor);
    let decline = settle(&mut changes, &mut attempt, &mut affected, &policy, outcome);
    let answer = answer(call, &attempt, &affected, decline.as_ref());
    call.commit(changes, &answer).await?;
    answer.map_err(Failure::from)
}

/// Asks a processor what came of an attempt, and enters it.
pub async fn ask_again(api: &Arc<crate::Api>, caller: &Caller, attempt: Versioned<Attempt>) -> Result<()> {
    let call = Call::of_worker(api, caller, attempt.request.as_ref().and_then(stored_key));
    let processor = processor_of(&call, &attempt)?.clone();
    // Counted before asking, which also keeps other workers away.
    let mut attempt = attempt;
    let mut changes = call.changes();
    let lease = call.now.plus(attempt::LEASE);
    changes.update(&mut attempt, None, |attempt| {
        attempt.queries += 1;
        attempt.due = Some(lease);
    });
    call.commit_bare(changes).await?;
    let asked = tokio::time::timeout(PROCESSOR_TIMEOUT, processor.query(&attempt)).await;
    let outcome = match asked {
        Ok(Query::Known(outcome)) => outcome,
        Ok(Query::NotFound) => execute(&*processor, &attempt).await,
        Err(_) => attempt::Outcome::Unknown { reason: "the processor did not answer in time".to_owned() },
    };
    match enter(&call, attempt.id, &outcome).await {
        // A decline is an outcome like any other, and has been entered.
        Ok(_) => Ok(()),
        Err(Failure::Error(error)) if error.status == 402 => Ok(()),
        Err(failure) => Err(failure),
    }
}

fn stored_key(request: &RequestKey) -> Option<Key> {
    let mut fingerprint = [0u8; 32];
    for (at, byte) in fingerprint.iter_mut().enumerate() {
        *byte = u8::from_str_radix(request.fingerprint.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(Key::running(request.key.clone(), fingerprint))
}

/// Loads what an attempt concerns.
pub async fn affected(call: &Call, attempt: &Attempt) -> Result<Affected> {
    let mut affected = Affected::default();
    match attempt.target.kind {
        Kind::Charge => {
            let charge = call.referenced::<Charge>(attempt.target).await?;
            if let Some(intent) = charge.payment_intent {
                affected.payment_intent = Some(call.referenced(intent).await?);
            }
            affected.charge = Some(charge);
        }
        Kind::PaymentMethod => affected.payment_method = Some(call.referenced(attempt.target).await?),
        Kind::SetupIntent => affected.setup_intent = Some(call.referenced(attempt.target).await?),
        Kind::PaymentIntent => affected.payment_intent = Some(call.referenced(attempt.target).await?),
        Kind::Refund => {
            let refund = call.referenced::<Refund>(attempt.target).await?;
            affected.charge = Some(call.referenced::<Charge>(refund.charge).await?);
            affected.refund = Some(refund);
        }
        _ => (),
    }
    let method = match (&affected.payment_intent, &affected.setup_intent) {
        (Some(intent), _) => intent.payment_method,
        (None, Some(intent)) => intent.payment_method,
        (None, None) => None,
    };
    if let Some(method) = method {
        affected.payment_method = Some(call.referenced(method).await?);
    }
    Ok(affected)
}

/// What the caller is shown: the attempt's subject, or the decline as an error.
fn answer(call: &Call, attempt: &Attempt, affected: &Affected, decline: Option<&Decline>) -> Outcome {
    let Some(decline) = decline else {
        return match attempt.subject.kind {
            Kind::PaymentIntent => subject(call, &affected.payment_intent),
            Kind::PaymentMethod => subject(call, &affected.payment_method),
            Kind::SetupIntent => subject(call, &affected.setup_intent),
            Kind::Charge => subject(call, &affected.charge),
            Kind::Refund => subject(call, &affected.refund),
            _ => Err(ApiError::internal()),
        };
    };
    let mut error = declined(decline);
    let view = call.view();
    if let Some(intent) = &affected.payment_intent {
        let charge = intent.last_payment_error.as_ref().and_then(|error| error.charge);
        if let Some(charge) = charge {
            error = error.detail("charge", charge.to_string());
        }
        error = error.detail("payment_intent", show(&**intent, &view));
        if let Some(method) = &affected.payment_method {
            error = error.detail("payment_method", show(&**method, &view));
        }
    } else if let Some(intent) = &affected.setup_intent {
        error = error.detail("setup_intent", show(&**intent, &view));
    } else if let Some(charge) = &affected.charge {
        error = error.detail("charge", charge.id.to_string());
    }
    Err(error)
}

fn subject<T: Resource>(call: &Call, object: &Option<Versioned<T>>) -> Outcome {
    object.as_ref().map(|object| call.reply(object)).ok_or_else(ApiError::internal)
}

/// A decline as an error: 402 with code and decline code.
pub fn declined(decline: &Decline) -> ApiError {
    let mut error = ApiError::card(code(&decline.code), decline.message.clone());
    if let Some(decline_code) = &decline.decline_code {
        error = error.detail("decline_code", decline_code.clone());
    }
    match decline.code.as_str() {
        "incorrect_cvc" => error.param("cvc"),
        "expired_card" => error.param("exp_month"),
        "incorrect_number" => error.param("number"),
        _ => error,
    }
}

/// Error codes are texts of the program, not of a processor: one that is not known here is a plain decline.
fn code(code: &str) -> &'static str {
    const KNOWN: &[&str] = &[
        "card_declined",
        "expired_card",
        "incorrect_cvc",
        "incorrect_number",
        "processing_error",
        "authentication_required",
        "payment_intent_authentication_failure",
        "setup_intent_authentication_failure",
    ];
    KNOWN.iter().find(|known| **known == code).copied().unwrap_or("card_declined")
}

/// A refused command as an error.
pub fn refused(refusal: Refusal) -> ApiError {
    if refusal.busy {
        return ApiError::lock_timeout();
    }
    let mut error = ApiError::invalid(refusal.message);
    error.code = refusal.code;
    error.param = refusal.param.map(str::to_owned);
    error
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        refused(refusal).into()
    }
}
