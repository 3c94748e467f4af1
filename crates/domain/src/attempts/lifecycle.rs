//! The life of an attempt: begun, leased to the process that asks the processor, resolved or given up.

use super::schedule::{LEASE, next_look};
use super::{Attempt, Capabilities, Decline, Operation, Options, Outcome, PayerPage, Status, Target};
use crate::changes::Changes;
use crate::object::Versioned;
use crate::retries::backoff;
use std::time::Duration;
use types::{Currency, Kind, ObjectId};

/// What an attempt is made of.
pub struct New<'a> {
    /// The processor that the credential is of.
    pub processor: &'a str,
    pub operation: Operation,
    pub currency: Currency,
    /// The object that the processor acts on.
    pub target: ObjectId,
    /// The object that the caller is shown.
    pub subject: ObjectId,
    /// The payment method's credential.
    pub credential: &'a str,
}

/// An attempt that is about to be made, of nothing yet: no amount, no authentication, no idempotency key.
pub fn new<T: Target>(changes: &mut Changes, new: New<'_>) -> Attempt {
    let New { processor, operation, currency, target, subject, credential } = new;
    const { assert!(T::ACTED_ON, "attempts are made for this kind of object: declare `ACTED_ON`") }
    debug_assert_eq!(target.kind, T::KIND, "the target of an attempt");
    Attempt {
        id: changes.new_id(Kind::Attempt),
        created: changes.now,
        processor: processor.to_owned(),
        operation,
        amount: 0,
        currency,
        status: Status::Started,
        target,
        subject,
        credential: credential.to_owned(),
        original: None,
        off_session: false,
        set_up: false,
        challenge: false,
        authenticated: None,
        secret: None,
        reference: None,
        decline: None,
        at_processor: None,
        canceling: None,
        reverses: None,
        is_assumed: false,
        statements: Vec::new(),
        conflict: None,
        queries: 0,
        asking: true,
        due: Some(changes.now.plus(LEASE)),
        request: None,
        options: Options::default(),
    }
}

/// Records a processor's answer in the attempt itself.
pub(crate) fn record(
    changes: &mut Changes,
    attempt: &mut Versioned<Attempt>,
    capabilities: &Capabilities,
    outcome: &Outcome,
) {
    let now = changes.now;
    changes.update(attempt, None, |attempt| {
        attempt.asking = false;
        attempt.due = None;
        let (canceling, since) = (attempt.canceling.take(), attempt.at_processor.take());
        match outcome {
            Outcome::Done(done) => {
                attempt.status = Status::Succeeded;
                attempt.reference = done.name().or(attempt.reference.take());
            }
            Outcome::Declined { decline, reference } => {
                attempt.status = Status::Declined;
                attempt.decline = Some(decline.clone());
                attempt.reference = reference.clone().or(attempt.reference.take());
            }
            Outcome::ActionRequired { reference, .. } if attempt.options.error_on_action => {
                attempt.status = Status::Declined;
                attempt.decline = Some(Decline::authentication_required());
                attempt.reference = reference.clone().or(attempt.reference.take());
            }
            Outcome::ActionRequired { reference, page } => {
                attempt.status = Status::RequiresAction;
                // Florin's own page needs no questions: the payer's answer comes here.
                let since = since.unwrap_or(now);
                attempt.at_processor = matches!(page, PayerPage::Url(_)).then_some(since);
                attempt.due = attempt.at_processor.and_then(|since| next_look(since, now, capabilities));
                attempt.reference = reference.clone().or(attempt.reference.take());
            }
            Outcome::Canceled => attempt.status = Status::Canceled,
            Outcome::Pending { reference, due } => {
                attempt.status = Status::Pending;
                attempt.reference = reference.clone().or(attempt.reference.take());
                // A processor that always says "soon" is asked less and less often all the same.
                let soonest = now.plus(backoff(attempt.queries));
                attempt.due = Some(due.map_or(soonest, |due| due.max(soonest)));
            }
            Outcome::Unknown { .. } => {
                // A question without an answer changes nothing of what the processor has said before.
                if !matches!(attempt.status, Status::RequiresAction | Status::Pending) || canceling.is_some() {
                    attempt.status = Status::Unknown;
                }
                (attempt.canceling, attempt.at_processor) = (canceling, since);
                attempt.due = Some(attempt.next_question(now));
            }
        }
        attempt.remembered(outcome);
        // The request is answered in the same commit.
        attempt.request = None;
    });
}

/// Counts a question to the processor and leases the attempt to the process that asks. Committed before it asks, so
/// that another worker's version of this conflicts.
pub fn begin_query(changes: &mut Changes, attempt: &mut Versioned<Attempt>) {
    let lease = changes.now.plus(LEASE);
    changes.update(attempt, None, |attempt| {
        attempt.queries += 1;
        attempt.asking = true;
        attempt.due = Some(lease);
    });
}

/// Begins the lease of the process that asks anew.
pub fn renew(changes: &mut Changes, attempt: &mut Versioned<Attempt>, lease: Duration) {
    let ends = changes.now.plus(lease);
    changes.update(attempt, None, |attempt| attempt.due = Some(ends));
}

/// The processor is asked again with the payer's answer.
pub fn resume(changes: &mut Changes, attempt: &mut Versioned<Attempt>, passed: bool) {
    let lease = changes.now.plus(LEASE);
    changes.update(attempt, None, |attempt| {
        attempt.status = Status::Started;
        attempt.at_processor = None;
        attempt.authenticated = Some(passed);
        attempt.asking = true;
        attempt.due = Some(lease);
    });
}

/// Ends an attempt, unless its outcome is known for good.
pub(crate) fn abandon(changes: &mut Changes, attempt: &mut Versioned<Attempt>) {
    if !attempt.status.is_final() {
        changes.update(attempt, None, |attempt| {
            attempt.status = Status::Canceled;
            attempt.is_assumed = true;
            attempt.asking = false;
            attempt.due = None;
        });
    }
}
