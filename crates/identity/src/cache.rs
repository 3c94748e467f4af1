//! What keys were found to open, for a moment: a busy client asks for the same one thousands of times a second.

use contracts::Caller;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a key that was revoked in another process may still open its tenant.
const KNOWN_FOR: Duration = Duration::from_secs(10);
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
const ENTRIES_MAX: usize = 10_000;

type Hash = [u8; 32];

/// Keys that open a tenant and those that do not are kept apart, so that guessing cannot push the good ones out.
#[derive(Default)]
pub(crate) struct Cache {
    known: Mutex<HashMap<Hash, (Instant, Caller)>>,
    unknown: Mutex<HashMap<Hash, Instant>>,
}

impl Cache {
    /// `None` if it has to be looked up; otherwise whom the key belongs to, if to anybody.
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

    pub fn forget(&self, hash: &Hash) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }
}

/// A full map loses what is out of date, or else all.
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
        let cache = Cache::default();
        assert!(cache.get(&[0; 32]).is_none());
        cache.put([0; 32], None);
        assert_eq!(cache.get(&[0; 32]), Some(None));
        tokio::time::advance(UNKNOWN_FOR).await;
        assert!(cache.get(&[0; 32]).is_none());
        for number in 0..25_000u32 {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            cache.put(hash, None);
        }
        assert!(cache.unknown.lock().unwrap().len() <= ENTRIES_MAX);
    }
}
