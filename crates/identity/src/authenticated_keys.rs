//! The keys of the last seconds with their tenants, in memory: a busy client sends the same key thousands of times a second.

use contracts::Caller;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// For so long a key still works that was revoked.
const KNOWN_FOR: Duration = Duration::from_secs(10);
/// For so long afterwards it is looked up before strange keys.
const FAMILIAR_FOR: Duration = Duration::from_secs(600);
/// For so long a key does not work yet that was added, if it was tried before.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
const ENTRIES_MAX: usize = 10_000;

type Hash = [u8; 32];

/// What is remembered of a key.
#[derive(Debug, PartialEq)]
pub(crate) enum Remembered {
    Caller(Caller),
    /// It belongs to no tenant.
    Nothing,
    /// It was a tenant's a moment ago.
    Outdated,
    No,
}

/// Keys that belong to a tenant and keys that do not are in two maps, so that guessed keys cannot push the others out.
#[derive(Default)]
pub(crate) struct AuthenticatedKeys {
    known: Mutex<HashMap<Hash, (Instant, Caller)>>,
    unknown: Mutex<HashMap<Hash, Instant>>,
}

impl AuthenticatedKeys {
    pub fn get(&self, hash: &Hash) -> Remembered {
        let now = Instant::now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(hash) {
            Some((until, caller)) if *until > now => return Remembered::Caller(caller.clone()),
            Some((until, _)) if *until + FAMILIAR_FOR > now => return Remembered::Outdated,
            _ => (),
        }
        let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.get(hash).is_some_and(|until| *until > now) { Remembered::Nothing } else { Remembered::No }
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
                // A key that was revoked.
                self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash);
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
        assert_eq!(keys.get(&[0; 32]), Remembered::No);
        keys.put([0; 32], None);
        assert_eq!(keys.get(&[0; 32]), Remembered::Nothing);
        tokio::time::advance(UNKNOWN_FOR).await;
        assert_eq!(keys.get(&[0; 32]), Remembered::No);
        let caller = testkit::caller(&testkit::tenant());
        keys.put([0; 32], Some(caller.clone()));
        assert_eq!(keys.get(&[0; 32]), Remembered::Caller(caller.clone()));
        tokio::time::advance(KNOWN_FOR).await;
        assert_eq!(keys.get(&[0; 32]), Remembered::Outdated);
        keys.put([0; 32], None);
        tokio::time::advance(UNKNOWN_FOR).await;
        assert_eq!(keys.get(&[0; 32]), Remembered::No, "it was revoked");
        keys.put([0; 32], Some(caller));
        tokio::time::advance(KNOWN_FOR + FAMILIAR_FOR).await;
        assert_eq!(keys.get(&[0; 32]), Remembered::No);
        for number in 0..25_000u32 {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            keys.put(hash, None);
        }
        assert!(keys.unknown.lock().unwrap().len() <= ENTRIES_MAX);
    }
}
