//! What an amount consists of, and what the order is called.

use serde::{Deserialize, Serialize};

/// Parts of an amount, in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmountDetails {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount_amount: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<AmountShipping>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_tax_amount: Option<i64>,
}

impl AmountDetails {
    /// Whether nothing is known of the parts.
    pub fn is_none(&self) -> bool {
        *self == AmountDetails::default()
    }
}

/// What of an amount is for shipping, and from where to where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmountShipping {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_postal_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_postal_code: Option<String>,
}

/// What customer and merchant call the order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDetails {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_reference: Option<String>,
}
