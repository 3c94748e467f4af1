//! Why an administrator's work was not done.

use crate::api_key::InvalidKey;
use contracts::identity::IdentityError;
use platform::database::with_causes;
use types::TenantId;

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("there is a tenant named {0:?} already; choose another name, or make keys for it: `florin keys create`")]
    NameTaken(String),
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// The key belongs to another tenant, or has an end.
    #[error("the key is in use already, or was revoked: use another one")]
    KeyTaken,
    #[error("there is no such tenant: {0}")]
    NoSuchTenant(TenantId),
    #[error(transparent)]
    Read(#[from] IdentityError),
    #[error("PostgreSQL refused: {}", with_causes(.0))]
    Database(#[from] tokio_postgres::Error),
}
