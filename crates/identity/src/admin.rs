//! What only an administrator does: migrations, adding tenants and keys, revoking keys.
//!
//! The functions take a transaction that acts for the role `florin_owner` (`platform::database::store::begin_as_owner`), or a
//! connection that may.

use crate::api_key::ParsedKey;
use crate::store::admin;
use contracts::identity::{Settings, Tenant};
use platform::database::{GenericClient, Transaction};
use types::{SystemEntropy, TenantId, Timestamp};

pub use crate::admin_error::AdminError;
pub use crate::key_record::KeyRecord;
pub use crate::store::admin::{excessive_privileges, lacking_privileges};
pub use crate::store::migrations::{migrate, schema_state};

/// Keeps other administrators from changing tenants and keys until the transaction ends. The service cannot do that.
pub async fn lock(work: &Transaction<'_>) -> Result<(), AdminError> {
    Ok(admin::lock(work).await?)
}

/// Adds a tenant, without keys and without books.
pub async fn create_tenant(
    work: &Transaction<'_>,
    name: &str,
    settings: Settings,
    created: Timestamp,
) -> Result<Tenant, AdminError> {
    let id = TenantId::new(created, &mut SystemEntropy::new());
    let tenant = Tenant { id, name: name.to_owned(), created, settings };
    if admin::insert_tenant(work, &tenant).await? { Ok(tenant) } else { Err(AdminError::NameTaken(name.to_owned())) }
}

/// Gives a tenant a key: `sk_test_…`, `pk_test_…`, `sk_live_…` or `pk_live_…`. A key that the tenant has already stays as it
/// is. A process that has refused the key notices within a second.
pub async fn add_key(
    work: &Transaction<'_>,
    tenant: TenantId,
    key: &str,
    created: Timestamp,
) -> Result<(), AdminError> {
    let parsed = ParsedKey::parse(key)?;
    match admin::insert_key(work, tenant, &parsed, created).await? {
        Some(true) => Ok(()),
        Some(false) => Err(AdminError::KeyTaken),
        None => Err(AdminError::NoSuchTenant(tenant)),
    }
}

/// Every tenant that is not deleted.
pub async fn tenants(client: &impl GenericClient) -> Result<Vec<Tenant>, AdminError> {
    admin::tenants(client).await
}

/// A tenant's keys, the oldest first, those that do not work any more included.
pub async fn keys(work: &Transaction<'_>, tenant: TenantId) -> Result<Vec<KeyRecord>, AdminError> {
    admin::keys(work, tenant).await
}

/// The key with this id.
pub async fn key(work: &Transaction<'_>, id: &str) -> Result<Option<KeyRecord>, AdminError> {
    admin::key(work, id).await
}

/// Lets a key work until `at`, or until it was to end before that; processes that PostgreSQL answers notice within ten seconds after that. `false` when
/// there is no such key.
pub async fn expire_key(work: &Transaction<'_>, id: &str, at: Timestamp) -> Result<bool, AdminError> {
    Ok(admin::expire_key(work, id, at).await?)
}
