//! The idempotency keys of requests in this process: of those under way, and of those that have ended lately, with their
//! answers. What is remembered spares the ledger; it decides nothing that the ledger would decide otherwise.

use crate::idempotency::Key;
use crate::request::Answer;
use domain::commit::KeyIdentity;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, RandomState};
use std::mem::{replace, take};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use types::{TenantId, Timestamp};

/// How many keys of requests that have ended are remembered at least, and half of how many at most. Of official client
/// libraries' repeats most come within seconds.
const RECENT_MIN: usize = 200_000;

/// How many bytes of answers are kept at least, and half of how many at most: some ten thousand payments.
const ANSWERS_MIN: usize = 24 << 20;

/// How long an answer is given out of memory: not as long as the ledger keeps a key.
const ANSWERS_MAX_AGE: Duration = Duration::from_secs(3_600);

type TenantsKey = (TenantId, KeyIdentity);

/// The keys of requests in this process.
#[derive(Clone, Default)]
pub struct KeysHere(Arc<Mutex<Here>>);

#[derive(Default)]
struct Here {
    running: HashSet<TenantsKey>,
    hasher: RandomState,
    /// Hashes of keys: a key that shares its hash with another one costs a look-up.
    recent: Generations<u64, ()>,
    answers: Generations<TenantsKey, Kept>,
    /// The ledger's, when the answers were written.
    epoch: u64,
}

/// An answer that is written, or that follows from what is written, so that it is the answer to every repeated request.
#[derive(Clone)]
struct Kept {
    fingerprint: [u8; 32],
    status: u16,
    body: Arc<str>,
    since: Timestamp,
}

/// Held while a request runs; releases the key when dropped.
pub struct Guard {
    here: KeysHere,
    key: TenantsKey,
    /// In which the request began.
    epoch: u64,
}

/// What is known of a key that a request comes with.
pub struct Entry {
    /// `None` if a request with the key is under way.
    pub guard: Option<Guard>,
    /// The answer to the request before with the same key and parameters, if it is remembered.
    pub answer: Option<Answer>,
    /// Whether a request with the key has ended lately.
    pub is_recent: bool,
}

impl KeysHere {
    /// A request has come with this key, in this epoch of the ledger's.
    pub fn enter(&self, tenant: TenantId, key: &Key, epoch: u64, now: Timestamp) -> Entry {
        let tenants_key = (tenant, key.identity.clone());
        let mut here = self.locked();
        let forgotten = here.begin(epoch);
        let kept = here.answers.get(&tenants_key).filter(|kept| kept.answers(key, now)).cloned();
        let is_recent = here.recent.get(&here.hasher.hash_one(&tenants_key)).is_some();
        let is_new = kept.is_none() && here.running.insert(tenants_key.clone());
        drop(here);
        // What is large is copied, and freed, while no other request waits.
        drop(forgotten);
        let guard = is_new.then(|| Guard { here: self.clone(), key: tenants_key, epoch });
        Entry { guard, answer: kept.as_ref().map(Kept::to_answer), is_recent }
    }

    fn locked(&self) -> MutexGuard<'_, Here> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Here {
    /// In another epoch no answer is remembered any more: it may not be written where the ledger is now.
    fn begin(&mut self, epoch: u64) -> Option<Generations<TenantsKey, Kept>> {
        let is_another = replace(&mut self.epoch, epoch) != epoch;
        is_another.then(|| take(&mut self.answers))
    }
}

impl Kept {
    fn answers(&self, key: &Key, now: Timestamp) -> bool {
        self.fingerprint == key.fingerprint && now.since(self.since) < ANSWERS_MAX_AGE
    }

    fn to_answer(&self) -> Answer {
        Answer { status: self.status, body: self.body.as_ref().to_owned(), replayed: true, retry_after: None }
    }
}

impl Guard {
    /// The request has this answer, which is written.
    pub fn answered(&self, key: &Key, answer: &Answer, now: Timestamp) {
        let (fingerprint, status, body) = (key.fingerprint, answer.status, answer.body.as_str().into());
        let size = size_of::<(TenantsKey, Kept)>() + self.key.1.len() + answer.body.len();
        let mut here = self.here.locked();
        // In another epoch the ledger may lack the answer.
        if here.epoch == self.epoch {
            let kept = Kept { fingerprint, status, body, since: now };
            let forgotten = here.answers.insert(self.key.clone(), kept, size, ANSWERS_MIN);
            drop(here);
            drop(forgotten);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut here = self.here.locked();
        here.running.remove(&self.key);
        let hash = here.hasher.hash_one(&self.key);
        let forgotten = here.recent.insert(hash, (), 1, RECENT_MIN);
        drop(here);
        drop(forgotten);
    }
}

/// A map that forgets: what was put into it since it was last half full, and what was before that.
struct Generations<K, V> {
    recent: HashMap<K, V>,
    before: HashMap<K, V>,
    /// Of what is in `recent`.
    size: usize,
}

impl<K, V> Default for Generations<K, V> {
    fn default() -> Self {
        Generations { recent: HashMap::new(), before: HashMap::new(), size: 0 }
    }
}

impl<K: Eq + Hash, V> Generations<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        self.recent.get(key).or_else(|| self.before.get(key))
    }

    /// Puts something in that has this size, and returns what is older than the last `half`, to be freed.
    fn insert(&mut self, key: K, value: V, size: usize, half: usize) -> HashMap<K, V> {
        let mut forgotten = HashMap::new();
        if self.size >= half {
            forgotten = replace(&mut self.before, take(&mut self.recent));
            self.size = 0;
        }
        if self.recent.insert(key, value).is_none() {
            self.size += size;
        }
        forgotten
    }
}
