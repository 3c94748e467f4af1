//! Resolving an attempt: its outcome is applied.

use super::cancel::withdraw;
use super::conflict::settle;
use super::lifecycle::record;
use super::meaning::meaning;
use super::{Attempt, Capabilities, Conditions, Decline, Outcome, PayerPage, Resolution, Status, Target, Unexpected};
use crate::changes::Changes;
use crate::object::Versioned;
use std::borrow::Cow;

/// Applies an outcome to an attempt, to its target, and to the objects that go with the target.
pub fn apply<T: Target>(
    changes: &mut Changes,
    attempt: &mut Versioned<Attempt>,
    target: &mut Versioned<T>,
    related: &mut T::Related,
    conditions: &Conditions,
    outcome: &Outcome,
) -> Result<Option<Decline>, Unexpected> {
    let is_first = attempt.status == Status::Started;
    let outcome = &*resolve(changes, attempt, &conditions.capabilities, outcome);
    if attempt.reverses.is_some() {
        // It puts right what the target knows nothing of.
        if attempt.status == Status::Succeeded {
            settle(changes, attempt);
        }
        return Ok(None);
    }
    T::apply(target, related, changes, &Resolution { attempt, outcome, conditions, is_first })
}

/// Records in an attempt what its processor has answered, and returns what that means.
pub(crate) fn resolve<'a>(
    changes: &mut Changes,
    attempt: &mut Versioned<Attempt>,
    capabilities: &Capabilities,
    outcome: &'a Outcome,
) -> Cow<'a, Outcome> {
    let meant = meaning(attempt, outcome);
    record(changes, attempt, capabilities, &meant);
    if attempt.status.is_final() && !outcome.is_final() {
        changes.update(attempt, None, |attempt| attempt.is_assumed = true);
    }
    // The processor has made a page to which no payer is sent: it could be carried out there all the same.
    let has_page = matches!(outcome, Outcome::ActionRequired { page: PayerPage::Url(_), .. });
    let is_left =
        attempt.status == Status::Declined || (attempt.status == Status::RequiresAction && !attempt.has_payer());
    if has_page && is_left {
        withdraw(changes, attempt, capabilities);
    }
    meant
}
