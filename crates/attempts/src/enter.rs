//! Entering kinds of object that processors act on.

use crate::attempted::Attempted;
use crate::carry_out;
use crate::targets::{Attempts, Target};
use api::Registry;
use domain::Object;

/// Enters a kind of object that processors act on. Without it none of its attempts begins.
pub fn target<R: Attempted>(registry: &mut Registry) {
    let target = Target {
        apply: |call, reported| Box::pin(carry_out::apply_once::<R>(call, reported)),
        authenticated: |call, attempt, passed| Box::pin(carry_out::authenticated::<R>(call, attempt, passed)),
        returned: |call, attempt| Box::pin(carry_out::returned::<R>(call, attempt)),
    };
    if let Some(attempts) = registry.extension_mut::<Attempts>() {
        attempts.enter(R::Object::KIND, target);
    }
}
