//! Whether a request may have had an effect, with an idempotency key or without.

use crate::error::{ApiError, Failure};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Of one request; its clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Effect(Arc<AtomicBool>);

impl Effect {
    /// Something is written, or may be: the processor may be asked from now on.
    pub fn begun(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// What the caller is told of a failure. What keeps a request from being carried out says nothing of what it has done before:
    /// "try again later" would have a caller without a key pay twice.
    pub fn told(&self, failure: Failure) -> Failure {
        let keeps_it_from_going_on = match &failure {
            Failure::Conflict => true,
            Failure::Error(error) => matches!(error.status, 429 | 503),
            Failure::Replay(_) => false,
        };
        if keeps_it_from_going_on && self.0.load(Ordering::Acquire) {
            return ApiError::outcome_unknown().into();
        }
        failure
    }
}
