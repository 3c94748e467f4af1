//! What only an administrator does: migrations, adding tenants and keys, revoking keys.
//!
//! The functions take a connection that may act for the role `florin_owner`: a superuser's, `florin_owner`'s own, or
//! that of one of its members.

use crate::api_key::{InvalidKey, ParsedKey};
use crate::store::admin;
use contracts::identity::{Settings, Tenant};
use platform::database::{Client, with_causes};
use types::{SystemEntropy, TenantId, Timestamp};

pub use crate::store::admin::excessive_privileges;
pub use crate::store::migrations::{latest_version, migrate};

/// Why a tenant or a key could not be added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    #[error("there is a tenant named {0:?} already; choose another name")]
    NameTaken(String),
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// The key belongs to another tenant, or was revoked.
    #[error("the key is in use already")]
    KeyTaken,
    #[error("there is no such tenant: {0}")]
    NoSuchTenant(TenantId),
    #[error("PostgreSQL refused: {}", with_causes(.0))]
    Database(#[from] tokio_postgres::Error),
}

/// Adds a tenant, without keys and without books.
pub async fn create_tenant(
    owner: &mut Client,
    name: &str,
    settings: Settings,
    created: Timestamp,
) -> Result<Tenant, AddError> {
    let id = TenantId::new(created, &mut SystemEntropy::new());
    let tenant = Tenant { id, name: name.to_owned(), created, settings };
    if admin::insert_tenant(owner, &tenant).await? { Ok(tenant) } else { Err(AddError::NameTaken(name.to_owned())) }
}

/// Gives a tenant a key: `sk_test_…`, `pk_test_…`, `sk_live_…` or `pk_live_…`. A key that the tenant has already stays as it
/// is. A process that has refused the key notices within a second.
pub async fn add_key(owner: &mut Client, tenant: TenantId, key: &str, created: Timestamp) -> Result<(), AddError> {
    let parsed = ParsedKey::parse(key)?;
    match admin::insert_key(owner, tenant, &parsed, created).await? {
        Some(true) => Ok(()),
        Some(false) => Err(AddError::KeyTaken),
        None => Err(AddError::NoSuchTenant(tenant)),
    }
}

/// Revokes a key; processes that PostgreSQL answers notice within ten seconds. `false` when there is no such key, or it was revoked before.
pub async fn revoke_key(owner: &mut Client, key: &str, at: Timestamp) -> Result<bool, AddError> {
    let Ok(parsed) = ParsedKey::parse(key) else { return Ok(false) };
    Ok(admin::revoke_key(owner, &parsed.hash, at).await?)
}
