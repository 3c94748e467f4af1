//! Carries attempts out: commits them, asks the processor, applies the outcome.

use crate::attempted::{Answering, Attempted, PayersIntent, RelatedTo};
use crate::targets::{Attempts, Authenticated};
use api::call::{Call, Outcome as Answered};
use api::conflict::retried;
use api::error::{ApiError, Failure, Result};
use api::reply::Reply;
use domain::attempts::{self, Attempt, Conditions, Continuation, Decline, Outcome, Target, Unexpected, lifecycle};
use domain::books::fees::Fees;
use domain::{Changes, Versioned};
use processors::{Assignment, Processor, Query};
use std::time::Duration;
use types::{ObjectId, TenantId};

/// How long a processor may take to answer; then the outcome is unknown. Shorter than an attempt's lease.
const PROCESSOR_TIMEOUT: Duration = Duration::from_secs(20);
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
    }
}

/// Carries out an attempt that was just begun, and answers with what became of it.
pub async fn run<R: Attempted>(
    call: &Call,
    mut changes: Changes,
    mut attempt: Versioned<Attempt>,
    mut target: Versioned<R::Object>,
    mut related: RelatedTo<R>,
) -> Result<Reply> {
    let attempts = call.extension::<Attempts>()?;
    // Without it the worker could not apply the outcome if this process dies.
    attempts.of(attempt.target)?;
    let processor = attempts.processor(&attempt)?.clone();
    if processor.facts().in_process {
        // The processor decides at once and for certain, so attempt and outcome are one commit.
        let outcome = processor.execute(assignment(call, &attempt)).await;
        let conditions = conditions(call, &*processor);
        let decline = attempts::apply(&mut changes, &mut attempt, &mut target, &mut related, &conditions, &outcome)
            .map_err(|unexpected| defect(&attempt, unexpected))?;
        let answer = R::answer(&target, &related, Answering { call, attempt: &attempt, decline: decline.as_ref() });
        call.commit(changes, &answer).await?;
        return answer.map_err(Failure::from);
    }
    let id = attempt.id;
    call.commit_step(changes).await?;
    let outcome = execute(call.tenant_id(), &*processor, &attempt).await;
    apply(call, id, attempt.target, &outcome).await
}

fn assignment<'a>(call: &Call, attempt: &'a Attempt) -> Assignment<'a> {
    Assignment { tenant: call.tenant_id(), attempt }
}

/// Asks a processor to carry an attempt out. If there is no answer in time, the outcome is unknown.
pub async fn execute(tenant: TenantId, processor: &dyn Processor, attempt: &Attempt) -> Outcome {
    let execution = processor.execute(Assignment { tenant, attempt });
    tokio::time::timeout(PROCESSOR_TIMEOUT, execution).await.unwrap_or_else(|_| no_answer())
}

fn no_answer() -> Outcome {
    Outcome::Unknown { reason: "the processor did not answer in time".to_owned() }
}

/// Applies an outcome to everything that it concerns, whatever else is going on, and answers with what became of it.
pub(crate) async fn apply(call: &Call, attempt: ObjectId, target: ObjectId, outcome: &Outcome) -> Result<Reply> {
    let target = call.extension::<Attempts>()?.of(target)?;
    match retried(APPLICATIONS_MAX, || (target.apply)(call, attempt, outcome)).await {
        // The attempt is on record and due: the worker goes on with it.
        Err(Failure::Conflict) => Err(ApiError::lock_timeout().into()),
        result => result,
    }
}

pub(crate) async fn apply_once<R: Attempted>(call: &Call, id: ObjectId, outcome: &Outcome) -> Result<Reply> {
    let mut attempt = call.referenced::<Attempt>(id).await?;
    let mut target = call.referenced::<R::Object>(attempt.target).await?;
    let mut related = R::related(call, &target).await?;
    let answer = |attempt: &Attempt,
                  target: &Versioned<R::Object>,
                  related: &RelatedTo<R>,
                  decline: Option<&Decline>|
     -> Answered { R::answer(target, related, Answering { call, attempt, decline }) };
    if attempt.status.is_final() {
        return answer(&attempt, &target, &related, attempt.decline.as_ref()).map_err(Failure::from);
    }
    let processor = call.extension::<Attempts>()?.processor(&attempt)?;
    let mut changes = call.changes();
    let conditions = conditions(call, &**processor);
    let decline = attempts::apply(&mut changes, &mut attempt, &mut target, &mut related, &conditions, outcome)
        .map_err(|unexpected| defect(&attempt, unexpected))?;
    let answer = answer(&attempt, &target, &related, decline.as_ref());
    call.commit(changes, &answer).await?;
    answer.map_err(Failure::from)
}

/// The attempt stays as it is, and due: nothing is written.
fn defect(attempt: &Attempt, unexpected: Unexpected) -> Failure {
    tracing::error!(attempt = %attempt.id, target = %attempt.target, %unexpected, "an outcome cannot be applied");
    ApiError::internal().into()
}

/// Asks a processor what became of an attempt, and applies the outcome.
pub(crate) async fn ask_again(worker: &Call, mut attempt: Versioned<Attempt>) -> Result<()> {
    if attempt.status.is_final() || attempt.status == attempts::Status::RequiresAction {
        return Ok(());
    }
    let call = Call::background(&worker.services, &worker.caller, attempt.request.as_ref());
    let processor = call.extension::<Attempts>()?.processor(&attempt)?.clone();
    let mut changes = call.changes();
    lifecycle::begin_query(&mut changes, &mut attempt);
    call.commit_bare(changes).await?;
    let query = processor.query(assignment(&call, &attempt));
    let outcome = match tokio::time::timeout(PROCESSOR_TIMEOUT, query).await {
        Ok(Query::Known(outcome)) => outcome,
        Ok(Query::NotFound) => execute(call.tenant_id(), &*processor, &attempt).await,
        Err(_) => no_answer(),
    };
    applied(apply(&call, attempt.id, attempt.target, &outcome).await)
}

/// A decline is an outcome like any other: it was applied.
pub(crate) fn applied(result: Result<Reply>) -> Result<()> {
    match result {
        Ok(_) => Ok(()),
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

/// The intent that the payer's browser takes back to the merchant's page.
pub(crate) async fn returned<R: Attempted>(call: &Call, attempt: &Attempt) -> Result<Option<PayersIntent>> {
    Ok(R::payers_intent(&*call.referenced::<R::Object>(attempt.target).await?))
}
