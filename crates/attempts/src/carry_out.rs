//! Carries attempts out: commits them, asks the processor, applies the outcome.

use crate::alarm;
use crate::attempted::{Answering, Attempted, PayersIntent, RelatedTo};
use crate::background::background;
use crate::capabilities_of;
use crate::metrics;
use crate::question;
use crate::reported::Reported;
use crate::targets::{Attempts, Authenticated};
use api::call::{Call, Outcome as Answered};
use api::card_testing;
use api::conflict::retried;
use api::error::{ApiError, Failure, Result};
use api::reply::Reply;
use domain::attempts::{
    self, Attempt, Conditions, Continuation, Decline, Heard, Outcome, Target, Unexpected, cancel, lifecycle,
};
use domain::books::fees::Fees;
use domain::{Changes, Versioned, retries};
use processors::Processor;
use types::ObjectId;

/// How often an outcome is applied again because an object had changed meanwhile.
const APPLICATIONS_MAX: u32 = 50;

/// The conditions between a tenant and a processor.
pub fn conditions(call: &Call, processor: &dyn Processor) -> Conditions {
    let settings = &call.tenant().settings;
    Conditions {
        fees: Fees { basis_points: settings.fee_basis_points, fixed: settings.fee_fixed },
        settlement_days: settings.settlement_days,
        statement_descriptor: settings.statement_descriptor.clone(),
        capabilities: processor.facts().capabilities,
        failures_max: call.services.environment.card_testing.intent_failures_max,
    }
}

/// Carries out an attempt that was just begun, or has it canceled if that was just begun, and answers with what became of it.
pub async fn run<R: Attempted>(
    call: &Call,
    mut changes: Changes,
    mut attempt: Versioned<Attempt>,
    mut target: Versioned<R::Object>,
    mut related: RelatedTo<R>,
) -> Result<Reply> {
    debug_assert_eq!(attempt.request, call.request_key(), "the attempt remembers the request that it answers");
    let attempts = call.extension::<Attempts>()?;
    // Without it the worker could not apply the outcome if this process dies.
    attempts.of(attempt.target)?;
    let processor = attempts.processor(&attempt)?.clone();
    if processor.facts().in_process {
        // The processor decides at once and for certain, so attempt and outcome are one commit.
        let outcome = question::ask(call, &*processor, &mut attempt).await;
        let conditions = conditions(call, &*processor);
        let decline = attempts::apply(&mut changes, &mut attempt, &mut target, &mut related, &conditions, &outcome)
            .map_err(|unexpected| defect(&attempt, unexpected))?;
        let answer = R::answer(&target, &related, Answering { call, attempt: &attempt, decline: decline.as_ref() });
        call.commit(changes, &answer).await?;
        written::<R>(call, &attempt, &target, &outcome, decline.as_ref());
        return answer.map_err(Failure::from);
    }
    call.commit_step(changes).await?;
    let outcome = question::ask(call, &*processor, &mut attempt).await;
    apply(call, attempt.target, &Reported::of(&attempt, outcome)).await
}

/// Applies an outcome to everything that it concerns, whatever else is going on, and answers with what became of it.
pub(crate) async fn apply(call: &Call, target: ObjectId, reported: &Reported) -> Result<Reply> {
    let target = call.extension::<Attempts>()?.of(target)?;
    match retried(APPLICATIONS_MAX, || (target.apply)(call, reported)).await {
        // The attempt is on record and due: the worker goes on with it.
        Err(Failure::Conflict) => Err(ApiError::lock_timeout().into()),
        result => result,
    }
}

