//! Tenants and their API keys, in PostgreSQL.
//!
//! The server reads them; only an administrator writes them ([`admin`]).
//!
//! Keys are stored as SHA-256 hashes. They have 190 bits of randomness, so neither a slow hash nor a comparison in
//! constant time would add anything: the first bytes of a hash say nothing about its key.

pub mod admin;
mod api_key;
mod authenticated_keys;
mod store;

pub use api_key::{InvalidKey, KeyPair, new_key_pair, publishable_of};

use api_key::ParsedKey;
use async_trait::async_trait;
use authenticated_keys::AuthenticatedKeys;
use contracts::identity::{Caller, Identity, IdentityError, Tenant};
use platform::database::Pool;
use std::sync::Arc;
use store::Store;
use types::TenantId;

/// Tenants and keys in PostgreSQL, in the schema `florin`.
pub struct PgIdentity {
    store: Store,
    authenticated: AuthenticatedKeys,
}

impl PgIdentity {
    /// Connections come from `pool`, which acts for the role `florin_service`. The first use connects.
    pub fn new(pool: Pool) -> Arc<Self> {
        Arc::new(PgIdentity { store: Store::new(pool), authenticated: AuthenticatedKeys::default() })
    }

    pub async fn tenant_by_name(&self, name: &str) -> Result<Option<Tenant>, IdentityError> {
        self.store.tenant_by_name(name).await
    }
}

#[async_trait]
impl Identity for PgIdentity {
    fn remembered(&self, key: &str) -> Option<Option<Caller>> {
        match ParsedKey::parse(key) {
            Ok(parsed) => self.authenticated.get(&parsed.hash),
            Err(_) => Some(None),
        }
    }

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
