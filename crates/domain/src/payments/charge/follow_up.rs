//! What all attempts that build on a charge's authorization have in common.

use super::Charge;
use crate::attempts::lifecycle::{self, New};
use crate::attempts::{Attempt, Operation};
use crate::changes::Changes;
use crate::object::Versioned;
use types::ObjectId;

/// An attempt that builds on the charge's authorization.
pub(super) fn next_attempt(changes: &mut Changes, charge: &Charge, operation: Operation, subject: ObjectId) -> Attempt {
    let Charge { id, processor, currency, credential, .. } = charge;
    let new = New { processor, operation, currency: *currency, target: *id, subject, credential };
    Attempt { original: charge.reference.clone(), ..lifecycle::new::<Charge>(changes, new) }
}

/// Creates the attempt and notes it in the charge, which refuses other commands until the attempt is over.
pub(super) fn occupy(changes: &mut Changes, charge: &mut Versioned<Charge>, attempt: Attempt) -> Versioned<Attempt> {
    let attempt = changes.create(attempt, None);
    occupied(changes, charge, attempt.id);
    attempt
}

/// Notes an attempt in the charge, which refuses other commands until the attempt is over.
pub(in crate::payments) fn occupied(changes: &mut Changes, charge: &mut Versioned<Charge>, attempt: ObjectId) {
    changes.update(charge, None, |charge| charge.attempt = Some(attempt));
}

/// The charge accepts commands again.
pub(in crate::payments) fn free(changes: &mut Changes, charge: &mut Versioned<Charge>) {
    changes.update(charge, None, |charge| charge.attempt = None);
}
