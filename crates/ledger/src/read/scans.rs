//! Scans: reads that may look at much, whatever they find. They have connections and a limit of time of their own, and each
//! tenant has a share of them, so that those of one tenant do not hold up what others ask for.

use super::store::query::QueryPool;
use crate::config::ScanConfig;
use contracts::ledger::LedgerError;
use deadpool_postgres::Pool;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use types::TenantId;

/// The places for scans.
pub struct Scans {
    queries: QueryPool,
    config: ScanConfig,
    places: Arc<Semaphore>,
    /// Tenants do not go away, so none of them is ever forgotten.
    shares: Mutex<HashMap<TenantId, Share>>,
}

/// What one tenant has of the places.
#[derive(Clone)]
struct Share {
    places: Arc<Semaphore>,
    /// One for each that has a place or waits for one.
    queue: Arc<Semaphore>,
}

/// A scan that has a place, which it leaves when this is dropped.
pub(crate) struct Scan<'a> {
    pub queries: &'a QueryPool,
    _places: [OwnedSemaphorePermit; 3],
}

impl Scans {
    /// `pool` has as many connections as the config says, and gives its statements as much time.
    pub fn new(pool: Pool, config: &ScanConfig) -> Self {
        Scans {
            queries: QueryPool::new(pool),
            config: config.clone(),
            places: places(config.pool_size),
            shares: Mutex::default(),
        }
    }

    /// Waits for a place, if there is hope for one.
    pub(crate) async fn begin(&self, tenant: TenantId) -> Result<Scan<'_>, LedgerError> {
        let Share { places, queue } = self.share(tenant);
        let refused = |reason: &'static str| {
            metrics::counter!("florin_scans_refused_total", "reason" => reason).increment(1);
            tracing::debug!(%tenant, reason, "a scan was refused");
            LedgerError::Overloaded
        };
        let Ok(queued) = queue.try_acquire_owned() else { return Err(refused("queue_full")) };
        let both = async { (places.acquire_owned().await, Arc::clone(&self.places).acquire_owned().await) };
        match timeout(self.config.wait_timeout(), both).await {
            Ok((Ok(of_tenant), Ok(of_all))) => {
                Ok(Scan { queries: &self.queries, _places: [queued, of_tenant, of_all] })
            }
            _ => Err(refused("no_place")),
        }
    }

    fn share(&self, tenant: TenantId) -> Share {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let ScanConfig { of_tenant_max, queue_max, .. } = self.config;
        let share = || Share { places: places(of_tenant_max), queue: places(of_tenant_max.saturating_add(queue_max)) };
        shares.entry(tenant).or_insert_with(share).clone()
    }
}

fn places(count: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)))
}
