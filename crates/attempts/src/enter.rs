//! Entering kinds of object that processors act on.

use crate::attempted::Attempted;
use crate::carry_out;
use crate::targets::{Attempts, Target};
use api::Registry;
use domain::Object;
use types::Kind;

/// Whether a kind of object is entered.
pub fn is_target(registry: &mut Registry, kind: Kind) -> bool {
    registry.extension_mut::<Attempts>().is_some_and(|attempts| attempts.act_on(kind))
}

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
