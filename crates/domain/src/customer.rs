//! Somebody who pays.

use crate::commit::{Index, metadata_terms, term};
use crate::object::{Column, ColumnType, Object, column};
use crate::party::{Address, Shipping};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{Kind, ObjectId, Timestamp};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    pub id: ObjectId,
    pub created: Timestamp,
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
    /// What the customer is charged with when a charge names no source of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_payment_method: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

impl Customer {
    /// The status that lists show.
    pub const ACTIVE: &'static str = "active";
    const DELETED: &'static str = "deleted";
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
    const HIDDEN: &'static [&'static [&'static str]] = &[];

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        let status = if self.deleted { Self::DELETED } else { Self::ACTIVE };
        let mut terms = metadata_terms(&self.metadata);
        let texts = [("email", &self.email), ("name", &self.name), ("phone", &self.phone)];
        terms.extend(texts.into_iter().filter_map(|(name, text)| Some(term([name], text.as_deref()?))));
        Index { status: Some(status.to_owned()), terms, ..Index::default() }
    }
}
