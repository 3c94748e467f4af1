//! Who is asking: tenants, and the keys that open them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use types::{Currency, TenantId, Timestamp};

/// Knows tenants and keys. Keys are stored hashed and cannot be read back.
#[async_trait]
pub trait Identity: Send + Sync {
    /// Whom a key belongs to; `None` when it is unknown or revoked.
    async fn authenticate(&self, key: &str) -> Result<Option<Caller>, IdentityError>;

    /// Every tenant that is not deleted.
    async fn tenants(&self) -> Result<Vec<Tenant>, IdentityError>;

    async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, IdentityError>;
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("keys cannot be looked up: {0}")]
    Unavailable(String),
    /// Too many keys that are not known are looked up at the same time.
    #[error("too many keys are looked up at the same time")]
    Overloaded,
}

/// Who a request comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    pub tenant: std::sync::Arc<Tenant>,
    pub key: KeyKind,
    pub livemode: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// May do everything.
    Secret,
    /// May read and confirm an intent whose client secret it shows, and make payment methods.
    Publishable,
}

impl KeyKind {
    pub const ALL: [KeyKind; 2] = [KeyKind::Secret, KeyKind::Publishable];

    /// As it is stored and shown.
    pub const fn name(self) -> &'static str {
        match self {
            KeyKind::Secret => "secret",
            KeyKind::Publishable => "publishable",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    pub created: Timestamp,
    pub settings: Settings,
}

/// What a tenant can configure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    pub default_currency: Currency,
    pub email: Option<String>,
    /// Processing fee in hundredths of a percent of the amount: 290 is 2.9 %.
    pub fee_basis_points: u32,
    /// Processing fee added to each charge, in minor units of the charge's currency.
    pub fee_fixed: u32,
    /// Days from a charge until its funds are available; they are at midnight UTC.
    pub settlement_days: u16,
    /// What payers see on their statements: 5–22 characters.
    pub statement_descriptor: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            country: "US".to_owned(),
            default_currency: Currency::USD,
            email: None,
            fee_basis_points: 290,
            fee_fixed: 30,
            settlement_days: 2,
            statement_descriptor: "FLORIN".to_owned(),
        }
    }
}
