//! A customer: the person or business that pays.

use super::payment_method::{self, PaymentMethod};
use crate::changes::Changes;
use crate::commit::{Index, metadata_terms, term};
use crate::contact::{Address, Shipping};
use crate::object::{Column, ColumnType, Object, Path, Versioned, column};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{Kind, ObjectId, Timestamp};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    pub id: ObjectId,
    pub created: Timestamp,
    #[serde(flatten)]
    pub details: Details,
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub deleted: bool,
    /// How many payment methods were ever attached. With it the customer changes whenever one is attached, so that a decision
    /// about all of them conflicts with one that comes.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub attached: u32,
}

/// What callers say about a customer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Details {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub individual_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<Shipping>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preferred_locales: Vec<String>,
    /// What is charged if a charge names no source of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_payment_method: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl Customer {
    /// The status of customers that lists show.
    pub const ACTIVE: &'static str = "active";
    const DELETED: &'static str = "deleted";
}

/// Creates a customer; `method` is attached to it.
pub fn create(
    changes: &mut Changes,
    details: Details,
    method: Option<&mut Versioned<PaymentMethod>>,
) -> Versioned<Customer> {
    let id = changes.new_id(Kind::Customer);
    let attached = u32::from(method.is_some());
    let customer = Customer { id, created: changes.now, details, deleted: false, attached };
    let customer = changes.create(customer, Some("customer.created"));
    if let Some(method) = method {
        payment_method::attach(changes, method, id);
    }
    customer
}

/// Makes a payment method a customer's. The caller has asked [`payment_method::may_attach`].
pub fn attach(changes: &mut Changes, customer: &mut Versioned<Customer>, method: &mut Versioned<PaymentMethod>) {
    payment_method::attach(changes, method, customer.id);
    changes.update(customer, None, |customer| customer.attached = customer.attached.saturating_add(1));
}

/// Saves a payment method that has paid or was set up to the customer, if there is one who was not deleted meanwhile, and
/// unless it was used up or detached since.
pub(super) fn save(
    changes: &mut Changes,
    customer: Option<&mut Versioned<Customer>>,
    method: &mut Versioned<PaymentMethod>,
) {
    let is_free = method.customer.is_none() && !method.spent;
    if let Some(customer) = customer.filter(|customer| !customer.deleted && is_free) {
        attach(changes, customer, method);
    }
}

/// Changes what is said about a customer. `default` is the payment method that the details name, and was attached to the customer
/// when it was looked at.
pub fn update(
    changes: &mut Changes,
    customer: &mut Versioned<Customer>,
    details: Details,
    default: Option<&Versioned<PaymentMethod>>,
) {
    if let Some(method) = default {
        changes.rely_on(method);
    }
    changes.update_if_changed(customer, "customer.updated", |customer| customer.details = details);
}

/// Deletes a customer and detaches its payment methods, which are all given; one that is attached meanwhile is a conflict.
pub fn delete(
    changes: &mut Changes,
    customer: &mut Versioned<Customer>,
    methods: impl IntoIterator<Item = Versioned<PaymentMethod>>,
) {
    for mut method in methods {
        payment_method::detach(changes, &mut method);
    }
    changes.update(customer, Some("customer.deleted"), |customer| {
        customer.deleted = true;
        customer.details.default_payment_method = None;
    });
}

/// Takes a payment method from its customer.
pub fn detach(changes: &mut Changes, customer: &mut Versioned<Customer>, method: &mut Versioned<PaymentMethod>) {
    payment_method::detach(changes, method);
    // It may become the default meanwhile.
    changes.rely_on(customer);
    if customer.details.default_payment_method == Some(method.id) {
        changes.update(customer, Some("customer.updated"), |customer| customer.details.default_payment_method = None);
    }
}

impl Object for Customer {
    const KIND: Kind = Kind::Customer;
    const PLURAL: &'static str = "customers";
    const COLUMNS: &'static [Column] = &[
        column("name", ColumnType::Text),
        column("email", ColumnType::Text),
        column("phone", ColumnType::Text),
        column("description", ColumnType::Text),
        column("deleted", ColumnType::Boolean),
        column("metadata", ColumnType::Json),
    ];
    const HIDDEN: &'static [Path] = &[];
    const FALLS_DUE: bool = false;

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        let status = if self.deleted { Self::DELETED } else { Self::ACTIVE };
        let details = &self.details;
        let mut terms = metadata_terms(&details.metadata);
        let texts = [("email", &details.email), ("name", &details.name), ("phone", &details.phone)];
        terms.extend(texts.into_iter().filter_map(|(name, text)| Some(term([name], text.as_deref()?))));
        Index { status: Some(status.to_owned()), terms, ..Index::default() }
    }
}
