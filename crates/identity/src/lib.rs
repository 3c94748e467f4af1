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
use tokio::time::{Instant, timeout};
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
            let asked = Instant::now();
            let (caller, left) = store.caller(&hash).await?.unzip();
            let ends = left.flatten().and_then(|left| asked.checked_add(left));
            authenticated.put(hash, caller.clone(), asked, ends);
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
        self.authenticated.put_off(&hash);
        match self.authenticated.get(&hash) {
            Remembered::Caller(caller) => {
                metrics::stale_keys().increment(1);
                tracing::debug!(tenant = %caller.tenant.id, failure, "a key that cannot be looked up is believed");
                Ok(Some(caller))
            }
            Remembered::Nothing => Ok(None),
            // It is too old to be believed by now. That is no reason to say that it is a wrong one.
            Remembered::Stale | Remembered::Outdated | Remembered::No => Err(IdentityError::Unavailable(failure)),
        }
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, IdentityError> {
        self.store.tenants().await
    }

    async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, IdentityError> {
        self.store.tenant(id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::database::DatabaseConfig;

    /// Client libraries repeat a request that is answered 503, and not one that is answered 401.
    #[tokio::test(start_paused = true)]
    async fn a_key_that_gets_too_old_while_it_is_looked_up_is_not_called_wrong() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgresql://x@{}/x", silent.local_addr().unwrap());
        let config = DatabaseConfig { url: url.as_str().into(), ..DatabaseConfig::default() };
        let keys = KeysConfig::default();
        let identity = PgIdentity::new(config.pool().unwrap(), &keys);
        let pair = new_key_pair(false, &mut types::SeededEntropy::new(1));
        let key = pair.secret.reveal();
        let caller = testkit::caller(&testkit::tenant());
        let hash = ParsedKey::parse(key).ok().unwrap().hash;
        identity.authenticated.put(hash, Some(caller.clone()), Instant::now(), None);
        let began = Instant::now();
        tokio::time::advance(keys.stale_max() - STALE_WAIT * 3).await;
        assert_eq!(identity.authenticate(key).await.unwrap(), Some(caller), "it is believed");
        tokio::time::advance(keys.stale_max() - began.elapsed() - STALE_WAIT / 2).await;
        let answer = identity.authenticate(key).await;
        assert!(matches!(answer, Err(IdentityError::Unavailable(_))), "{answer:?}");
        // PostgreSQL has said so meanwhile.
        identity.authenticated.put(hash, None, Instant::now(), None);
        assert_eq!(identity.authenticate(key).await.unwrap(), None);
    }
}