pub(crate) async fn apply_once<R: Attempted>(call: &Call, reported: &Reported) -> Result<Reply> {
    let outcome = &reported.outcome;
    let mut attempt = call.referenced::<Attempt>(reported.attempt).await?;
    let mut target = call.referenced::<R::Object>(attempt.target).await?;
    let mut related = R::related(call, &target).await?;
    // The request that gets the outcome as its answer: another process may have answered this one meanwhile.
    let answers_this_call = attempt.request == call.request_key();
    let writer = if answers_this_call { call.clone() } else { background(call, &attempt) };
    let answer = |attempt: &Attempt,
                  target: &Versioned<R::Object>,
                  related: &RelatedTo<R>,
                  decline: Option<&Decline>|
     -> Answered { R::answer(target, related, Answering { call: &writer, attempt, decline }) };
    let mut changes = background(call, &attempt).changes();
    match attempts::hear(&mut changes, &mut attempt, &mut target, &mut related, outcome) {
        Some(Heard::Contradiction) => alarm::keep(call, changes, &attempt).await?,
        Some(_) => call.commit_bare(changes).await?,
        None => (),
    }
    if attempt.status.is_final() && attempt.is_open() && reported.is_answer(&attempt) {
        let mut changes = background(call, &attempt).changes();
        let capabilities = capabilities_of(call, &attempt)?;
        cancel::withdrawn(&mut changes, &mut attempt, &capabilities, outcome);
        call.commit_bare(changes).await?;
    }
    if reported.is_stale(&attempt) {
        if call.awaits_answer() {
            // If the attempt still has this request, the process that asks at this moment answers it.
            let answered = !answers_this_call;
            return Err(if answered { call.answered_elsewhere().await? } else { ApiError::lock_timeout().into() });
        }
        return answer(&attempt, &target, &related, attempt.decline.as_ref()).map_err(Failure::from);
    }
    let processor = call.extension::<Attempts>()?.processor(&attempt)?;
    let mut changes = call.changes();
    let conditions = conditions(call, &**processor);
    let decline = attempts::apply(&mut changes, &mut attempt, &mut target, &mut related, &conditions, outcome)
        .map_err(|unexpected| defect(&attempt, unexpected))?;
    let answer = answer(&attempt, &target, &related, decline.as_ref());
    let committed = writer.commit(changes, &answer).await;
    if !matches!(committed, Err(Failure::Conflict)) {
        alarm::unless_reversed(call, &attempt);
    }
    committed?;
    written::<R>(call, &attempt, &target, outcome, decline.as_ref());
    if !answers_this_call && call.awaits_answer() {
        return Err(call.answered_elsewhere().await?);
    }
    answer.map_err(Failure::from)
}

/// An outcome is written: it is counted, once.
fn written<R: Attempted>(
    call: &Call,
    attempt: &Attempt,
    target: &R::Object,
    outcome: &Outcome,
    decline: Option<&Decline>,
) {
    metrics::recorded(attempt, outcome);
    call.try_has_got(attempt);
    if decline.is_some() && R::gives_up(target) {
        card_testing::intent_given_up();
    }
}

/// The attempt stays as it is, and due: nothing is written.
fn defect(attempt: &Attempt, unexpected: Unexpected) -> Failure {
    tracing::error!(attempt = %attempt.id, target = %attempt.target, %unexpected, "an outcome cannot be applied");
    ApiError::internal().into()
}

/// Asks a processor what became of an attempt, and applies the outcome. What fails is tried again, less and less often.
pub(crate) async fn ask_again(worker: &Call, mut attempt: Versioned<Attempt>) -> Result<()> {
    if !attempt.is_open() {
        return Ok(());
    }
    let call = background(worker, &attempt);
    let mut changes = call.changes();
    lifecycle::begin_query(&mut changes, &mut attempt);
    call.commit_bare(changes).await?;
    let result = ask_and_apply(&call, &mut attempt).await;
    if matches!(result, Err(Failure::Error(_))) {
        // Unless another process has it by now.
        let mut changes = background(&call, &attempt).changes();
        retries::postpone(&mut changes, &mut attempt);
        call.commit_bare(changes).await?;
    }
    result
}

async fn ask_and_apply(call: &Call, attempt: &mut Versioned<Attempt>) -> Result<()> {
    let processor = call.extension::<Attempts>()?.processor(attempt)?.clone();
    let outcome = question::ask_again(call, &*processor, attempt).await;
    applied(apply(call, attempt.target, &Reported::of(attempt, outcome)).await)
}

/// A decline is an outcome like any other, and so is what another process has applied.
pub fn applied(result: Result<Reply>) -> Result<()> {
    match result {
        Ok(_) | Err(Failure::Replay(_)) => Ok(()),
        Err(Failure::Error(error)) if error.status == 402 => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Goes on with what the payer has answered.
pub(crate) async fn authenticated<R: Attempted>(
    call: &Call,
    mut attempt: Versioned<Attempt>,
    passed: bool,
) -> Result<Authenticated> {
    let mut target = call.referenced::<R::Object>(attempt.target).await?;
    let mut related = R::related(call, &target).await?;
    let mut changes = call.changes();
    let continuation =
        <R::Object as Target>::authenticated(&mut target, &mut related, &mut changes, &mut attempt, passed)
            .map_err(|unexpected| defect(&attempt, unexpected))?;
    match continuation {
        Continuation::AwaitConfirmation => {
            call.commit_bare(changes).await?;
            Ok(Authenticated::AwaitsConfirmation)
        }
        Continuation::AskProcessor => {
            applied(run::<R>(call, changes, attempt, target, related).await)?;
            Ok(Authenticated::Applied)
        }
    }
}

/// The intent that the payer's browser takes back to the merchant's page, as it is now.
pub(crate) async fn returned<R: Attempted>(call: &Call, attempt: &Attempt) -> Result<Option<PayersIntent>> {
    Ok(R::payers_intent(&*call.referenced::<R::Object>(attempt.target).await?, attempt))
}
