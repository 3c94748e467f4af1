//! The keys of the last seconds with their tenants, in memory: a busy client sends the same key thousands of times a second.

use contracts::Caller;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// For so long a key still works that was revoked, if PostgreSQL can be asked.
const KNOWN_FOR: Duration = Duration::from_secs(10);
/// For so long afterwards it is looked up before strange keys.
const FAMILIAR_FOR: Duration = Duration::from_secs(600);
/// After so long an outdated key that works all the same is looked up again.
const PUT_OFF_FOR: Duration = Duration::from_secs(1);
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
    /// It was a tenant's so lately that it works if PostgreSQL does not say otherwise.
    Stale,
    /// It was a tenant's a moment ago.
    Outdated,
    No,
}

/// A key that belongs to a tenant.
struct Known {
    caller: Caller,
    /// When PostgreSQL was asked, and said so: a key that was revoked afterwards is not younger for a late answer.
    confirmed: Instant,
    /// Until then it is not looked up.
    until: Instant,
    /// Until then it is believed if it cannot be looked up.
    last: Instant,
}

/// Keys that belong to a tenant and keys that do not are in two maps, so that guessed keys cannot push the others out.
pub(crate) struct AuthenticatedKeys {
    known: Mutex<HashMap<Hash, Known>>,
    unknown: Mutex<HashMap<Hash, Instant>>,
    stale_max: Duration,
}

impl AuthenticatedKeys {
    /// `stale_max` is for how long after it was confirmed a key may work.
    pub fn new(stale_max: Duration) -> Self {
        AuthenticatedKeys { known: Mutex::default(), unknown: Mutex::default(), stale_max }
    }

    pub fn get(&self, hash: &Hash) -> Remembered {
        let now = Instant::now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(hash) {
            Some(key) if key.until > now => return Remembered::Caller(key.caller.clone()),
            Some(key) if key.last > now => return Remembered::Stale,
            Some(key) if key.confirmed + KNOWN_FOR + FAMILIAR_FOR > now => return Remembered::Outdated,
            _ => (),
        }
        let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.get(hash).is_some_and(|until| *until > now) { Remembered::Nothing } else { Remembered::No }
    }

    /// Keeps what PostgreSQL has said when it was asked then; the key may have an end.
    pub fn put(&self, hash: Hash, caller: Option<Caller>, asked: Instant, ends: Option<Instant>) {
        let now = Instant::now();
        match caller {
            Some(caller) => {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                make_room(&mut known, |key| key.until > now);
                let before_end = |at: Instant| ends.map_or(at, |ends| at.min(ends));
                let (until, last) = (before_end(asked + KNOWN_FOR), before_end(asked + self.stale_max));
                known.insert(hash, Known { caller, confirmed: asked, until, last });
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

    /// PostgreSQL does not say now whose a stale key is: it is believed for a moment without being looked up again, but not longer
    /// than a key may work.
    pub fn put_off(&self, hash: &Hash) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.get_mut(hash) {
            key.until = key.until.max(key.last.min(Instant::now() + PUT_OFF_FOR));
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
        let keys = AuthenticatedKeys::new(Duration::ZERO);
        assert_eq!(keys.get(&[0; 32]), Remembered::No);
        keys.put([0; 32], None, Instant::now(), None);
        assert_eq!(keys.get(&[0; 32]), Remembered::Nothing);
        tokio::time::advance(UNKNOWN_FOR).await;
        assert_eq!(keys.get(&[0; 32]), Remembered::No);
        let caller = testkit::caller(&testkit::tenant());
        keys.put([0; 32], Some(caller.clone()), Instant::now(), None);
        assert_eq!(keys.get(&[0; 32]), Remembered::Caller(caller.clone()));
        tokio::time::advance(KNOWN_FOR).await;
        assert_eq!(keys.get(&[0; 32]), Remembered::Outdated);
        keys.put([0; 32], None, Instant::now(), None);
        tokio::time::advance(UNKNOWN_FOR).await;
        assert_eq!(keys.get(&[0; 32]), Remembered::No, "it was revoked");
        keys.put([0; 32], Some(caller), Instant::now(), None);
        tokio::time::advance(KNOWN_FOR + FAMILIAR_FOR).await;
        assert_eq!(keys.get(&[0; 32]), Remembered::No);
        for number in 0..25_000u32 {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            keys.put(hash, None, Instant::now(), None);
        }
        assert!(keys.unknown.lock().unwrap().len() <= ENTRIES_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_key_works_for_a_while_and_not_once_it_is_known_to_be_revoked() {
        let (keys, stale_max) = (AuthenticatedKeys::new(Duration::from_secs(30)), Duration::from_secs(30));
        let caller = testkit::caller(&testkit::tenant());
        let put_off = || {
            keys.put_off(&[0; 32]);
            keys.get(&[0; 32])
        };
        assert_eq!(put_off(), Remembered::No, "it was never known");
        let asked = Instant::now();
        tokio::time::advance(KNOWN_FOR).await;
        keys.put([0; 32], Some(caller.clone()), asked, None);
        let mut passed = KNOWN_FOR;
        while passed < stale_max {
            assert_eq!(keys.get(&[0; 32]), Remembered::Stale, "{passed:?}");
            assert_eq!(
                put_off(),
                Remembered::Caller(caller.clone()),
                "{passed:?}: it is not looked up for each request"
            );
            tokio::time::advance(PUT_OFF_FOR).await;
            passed += PUT_OFF_FOR;
        }
        assert_eq!(put_off(), Remembered::Outdated, "nothing says that it is a wrong one");
        keys.put([0; 32], Some(caller), Instant::now(), None);
        tokio::time::advance(KNOWN_FOR).await;
        keys.put([0; 32], None, Instant::now(), None);
        assert_eq!(put_off(), Remembered::Nothing);
        tokio::time::advance(UNKNOWN_FOR).await;
        assert_eq!(put_off(), Remembered::No);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_not_believed_after_its_end() {
        let keys = AuthenticatedKeys::new(Duration::from_secs(30));
        let caller = testkit::caller(&testkit::tenant());
        for end in [Duration::from_secs(3), Duration::from_secs(15)] {
            let now = Instant::now();
            keys.put([0; 32], Some(caller.clone()), now, Some(now + end));
            tokio::time::advance(end - Duration::from_millis(1)).await;
            keys.put_off(&[0; 32]);
            assert_eq!(keys.get(&[0; 32]), Remembered::Caller(caller.clone()), "{end:?}");
            tokio::time::advance(Duration::from_millis(1)).await;
            keys.put_off(&[0; 32]);
            assert_eq!(keys.get(&[0; 32]), Remembered::Outdated, "{end:?}");
        }
    }
}
