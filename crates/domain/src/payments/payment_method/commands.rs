//! Creating, changing, attaching and detaching payment methods.

use super::{AllowRedisplay, Card, PaymentMethod};
use crate::changes::Changes;
use crate::contact::BillingDetails;
use crate::object::Versioned;
use crate::refusal::Refusal;
use std::collections::BTreeMap;
use types::{Kind, ObjectId};

/// What a new payment method is made of.
pub struct NewPaymentMethod {
    pub card: Card,
    /// The processor that has taken the card, and its name for it.
    pub processor: String,
    pub credential: String,
    pub billing_details: BillingDetails,
    pub metadata: BTreeMap<String, String>,
    pub allow_redisplay: Option<AllowRedisplay>,
}

/// Creates a payment method that belongs to no customer. It has no event.
pub fn create(changes: &mut Changes, new: NewPaymentMethod) -> Versioned<PaymentMethod> {
    let NewPaymentMethod { card, processor, credential, billing_details, metadata, allow_redisplay } = new;
    let method = PaymentMethod {
        id: changes.new_id(Kind::PaymentMethod),
        created: changes.now,
        customer: None,
        billing_details,
        card,
        metadata,
        allow_redisplay,
        processor,
        credential,
        set_up: false,
        used_by: None,
        spent: false,
    };
    changes.create(method, None)
}

/// What can be changed of a payment method that belongs to a customer; what is `None` stays.
#[derive(Default)]
pub struct Edit {
    pub billing_details: Option<BillingDetails>,
    /// Month and year.
    pub expiry: Option<(u8, u16)>,
    pub metadata: Option<BTreeMap<String, String>>,
    pub allow_redisplay: Option<AllowRedisplay>,
}

/// Refuses to change a payment method that belongs to no customer.
pub fn may_update(method: &PaymentMethod) -> Result<(), Refusal> {
    if method.customer.is_some() {
        return Ok(());
    }
    let message = "You must save this PaymentMethod to a customer before you can update it.";
    Err(Refusal::new("payment_method_unexpected_state", message))
}

/// Changes a payment method.
pub fn update(changes: &mut Changes, method: &mut Versioned<PaymentMethod>, edit: Edit) -> Result<(), Refusal> {
    may_update(method)?;
    changes.update_if_changed(method, "payment_method.updated", |method| {
        if let Some(metadata) = edit.metadata {
            method.metadata = metadata;
        }
        if let Some((month, year)) = edit.expiry {
            (method.card.exp_month, method.card.exp_year) = (month, year);
        }
        method.allow_redisplay = edit.allow_redisplay.or(method.allow_redisplay);
        if let Some(details) = edit.billing_details {
            change_billing_details(method, details);
        }
    });
    Ok(())
}

/// The issuer has not checked a new address.
fn change_billing_details(method: &mut PaymentMethod, details: BillingDetails) {
    let before = method.billing_details.address.clone().unwrap_or_default();
    let after = details.address.clone().unwrap_or_default();
    method.billing_details = details;
    let card = &mut method.card;
    for (before, after, check) in [
        (&before.line1, &after.line1, &mut card.line1_check),
        (&before.postal_code, &after.postal_code, &mut card.postal_code_check),
    ] {
        if before != after {
            *check = after.is_some().then(|| "unchecked".to_owned());
        }
    }
}

/// Refuses a payment method that cannot be attached to the customer (`None`: a new one). `Ok(false)` if it belongs to
/// that customer already.
pub fn may_attach(method: &PaymentMethod, customer: Option<ObjectId>) -> Result<bool, Refusal> {
    if method.spent {
        let message = "This PaymentMethod was previously used without being attached to a Customer or was detached from a \
                       Customer, and may not be used again.";
        return Err(Refusal::new("payment_method_unexpected_state", message).param("payment_method"));
    }
    match method.customer {
        None => Ok(true),
        same if same == customer => Ok(false),
        Some(_) => {
            let message = "The payment method you provided has already been attached to a customer.";
            Err(Refusal::new("payment_method_unexpected_state", message).param("payment_method"))
        }
    }
}

/// Makes a payment method a customer's. The caller has asked [`may_attach`].
pub fn attach(changes: &mut Changes, method: &mut Versioned<PaymentMethod>, customer: ObjectId) {
    changes.update(method, Some("payment_method.attached"), |method| {
        method.customer = Some(customer);
        method.used_by = None;
    });
}

/// Takes a payment method from its customer; it cannot be used again.
pub fn detach(changes: &mut Changes, method: &mut Versioned<PaymentMethod>) {
    changes.update(method, Some("payment_method.detached"), |method| {
        method.customer = None;
        method.spent = true;
    });
}
