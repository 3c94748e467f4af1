//! Room for connections: when all places are taken, those that can best be done without make room for new ones.

use crate::connection::{Connection, Use};
use crate::limits::reached;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// How long a place is waited for before more connections are closed.
const PATIENCE: Duration = Duration::from_millis(50);
/// This part of the places is made free at once, if strangers have them: looking for them takes a look at each connection.
const PART: usize = 64;

/// The connections of a listener, `limits.connections_max` at most.
pub struct Room {
    places: Arc<Semaphore>,
    connections_max: usize,
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
    entered: AtomicU64,
}

/// A connection's place, until this is dropped.
pub struct Place {
    room: Arc<Room>,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    pub fn new(connections_max: usize) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(connections_max));
        Arc::new(Room { places, connections_max, connections: Mutex::default(), entered: AtomicU64::new(0) })
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place. There is one within moments, unless all connections are at work for merchants: those that come faster than
    /// others show what they are good for wait to be accepted.
    pub async fn enter(self: &Arc<Self>, connection: &Arc<Connection>) -> Place {
        let permit = loop {
            if let Ok(permit) = self.places.clone().try_acquire_owned() {
                break permit;
            }
            reached("connections_max");
            self.make_room();
            if let Ok(Ok(permit)) = timeout(PATIENCE, self.places.clone().acquire_owned()).await {
                break permit;
            }
        };
        let number = self.entered.fetch_add(1, Ordering::Relaxed);
        self.connections().insert(number, connection.clone());
        Place { room: self.clone(), number, _permit: permit }
    }

    /// Closes the oldest of those that can best be done without.
    pub fn make_room(&self) {
        let connections = self.connections();
        // Soon it is known whether they are strangers': until then merchants' are kept.
        let waits = connections.values().any(|connection| connection.is_new());
        let mut unneeded: Vec<(Use, Instant, &Arc<Connection>)> = connections
            .values()
            .filter_map(|connection| connection.unneeded().map(|(of, since)| (of, since, connection)))
            .filter(|(of, ..)| !waits || *of <= Use::Unknown)
            .collect();
        unneeded.sort_unstable_by_key(|(of, since, _)| (*of, *since));
        let strangers = unneeded.iter().take_while(|(of, ..)| *of <= Use::Silent).count();
        let count = strangers.min(self.connections_max / PART).max(1);
        for (of, _, connection) in unneeded.into_iter().take(count) {
            connection.make_room(of);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.connections().remove(&self.number);
    }
}
