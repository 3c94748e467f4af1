//! What callers may say about a charge.

use super::{Charge, Statement, UserReport};
use crate::changes::Changes;
use crate::contact::Shipping;
use crate::object::Versioned;
use crate::refusal::Refusal;
use std::collections::BTreeMap;
use types::ObjectId;

/// What callers may say about a charge; what is `None` stays as it is.
#[derive(Default)]
pub struct Details {
    pub customer: Option<ObjectId>,
    pub description: Option<String>,
    pub metadata: Option<BTreeMap<String, String>>,
    pub receipt_email: Option<String>,
    pub shipping: Option<Shipping>,
    pub statement: Statement,
    pub transfer_group: Option<String>,
    pub user_report: Option<UserReport>,
}

impl Details {
    pub(super) fn apply(self, charge: &mut Charge, statement_descriptor: &str) {
        charge.customer = self.customer.or(charge.customer);
        charge.description = self.description.or(charge.description.take());
        charge.metadata = self.metadata.unwrap_or(std::mem::take(&mut charge.metadata));
        charge.receipt_email = self.receipt_email.or(charge.receipt_email.take());
        charge.shipping = self.shipping.or(charge.shipping.take());
        charge.transfer_group = self.transfer_group.or(charge.transfer_group.take());
        charge.user_report = self.user_report.or(charge.user_report);
        if self.statement != Statement::default() {
            charge.statement_descriptor = self.statement.descriptor.or(charge.statement_descriptor.take());
            charge.statement_descriptor_suffix = self.statement.suffix.or(charge.statement_descriptor_suffix.take());
            charge.calculated_statement_descriptor = charge.statement().calculated(statement_descriptor);
        }
    }
}

/// Changes what callers may say about a charge. `statement_descriptor` is the tenant's.
pub fn update(
    changes: &mut Changes,
    charge: &mut Versioned<Charge>,
    details: Details,
    statement_descriptor: &str,
) -> Result<(), Refusal> {
    if details.customer.is_some() && charge.customer.is_some() {
        return Err(Refusal::invalid("The charge has a customer already.").param("customer"));
    }
    changes.update_if_changed(charge, "charge.updated", |charge| details.apply(charge, statement_descriptor));
    Ok(())
}
