//! How far the worker is behind.

use crate::api::Api;
use crate::metrics;
use contracts::Stored;
use std::collections::HashMap;
use std::time::Duration;
use types::{Kind, Timestamp};

/// What the worker has found at its looks since the last one at all that is due, that one included.
#[derive(Debug, Default)]
pub struct Lag {
    longest: Duration,
    /// How many objects of each kind were due when all was looked at.
    due: HashMap<Kind, u32>,
}

impl Lag {
    /// An object was found that is due; `sweeps` if all that is due is looked at.
    pub fn found(&mut self, stored: &Stored, sweeps: bool, now: Timestamp) {
        let late = stored.index.due.map_or(0, |due| now.millis().saturating_sub(due.millis()));
        self.longest = self.longest.max(Duration::from_millis(u64::try_from(late).unwrap_or_default()));
        if sweeps {
            *self.due.entry(stored.id.kind).or_default() += 1;
        }
    }

    pub fn report(&self, api: &Api) {
        metrics::worker_lag().set(self.longest.as_secs_f64());
        for kind in api.due.kinds() {
            metrics::worker_due(kind.name()).set(self.due.get(&kind).copied().unwrap_or_default());
        }
    }
}
