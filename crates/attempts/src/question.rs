//! Asking processors. A process asks about an attempt only while it has the lease on it, so that no two ask at a time.

use crate::alarm;
use crate::background::background;
use crate::metrics;
use api::call::Call;
use api::error::{ApiError, Result};
use domain::Versioned;
use domain::attempts::{self, Attempt, CLOCK_SKEW, LEASE, Outcome, QUESTION, lifecycle};
use platform::telemetry::traces::{self, TRACE};
use processors::{Assignment, Processor, Query};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tracing::Instrument;

/// The longest lease, for commits that take as long.
const LEASE_MAX: Duration = Duration::from_secs(960);

#[derive(Clone, Copy)]
enum Question {
    Execute,
    Query,
    Cancel,
}

impl Question {
    fn name(self) -> &'static str {
        match self {
            Question::Execute => "execute",
            Question::Query => "query",
            Question::Cancel => "cancel",
        }
    }
}

/// Asks a processor to carry an attempt out that was just begun, or to cancel it if that was just begun.
pub async fn ask(call: &Call, processor: &dyn Processor, attempt: &mut Versioned<Attempt>) -> Outcome {
    let question = if attempt.canceling.is_some() { Question::Cancel } else { Question::Execute };
    if processor.facts().in_process {
        return known(answer(call, processor, attempt, question).await);
    }
    known(leased(call, processor, attempt, question).await)
}

/// Asks a processor what became of an attempt, and has it carried out if the processor never received it. What the processor has
/// accepted before is never carried out anew, also if it says then that it never received it: the payer is gone by now.
pub(crate) async fn ask_again(call: &Call, processor: &dyn Processor, attempt: &mut Versioned<Attempt>) -> Outcome {
    if attempt.canceling.is_some() {
        return known(leased(call, processor, attempt, Question::Cancel).await);
    }
    match leased(call, processor, attempt, Question::Query).await {
        // The payer has acted since, and the process that was to pass that on may have died before.
        Query::Known(Outcome::ActionRequired { .. }) if attempt.authenticated.is_some() => {
            known(leased(call, processor, attempt, Question::Execute).await)
        }
        Query::Known(outcome) => outcome,
        Query::NotFound if attempt.may_be_lost() => known(leased(call, processor, attempt, Question::Execute).await),
        Query::NotFound => {
            // If that cannot be written now, the processor says it again.
            if let Err(failure) = forgets(call, attempt).await {
                tracing::debug!(tenant = %call.tenant_id(), attempt = %attempt.id, ?failure, "not kept");
            }
            known(Query::NotFound)
        }
    }
}

/// Keeps that the processor does not know what it has accepted, and tells an operator once.
async fn forgets(call: &Call, attempt: &mut Versioned<Attempt>) -> Result<()> {
    let (mut changes, mut forgotten) = (background(call, attempt).changes(), attempt.clone());
    if attempts::forgets(&mut changes, &mut forgotten) {
        alarm::keep(call, changes, &forgotten).await?;
        *attempt = forgotten;
    }
    Ok(())
}

fn known(answer: Query) -> Outcome {
    match answer {
        Query::Known(outcome) => outcome,
        Query::NotFound => unknown("the processor does not know it"),
    }
}

fn unknown(reason: &str) -> Outcome {
    Outcome::Unknown { reason: reason.to_owned() }
}

/// What the processor says. Without an answer in time the outcome is unknown.
async fn answer(call: &Call, processor: &dyn Processor, attempt: &Attempt, question: Question) -> Query {
    let (name, question_name, began) = (processor.facts().name, question.name(), Instant::now());
    let operation = attempt.operation.as_str();
    let span = tracing::info_span!(
        target: TRACE, "processor", processor = name, call = question_name, operation, attempt = %attempt.id
    );
    let answer = async {
        let traceparent = traces::traceparent();
        let assignment = Assignment { tenant: call.tenant_id(), attempt, traceparent: traceparent.as_deref() };
        match question {
            Question::Execute => Query::Known(processor.execute(assignment).await),
            Question::Query => processor.query(assignment).await,
            Question::Cancel => Query::Known(processor.cancel(assignment).await),
        }
    };
    let in_time = timeout(QUESTION, answer.instrument(span.clone())).await;
    let answer = in_time.unwrap_or_else(|_| Query::Known(unknown("the processor did not answer in time")));
    let outcome = metrics::answer_name(&answer);
    metrics::processor_calls(name, question_name, outcome).increment(1);
    metrics::processor_call_duration(name, question_name).record(began.elapsed().as_secs_f64());
    traces::attribute(&span, "florin.outcome", || outcome);
    if matches!(answer, Query::Known(Outcome::Unknown { .. })) {
        traces::failed(&span, || outcome.to_owned());
    }
    answer
}

/// One question, within the lease. Without the lease, the outcome is unknown.
async fn leased(call: &Call, processor: &dyn Processor, attempt: &mut Versioned<Attempt>, question: Question) -> Query {
    if let Err(failure) = hold_lease(call, attempt).await {
        tracing::debug!(tenant = %call.tenant_id(), attempt = %attempt.id, ?failure, "the lease is lost");
        return Query::Known(unknown("another process may be asking"));
    }
    answer(call, processor, attempt, question).await
}

/// Renews the lease if a question may take longer than is left of it: the commit that began it, or the question before,
/// may have used it up. If another process has taken the attempt meanwhile, that is a conflict.
async fn hold_lease(call: &Call, attempt: &mut Versioned<Attempt>) -> Result<()> {
    let mut lease = LEASE;
    loop {
        let left = attempt.lease_left(call.services.clock.now());
        if left > QUESTION + CLOCK_SKEW {
            return Ok(());
        }
        if lease >= LEASE_MAX {
            return Err(ApiError::unavailable().into());
        }
        // The longer the commits take, the longer the lease.
        lease *= 2;
        let (mut changes, mut renewed) = (background(call, attempt).changes(), attempt.clone());
        lifecycle::renew(&mut changes, &mut renewed, lease);
        call.commit_bare(changes).await?;
        // Only now: an attempt with the version of a lease that was lost would pass for the one that has it.
        *attempt = renewed;
    }
}
