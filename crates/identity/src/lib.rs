//! Tenants and their API keys, in PostgreSQL.
//!
//! The server reads them; only an administrator writes them ([`admin`]).
//!
//! Keys are stored as SHA-256 hashes. They have 190 bits of randomness, so neither a slow hash nor a comparison in
//! constant time would add anything: the first bytes of a hash say nothing about its key.

pub mod admin;
mod api_key;
mod authenticated_keys;
mod look_ups;
mod store;

pub use api_key::{InvalidKey, KeyPair, new_key_pair, publishable_of};

use api_key::ParsedKey;
use async_trait::async_trait;
use authenticated_keys::AuthenticatedKeys;
use authenticated_keys::Remembered;
use contracts::identity::{Caller, Identity, IdentityError, Tenant};
use look_ups::{Familiarity, LookUps};
use platform::database::Pool;
use std::sync::Arc;
use store::Store;
use types::TenantId;

/// Tenants and keys in PostgreSQL, in the schema `florin`.
pub struct PgIdentity {
    store: Arc<Store>,
    authenticated: Arc<AuthenticatedKeys>,
    look_ups: LookUps,
}

impl PgIdentity {
    /// Connections come from `pool`, which acts for the role `florin_service`. The first use connects.
    pub fn new(pool: Pool) -> Arc<Self> {
        let look_ups = LookUps::new(pool.status().max_size);
        Arc::new(PgIdentity { store: Arc::new(Store::new(pool)), authenticated: Arc::default(), look_ups })
    }

    pub async fn tenant_by_name(&self, name: &str) -> Result<Option<Tenant>, IdentityError> {
        self.store.tenant_by_name(name).await
    }
}

#[async_trait]
impl Identity for PgIdentity {
    async fn authenticate(&self, key: &str) -> Result<Option<Caller>, IdentityError> {
        let Ok(parsed) = ParsedKey::parse(key) else { return Ok(None) };
        let familiarity = match self.authenticated.get(&parsed.hash) {
            Remembered::Caller(caller) => return Ok(Some(caller)),
            Remembered::Nothing => return Ok(None),
            Remembered::Outdated => Familiarity::Familiar,
            Remembered::No => Familiarity::Strange,
        };
        let (store, authenticated, hash) = (self.store.clone(), self.authenticated.clone(), parsed.hash);
        let look_up = async move {
            let caller = store.caller(&hash).await?;
            authenticated.put(hash, caller.clone());
            Ok(caller)
        };
        self.look_ups.find(hash, familiarity, look_up).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, IdentityError> {
        self.store.tenants().await
    }

    async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, IdentityError> {
        self.store.tenant(id).await
    }
}
