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
    let customer = Customer { id: changes.new_id(Kind::Customer), created: changes.now, details, deleted: false };
    let customer = changes.create(customer, Some("customer.created"));
    if let Some(method) = method {
        payment_method::attach(changes, method, customer.id);
    }
    customer
}

/// Changes what is said about a customer.
pub fn update(changes: &mut Changes, customer: &mut Versioned<Customer>, details: Details) {
    changes.update_if_changed(customer, "customer.updated", |customer| customer.details = details);
}

/// Deletes a customer and detaches its payment methods, which are all given.
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
