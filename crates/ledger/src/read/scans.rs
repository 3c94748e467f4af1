//! Scans: reads that may look at much, whatever they find. They have connections and a limit of time of their own, and each
//! tenant has a share of them, so that those of one tenant do not hold up what others ask for.

use super::store::query::QueryPool;
use crate::config::ScanConfig;
use crate::metrics;
use contracts::ledger::LedgerError;
use platform::database::Pool;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::timeout;
use types::TenantId;

/// The places for scans.
pub struct Scans {
    queries: QueryPool,
    config: ScanConfig,
    places: Mutex<Places>,
    /// Told when a place is left.
    left: Notify,
}

#[derive(Default)]
struct Places {
    taken: usize,
    /// The tenants that have a place or wait for one.
    tenants: HashMap<TenantId, Share>,
}

/// What one tenant has of the places.
#[derive(Default)]
struct Share {
    places: usize,
    waiting: usize,
}

/// A scan that has a place, which it leaves when this is dropped.
pub(crate) struct Scan<'a> {
    pub queries: &'a QueryPool,
    _place: Place<'a>,
}

/// One that waits for a place, or has one, until this is dropped.
struct Place<'a> {
    scans: &'a Scans,
    tenant: TenantId,
    taken: bool,
}

impl Scans {
    /// `pool` has as many connections as the config says, and gives its statements as much time.
    pub fn new(pool: impl Into<Pool>, config: &ScanConfig) -> Self {
        let queries = QueryPool::new(pool.into());
        Scans { queries, config: config.clone(), places: Mutex::default(), left: Notify::new() }
    }

    /// Waits for a place, if there is hope for one.
    pub(crate) async fn begin(&self, tenant: TenantId) -> Result<Scan<'_>, LedgerError> {
        let refused = |reason: &'static str| {
            metrics::scans_refused(reason).increment(1);
            tracing::debug!(%tenant, reason, "a scan was refused");
            LedgerError::Overloaded
        };
        let mut place = self.queue(tenant).ok_or_else(|| refused("queue_full"))?;
        match timeout(self.config.wait_timeout(), place.take()).await {
            Ok(()) => Ok(Scan { queries: &self.queries, _place: place }),
            Err(_) => Err(refused("no_place")),
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self, tenant: TenantId) -> Option<Place<'_>> {
        let mut places = self.places();
        let share = places.tenants.entry(tenant).or_default();
        if share.places + share.waiting >= self.config.of_tenant_max.saturating_add(self.config.queue_max) {
            return None;
        }
        share.waiting += 1;
        Some(Place { scans: self, tenant, taken: false })
    }

    /// Places that are kept for tenants that have none: the others cannot take all, however few or many they are.
    fn reserve(&self) -> usize {
        (self.config.pool_size / 4).max(1)
    }
}

impl Place<'_> {
    async fn take(&mut self) {
        loop {
            let mut left = pin!(self.scans.left.notified());
            // What is left from now on is noticed.
            left.as_mut().enable();
            if self.try_take() {
                return;
            }
            left.await;
        }
    }

    fn try_take(&mut self) -> bool {
        let mut places = self.scans.places();
        let free = self.scans.config.pool_size.saturating_sub(places.taken);
        let share = places.tenants.entry(self.tenant).or_default();
        let kept = if share.places == 0 { 0 } else { self.scans.reserve() };
        self.taken = share.places < self.scans.config.of_tenant_max && free > kept;
        if self.taken {
            share.waiting -= 1;
            share.places += 1;
            places.taken += 1;
        }
        self.taken
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut places = self.scans.places();
        if self.taken {
            places.taken -= 1;
        }
        if let Some(share) = places.tenants.get_mut(&self.tenant) {
            if self.taken {
                share.places -= 1
            } else {
                share.waiting -= 1
            }
            if share.places + share.waiting == 0 {
                places.tenants.remove(&self.tenant);
            }
        }
        drop(places);
        // One that only waited leaves nothing to take.
        if self.taken {
            self.scans.left.notify_waiters();
        }
    }
}
