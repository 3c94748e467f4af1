//! The keys of the last seconds with their tenants, in memory: a busy client sends the same key thousands of times a second.

use contracts::Caller;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// For so long a key still works that was revoked.
const KNOWN_FOR: Duration = Duration::from_secs(10);
/// For so long a key does not work yet that was added, if it was tried before.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
const ENTRIES_MAX: usize = 10_000;

type Hash = [u8; 32];

/// Keys that belong to a tenant and keys that do not are in two maps, so that guessed keys cannot push the others out.
#[derive(Default)]
pub(crate) struct AuthenticatedKeys {
    known: Mutex<HashMap<Hash, (Instant, Caller)>>,
    unknown: Mutex<HashMap<Hash, Instant>>,
}

impl AuthenticatedKeys {
    /// `None` when the key must be looked up; `Some(None)` when it belongs to no tenant.
    pub fn get(&self, hash: &Hash) -> Option<Option<Caller>> {
        let now = Instant::now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, caller)) = known.get(hash).filter(|(until, _)| *until > now) {
            return Some(Some(caller.clone()));
        }
        let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        unknown.get(hash).filter(|until| **until > now).map(|_| None)
    }

    pub fn put(&self, hash: Hash, caller: Option<Caller>) {
        let now = Instant::now();
        match caller {
            Some(caller) => {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                make_room(&mut known, |(until, _)| *until > now);
                known.insert(hash, (now + KNOWN_FOR, caller));
            }
            None => {
                let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
                make_room(&mut unknown, |until| *until > now);
                unknown.insert(hash, now + UNKNOWN_FOR);
            }
        }
    }
}

/// Removes what is out of date from a full map, or everything if that is not enough.
fn make_room<V>(map: &mut HashMap<Hash, V>, fresh: impl Fn(&V) -> bool) {
    if map.len() >= ENTRIES_MAX {
        map.retain(|_, value| fresh(value));
        if map.len() >= ENTRIES_MAX {
            map.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn forgets_after_a_while_and_stays_small() {
        let keys = AuthenticatedKeys::default();
        assert!(keys.get(&[0; 32]).is_none());
        keys.put([0; 32], None);
        assert_eq!(keys.get(&[0; 32]), Some(None));
        tokio::time::advance(UNKNOWN_FOR).await;
        assert!(keys.get(&[0; 32]).is_none());
        for number in 0..25_000u32 {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            keys.put(hash, None);
        }
        assert!(keys.unknown.lock().unwrap().len() <= ENTRIES_MAX);
    }
}
