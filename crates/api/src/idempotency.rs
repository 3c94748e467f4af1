//! Idempotency keys: how far a request has got with its key, and which keys are in use in this process.

use crate::form::Node;
use contracts::{Caller, KeyKind};
use domain::commit::{KeyIdentity, RequestKey};
use http::Method;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::TenantId;

/// The longest key, in characters.
pub const KEY_MAX: usize = 255;

/// How many keys of requests that have ended are remembered at least, and half of how many at most. Of official client
/// libraries' repeats most come within seconds.
const RECENT_MIN: usize = 200_000;

/// The keys of requests in this process: of those under way, and of those that have ended lately.
#[derive(Clone, Default)]
pub struct KeysHere(Arc<Mutex<Here>>);

#[derive(Default)]
struct Here {
    running: HashSet<(TenantId, KeyIdentity)>,
    hasher: RandomState,
    /// Hashes of keys: a key that shares its hash with another one costs a look-up.
    recent: HashSet<u64>,
    before: HashSet<u64>,
}

/// Held while a request runs; releases the key when dropped.
pub struct Guard {
    here: KeysHere,
    key: (TenantId, KeyIdentity),
}

/// What is known of a key that a request comes with.
pub struct Entry {
    /// `None` if a request with the key is under way.
    pub guard: Option<Guard>,
    /// Whether a request with the key has ended lately.
    pub is_recent: bool,
}

impl KeysHere {
    pub fn enter(&self, tenant: TenantId, key: &KeyIdentity) -> Entry {
        let key = (tenant, key.clone());
        let mut here = self.locked();
        let hash = here.hasher.hash_one(&key);
        let is_recent = here.recent.contains(&hash) || here.before.contains(&hash);
        let guard = here.running.insert(key.clone()).then(|| Guard { here: self.clone(), key });
        Entry { guard, is_recent }
    }

    fn locked(&self) -> MutexGuard<'_, Here> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut here = self.here.locked();
        here.running.remove(&self.key);
        let hash = here.hasher.hash_one(&self.key);
        if here.recent.len() >= RECENT_MIN {
            here.before = std::mem::take(&mut here.recent);
        }
        here.recent.insert(hash);
    }
}

/// What makes two requests with the same key the same: method, path, and parameters.
pub fn fingerprint(method: &Method, path: &str, params: &Node) -> [u8; 32] {
    let mut text = Vec::with_capacity(256);
    text.extend_from_slice(method.as_str().as_bytes());
    text.push(b' ');
    text.extend_from_slice(path.as_bytes());
    text.push(b'\n');
    params.canonical(&mut text);
    Sha256::digest(&text).into()
}

/// A request's idempotency key, and how far the request has got.
pub struct Key {
    /// As it was sent.
    pub key: String,
    /// As the ledger knows it.
    pub identity: KeyIdentity,
    pub fingerprint: [u8; 32],
    state: AtomicU8,
}

/// How much of an idempotency key is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    Unused,
    /// Something was written; the answer was not known then.
    Running,
    Answered,
}

impl Key {
    pub fn new(key: String, caller: &Caller, fingerprint: [u8; 32]) -> Self {
        let identity = KeyIdentity::new(&key, is_public(caller), caller.livemode);
        Key { key, identity, fingerprint, state: AtomicU8::new(0) }
    }

    /// The key of an interrupted request, which is not answered yet. `None` if it cannot be read.
    pub fn interrupted(request: &RequestKey) -> Option<Self> {
        let mut fingerprint = [0u8; 32];
        for (at, byte) in fingerprint.iter_mut().enumerate() {
            *byte = u8::from_str_radix(request.fingerprint.get(at * 2..at * 2 + 2)?, 16).ok()?;
        }
        let (key, identity) = (request.key.clone(), request.identity());
        let key = Key { key, identity, fingerprint, state: AtomicU8::new(0) };
        key.advance(KeyState::Running);
        Some(key)
    }

    pub fn to_request_key(&self, caller: &Caller) -> RequestKey {
        let fingerprint = types::hex(&self.fingerprint);
        RequestKey { key: self.key.clone(), fingerprint, public: is_public(caller), livemode: caller.livemode }
    }

    pub fn state(&self) -> KeyState {
        match self.state.load(Ordering::Acquire) {
            0 => KeyState::Unused,
            1 => KeyState::Running,
            _ => KeyState::Answered,
        }
    }

    pub fn advance(&self, state: KeyState) {
        self.state.store(if state == KeyState::Running { 1 } else { 2 }, Ordering::Release);
    }
}

fn is_public(caller: &Caller) -> bool {
    caller.key == KeyKind::Publishable
}
