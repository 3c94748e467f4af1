//! Tenants and the keys that open them.
//!
//! Keys are stored as SHA-256 hashes. They have 190 bits of randomness, so neither a slow hash nor a comparison in
//! constant time would add anything: whoever can guess a hash's beginning learns nothing about a key.

mod cache;
mod keys;
mod store;

pub use keys::{InvalidKey, KeyPair, new_key_pair, publishable_of};
pub use store::migrate::{MigrationError, latest_version, migrate_global};

use async_trait::async_trait;
use cache::Cache;
use contracts::identity::{Caller, Identity, IdentityError, Settings, Tenant};
use deadpool_postgres::Pool;
use keys::ParsedKey;
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
    /// The key is stored already, perhaps of another tenant, or revoked.
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
    cache: Cache,
}

impl PgIdentity {
    /// Connections come from `pool`, which acts for the role `florin_service`. Connects at first use.
    pub fn new(pool: Pool, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(PgIdentity { store: Store::new(pool), clock, cache: Cache::default() })
    }

    /// Adds a tenant, without keys and without a schema for its books.
    pub async fn create_tenant(&self, name: &str, settings: Settings) -> Result<Tenant, AddError> {
        let created = self.clock.now();
        let id = TenantId::new(created, &mut SystemEntropy::new());
        let tenant = Tenant { id, name: name.to_owned(), created, settings };
        if self.store.insert_tenant(&tenant).await? { Ok(tenant) } else { Err(AddError::NameTaken(name.to_owned())) }
    }

    pub async fn tenant_by_name(&self, name: &str) -> Result<Option<Tenant>, IdentityError> {
        self.store.tenant_by_name(name).await
    }

    /// Lets a key open a tenant: `sk_test_…`, `pk_test_…`, `sk_live_…` or `pk_live_…`. Adding a key again that opens
    /// this tenant changes nothing.
    pub async fn add_key(&self, tenant: TenantId, key: &str) -> Result<(), AddError> {
        let parsed = ParsedKey::parse(key)?;
        if self.store.tenant(tenant).await?.is_none() {
            return Err(AddError::NoSuchTenant(tenant));
        }
        let added = self.store.insert_key(tenant, &parsed, self.clock.now()).await?;
        self.cache.forget(&parsed.hash);
        if added { Ok(()) } else { Err(AddError::KeyTaken) }
    }

    /// Closes a key; other processes notice within ten seconds. Says whether it was open.
    pub async fn revoke_key(&self, key: &str) -> Result<bool, IdentityError> {
        let Ok(parsed) = ParsedKey::parse(key) else { return Ok(false) };
        let revoked = self.store.revoke_key(&parsed.hash, self.clock.now()).await?;
        self.cache.forget(&parsed.hash);
        Ok(revoked)
    }
}

#[async_trait]
impl Identity for PgIdentity {
    async fn authenticate(&self, key: &str) -> Result<Option<Caller>, IdentityError> {
        let Ok(parsed) = ParsedKey::parse(key) else { return Ok(None) };
        if let Some(known) = self.cache.get(&parsed.hash) {
            return Ok(known);
        }
        let caller = self.store.caller(&parsed.hash).await?;
        self.cache.put(parsed.hash, caller.clone());
        Ok(caller)
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, IdentityError> {
        self.store.tenants().await
    }

    async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, IdentityError> {
        self.store.tenant(id).await
    }
}
