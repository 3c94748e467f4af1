//! Tenants and their API keys, in PostgreSQL.
//!
//! Keys are stored as SHA-256 hashes. They have 190 bits of randomness, so neither a slow hash nor a comparison in
//! constant time would add anything: the first bytes of a hash say nothing about its key.

mod api_key;
mod authenticated_keys;
mod store;

pub use api_key::{InvalidKey, KeyPair, new_key_pair, publishable_of};
pub use store::migrations::{latest_version, migrate};

use api_key::ParsedKey;
use async_trait::async_trait;
use authenticated_keys::AuthenticatedKeys;
use contracts::identity::{Caller, Identity, IdentityError, Settings, Tenant};
use platform::database::Pool;
use std::sync::Arc;
use store::Store;
use types::{Clock, SystemEntropy, TenantId};

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
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Tenants and keys in PostgreSQL, in the schema `florin`.
pub struct PgIdentity {
    store: Store,
    clock: Arc<dyn Clock>,
    authenticated: AuthenticatedKeys,
}

impl PgIdentity {
    /// Connections come from `pool`, which acts for the role `florin_service`. The first use connects.
    pub fn new(pool: Pool, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(PgIdentity { store: Store::new(pool), clock, authenticated: AuthenticatedKeys::default() })
    }

    /// Adds a tenant, without keys and without books.
    pub async fn create_tenant(&self, name: &str, settings: Settings) -> Result<Tenant, AddError> {
        let created = self.clock.now();
        let id = TenantId::new(created, &mut SystemEntropy::new());
        let tenant = Tenant { id, name: name.to_owned(), created, settings };
        if self.store.insert_tenant(&tenant).await? { Ok(tenant) } else { Err(AddError::NameTaken(name.to_owned())) }
    }

    pub async fn tenant_by_name(&self, name: &str) -> Result<Option<Tenant>, IdentityError> {
        self.store.tenant_by_name(name).await
    }

    /// Gives a tenant a key: `sk_test_…`, `pk_test_…`, `sk_live_…` or `pk_live_…`. A key that the tenant has already
    /// stays as it is.
    pub async fn add_key(&self, tenant: TenantId, key: &str) -> Result<(), AddError> {
        let parsed = ParsedKey::parse(key)?;
        if self.store.tenant(tenant).await?.is_none() {
            return Err(AddError::NoSuchTenant(tenant));
        }
        let added = self.store.insert_key(tenant, &parsed, self.clock.now()).await?;
        self.authenticated.forget(&parsed.hash);
        if added { Ok(()) } else { Err(AddError::KeyTaken) }
    }

    /// Revokes a key; other processes notice within ten seconds. `false` when there is no such key, or it was revoked
    /// before.
    pub async fn revoke_key(&self, key: &str) -> Result<bool, IdentityError> {
        let Ok(parsed) = ParsedKey::parse(key) else { return Ok(false) };
        let revoked = self.store.revoke_key(&parsed.hash, self.clock.now()).await?;
        self.authenticated.forget(&parsed.hash);
        Ok(revoked)
    }
}

#[async_trait]
impl Identity for PgIdentity {
    async fn authenticate(&self, key: &str) -> Result<Option<Caller>, IdentityError> {
        let Ok(parsed) = ParsedKey::parse(key) else { return Ok(None) };
        if let Some(known) = self.authenticated.get(&parsed.hash) {
            return Ok(known);
        }
        let caller = self.store.caller(&parsed.hash).await?;
        self.authenticated.put(parsed.hash, caller.clone());
        Ok(caller)
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, IdentityError> {
        self.store.tenants().await
    }

    async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, IdentityError> {
        self.store.tenant(id).await
    }
}
