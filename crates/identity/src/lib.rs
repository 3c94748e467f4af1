//! Tenants and their API keys, in PostgreSQL.
//!
//! The server reads them; only an administrator writes them ([`admin`]).
//!
//! Keys are stored as SHA-256 hashes. They have 190 bits of randomness, so neither a slow hash nor a comparison in
//! constant time would add anything: the first bytes of a hash say nothing about its key.

pub mod admin;
mod admin_error;
mod api_key;
mod authenticated_keys;
mod config;
mod key_record;
mod look_ups;
mod metrics;
mod store;

pub use api_key::{InvalidKey, KeyPair, new_key, new_key_pair, publishable_of};
pub use config::KeysConfig;
pub use metrics::METRICS;

use api_key::ParsedKey;
use async_trait::async_trait;
use authenticated_keys::AuthenticatedKeys;
use authenticated_keys::Remembered;
use contracts::identity::{Caller, Identity, IdentityError, Tenant};
use look_ups::{Familiarity, LookUps};
use platform::database::Pool;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::time::timeout;
use types::TenantId;

/// How long a request waits to hear whether a stale key still works, until it is believed.
const STALE_WAIT: Duration = Duration::from_secs(1);

/// Tenants and keys in PostgreSQL, in the schema `florin`.
pub struct PgIdentity {
    store: Arc<Store>,
    authenticated: Arc<AuthenticatedKeys>,
    look_ups: LookUps,
}

impl PgIdentity {
    /// Connections come from `pool`, which acts for the role `florin_service`. The first use connects.
    pub fn new(pool: impl Into<Pool>, config: &KeysConfig) -> Arc<Self> {
        let pool = pool.into();
        let look_ups = LookUps::new(pool.status().max_size);
        let authenticated = Arc::new(AuthenticatedKeys::new(config.stale_max()));
        Arc::new(PgIdentity { store: Arc::new(Store::new(pool)), authenticated, look_ups })
    }
}

#[async_trait]
impl Identity for PgIdentity {
    async fn authenticate(&self, key: &str) -> Result<Option<Caller>, IdentityError> {
        let Ok(parsed) = ParsedKey::parse(key) else { return Ok(None) };
        let (familiarity, is_stale) = match self.authenticated.get(&parsed.hash) {
            Remembered::Caller(caller) => return Ok(Some(caller)),
            Remembered::Nothing => return Ok(None),
            Remembered::Stale => (Familiarity::Familiar, true),
            Remembered::Outdated => (Familiarity::Familiar, false),
            Remembered::No => (Familiarity::Strange, false),
        };
        let (store, authenticated, hash) = (self.store.clone(), self.authenticated.clone(), parsed.hash);
        let look_up = async move {
            let caller = store.caller(&hash).await?;
            authenticated.put(hash, caller.clone());
            Ok(caller)
        };
        let found = self.look_ups.find(hash, familiarity, look_up);
        if !is_stale {
            return found.await;
        }
        // The look-up goes on, and what it finds counts for the next request.
        let failure = match timeout(STALE_WAIT, found).await {
            Ok(Ok(caller)) => return Ok(caller),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {STALE_WAIT:?}"),
        };
        let caller = self.authenticated.put_off(&hash);
        if let Some(caller) = &caller {
            metrics::stale_keys().increment(1);
            tracing::debug!(tenant = %caller.tenant.id, failure, "a key that cannot be looked up is believed");
        }
        Ok(caller)
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, IdentityError> {
        self.store.tenants().await
    }

    async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, IdentityError> {
        self.store.tenant(id).await
    }
}
