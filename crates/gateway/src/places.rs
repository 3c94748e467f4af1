//! The places for requests at work.

use crate::limits::reached;
use api::error::ApiError;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// `limits.requests_max` of them, of which those who show no key have a quarter.
pub struct Places {
    all: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

/// A place until it is dropped.
pub type Place = OwnedSemaphorePermit;

impl Places {
    pub fn new(requests_max: usize) -> Self {
        let strangers = (requests_max / 4).max(1);
        Places { all: Arc::new(Semaphore::new(requests_max)), strangers: Arc::new(Semaphore::new(strangers)) }
    }

    /// A place, or 429.
    pub fn take(&self) -> Result<Place, ApiError> {
        taken(&self.all)
    }

    /// A place for who shows no key, or 429.
    pub fn take_as_stranger(&self) -> Result<(Place, Place), ApiError> {
        Ok((taken(&self.strangers)?, taken(&self.all)?))
    }
}

fn taken(places: &Arc<Semaphore>) -> Result<Place, ApiError> {
    places.clone().try_acquire_owned().map_err(|_| {
        reached("requests_max");
        ApiError::overloaded()
    })
}
