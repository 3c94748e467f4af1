//! Payment methods and the customers they belong to.

use crate::attempts;
use crate::call::Call;
use crate::error::{ApiError, Result};
use contracts::ListQuery;
use domain::attempt::{self, Operation, Outcome, Status};
use domain::customer::Customer;
use domain::payment_method::PaymentMethod;
use domain::{Changes, Versioned};
use types::{Kind, ObjectId};

/// Refuses a payment method that cannot (or need not) be attached: `Ok(false)` when it is this customer's already.
pub fn attachable(method: &PaymentMethod, customer: Option<ObjectId>) -> Result<bool, ApiError> {
    if method.spent {
        let message = format!(
            "PaymentMethod {} was detached from its customer, or used without being attached to one, and may not be \
             used again.",
            method.id
        );
        return Err(ApiError::coded("payment_method_unexpected_state", message).param("payment_method"));
    }
    match method.customer {
        None => Ok(true),
        same if same == customer => Ok(false),
        Some(_) => {
            let message = "The payment method you provided has already been attached to a customer.";
            Err(ApiError::coded("payment_method_unexpected_state", message).param("payment_method"))
        }
    }
}

/// Asks the processor whether the card is good; no money is reserved. `Err` of the inner result is its refusal, to be
/// committed with what is in `changes` by then.
pub async fn check(call: &Call, changes: &mut Changes, method: &PaymentMethod) -> Result<Result<(), ApiError>> {
    let processor = call.api.processors.preferred().clone();
    let currency = call.tenant().settings.default_currency;
    let both = (method.id, method.id);
    let mut attempt = attempt::new(changes, processor.name(), Operation::Setup, currency, both, &method.credential);
    attempt.set_up = method.set_up;
    let mut attempt = changes.create(attempt, None);
    if !processor.capabilities().in_process {
        // No key is spent on it: a request that is interrupted here has had no effect, and can be made again.
        call.commit_bare(std::mem::replace(changes, call.changes())).await?;
    }
    let outcome = attempts::execute(&*processor, &attempt).await;
    attempt::record(changes, &mut attempt, &outcome);
    match outcome {
        Outcome::Done(_) => Ok(Ok(())),
        // A card that wants its holder to authenticate is good; they are asked when it is used.
        Outcome::ActionRequired { .. } => {
            changes.update(&mut attempt, None, |attempt| attempt.status = Status::Canceled);
            Ok(Ok(()))
        }
        Outcome::Declined { decline, .. } => Ok(Err(attempts::declined(&decline))),
        Outcome::Pending { .. } | Outcome::Unknown { .. } => {
            call.commit_bare(std::mem::replace(changes, call.changes())).await?;
            Err(ApiError::unavailable().into())
        }
    }
}

/// Makes a payment method a customer's.
pub fn attach(changes: &mut Changes, method: &mut Versioned<PaymentMethod>, customer: ObjectId) {
    changes.update(method, Some("payment_method.attached"), |method| method.customer = Some(customer));
}

/// Takes a payment method from its customer; nobody can use it again.
pub fn detach(changes: &mut Changes, method: &mut Versioned<PaymentMethod>) {
    changes.update(method, Some("payment_method.detached"), |method| {
        method.customer = None;
        method.spent = true;
    });
}

/// Takes all of a customer's payment methods.
pub async fn detach_all(call: &Call, changes: &mut Changes, customer: &Customer) -> Result<()> {
    let mut query = ListQuery { customer: Some(customer.id), ..crate::list::all(Kind::PaymentMethod) };
    query.paging.limit = 100;
    loop {
        let page = call.api.ledger.list(call.tenant_id(), &query).await?;
        for stored in &page.items {
            detach(changes, &mut crate::call::decoded(stored)?);
        }
        query.paging.starting_after = page.items.last().map(|stored| stored.id);
        if !page.has_more || page.items.is_empty() {
            return Ok(());
        }
    }
}
