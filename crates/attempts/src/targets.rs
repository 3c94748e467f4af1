//! The processors, and the kinds of object that they act on.

use crate::attempted::Attempted;
use crate::carry_out::{self, Authenticated, Returned};
use api::Registry;
use api::call::Call;
use api::error::{ApiError, Result};
use api::reply::Reply;
use domain::attempts::{Attempt, Outcome};
use domain::{Object, Versioned};
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
    pub apply: for<'a> fn(&'a Call, ObjectId, &'a Outcome) -> BoxFuture<'a, Result<Reply>>,
    pub authenticated: for<'a> fn(&'a Call, Versioned<Attempt>, bool) -> BoxFuture<'a, Result<Authenticated>>,
    pub returned: for<'a> fn(&'a Call, &'a Attempt) -> BoxFuture<'a, Result<Option<Returned>>>,
}

impl Attempts {
    pub(crate) fn new(processors: Processors) -> Self {
        Attempts { processors, targets: HashMap::new() }
    }

    /// Enters a kind of object that processors act on.
    pub fn target<R: Attempted>(registry: &mut Registry) {
        let target = Target {
            apply: |call, id, outcome| Box::pin(carry_out::apply_once::<R>(call, id, outcome)),
            authenticated: |call, attempt, passed| Box::pin(carry_out::authenticated::<R>(call, attempt, passed)),
            returned: |call, attempt| Box::pin(carry_out::returned::<R>(call, attempt)),
        };
        if let Some(attempts) = registry.extension_mut::<Attempts>() {
            attempts.targets.insert(R::Object::KIND, target);
        }
    }

    /// The processor that carries an attempt out.
    pub(crate) fn processor(&self, attempt: &Attempt) -> Result<&Arc<dyn Processor>> {
        self.processors.get(&attempt.processor).ok_or_else(|| {
            tracing::error!(processor = attempt.processor, "no such processor is configured");
            ApiError::internal().into()
        })
    }

    /// What can be done with an attempt. A kind that is not entered is a defect of the program: nothing is done then.
    pub(crate) fn of(&self, target: ObjectId) -> Result<&Target> {
        self.targets.get(&target.kind).ok_or_else(|| {
            tracing::error!(%target, "processors do not act on this kind of object");
            ApiError::internal().into()
        })
    }
}
