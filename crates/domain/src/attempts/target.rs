//! What attempts are made for. Each kind of object that a processor acts on says itself what an outcome changes.

use super::{Attempt, Conditions, Decline, Operation, Outcome};
use crate::changes::Changes;
use crate::object::{Object, Versioned};
use std::fmt;

/// A kind of object that processors act on.
pub trait Target: Object {
    /// The objects that go with the target: an outcome changes them too, or depends on them.
    type Related: Send + Sync;

    /// Applies an outcome to the target and to the objects that go with it. Returns the decline, if the caller gets one
    /// as an error. An operation that is never made for this kind is an error: then nothing at all is written.
    fn apply(
        target: &mut Versioned<Self>,
        related: &mut Self::Related,
        changes: &mut Changes,
        resolution: &Resolution,
    ) -> Result<Option<Decline>, Unexpected>;

    /// The processor is asked to cancel what it has begun: until it has answered, the target waits for that.
    fn canceling(_: &mut Versioned<Self>, _: &mut Self::Related, _: &mut Changes) {}

    /// A refund of the target's that was declined or canceled has been carried out all the same: makes objects and books say
    /// so, with the processor's name for it. False if they cannot, or if the target is no refund.
    fn refunded_late(_: &mut Versioned<Self>, _: &mut Self::Related, _: &mut Changes, _: Option<String>) -> bool {
        false
    }

    /// The payer has authenticated, or failed to: says how it goes on. An error if no payer acts for this kind.
    fn authenticated(
        _: &mut Versioned<Self>,
        _: &mut Self::Related,
        _: &mut Changes,
        attempt: &mut Versioned<Attempt>,
        _: bool,
    ) -> Result<Continuation, Unexpected> {
        Err(Unexpected(attempt.operation))
    }
}

/// An attempt together with its outcome.
pub struct Resolution<'a> {
    pub attempt: &'a Attempt,
    pub outcome: &'a Outcome,
    pub conditions: &'a Conditions,
    /// Whether nothing was known of the attempt before, since it began or the payer authenticated.
    pub is_first: bool,
}

/// How an attempt goes on after the payer has acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// The processor is asked again, now with the payer's answer.
    AskProcessor,
    /// The merchant must confirm again.
    AwaitConfirmation,
}

/// An attempt that its target cannot have: a defect of the program. Nothing may be written because of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unexpected(pub Operation);

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not an operation for this kind of object", self.0.as_str())
    }
}

impl std::error::Error for Unexpected {}
