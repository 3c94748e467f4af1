//! The processors, and the kinds of object that they act on.

use crate::attempted::PayersIntent;
use crate::reported::Reported;
use api::call::Call;
use api::error::{ApiError, Result};
use api::reply::Reply;
use domain::Versioned;
use domain::attempts::Attempt;
use futures_util::future::BoxFuture;
use processors::{Processor, Processors};
use std::collections::HashMap;
use std::sync::Arc;
use types::{Kind, ObjectId};

/// What carries attempts out.
pub struct Attempts {
    pub processors: Processors,
    targets: HashMap<Kind, Target>,
}

/// What can be done with an attempt whose target is of one kind.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub apply: for<'a> fn(&'a Call, &'a Reported) -> BoxFuture<'a, Result<Reply>>,
    pub authenticated: for<'a> fn(&'a Call, Versioned<Attempt>, bool) -> BoxFuture<'a, Result<Authenticated>>,
    pub returned: for<'a> fn(&'a Call, &'a Attempt) -> BoxFuture<'a, Result<Option<PayersIntent>>>,
}

/// How it went on after the payer acted.
pub(crate) enum Authenticated {
    /// The processor was asked again, and the outcome applied.
    Applied,
    /// The merchant must confirm again.
    AwaitsConfirmation,
}

impl Attempts {
    pub(crate) fn new(processors: Processors) -> Self {
        Attempts { processors, targets: HashMap::new() }
    }

    pub(crate) fn enter(&mut self, kind: Kind, target: Target) {
        self.targets.insert(kind, target);
    }

    /// The processor that carries an attempt out.
    pub(crate) fn processor(&self, attempt: &Attempt) -> Result<&Arc<dyn Processor>> {
        self.named(&attempt.processor)
    }

    /// The processor that has a card or an authorization. No other one can do anything with it. While a new processor is being
    /// configured on one server after another, another server may have it: so the caller can try again.
    pub(crate) fn named(&self, processor: &str) -> Result<&Arc<dyn Processor>> {
        self.processors.get(processor).ok_or_else(|| {
            tracing::error!(processor, "no such processor is configured");
            let message = format!(
                "This has to be done by the processor {processor}, which is not configured on this server; try again later."
            );
            ApiError::unavailable_because(message).into()
        })
    }

    /// Whether processors act on objects of that kind.
    pub(crate) fn act_on(&self, kind: Kind) -> bool {
        self.targets.contains_key(&kind)
    }

    /// What can be done with an attempt. A kind that is not entered is a defect of the program: nothing is done then.
    pub(crate) fn of(&self, target: ObjectId) -> Result<&Target> {
        self.targets.get(&target.kind).ok_or_else(|| {
            tracing::error!(%target, "processors do not act on this kind of object");
            ApiError::internal().into()
        })
    }
}
