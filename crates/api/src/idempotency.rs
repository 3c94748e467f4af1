//! Idempotency keys: how far a request has got with its key, and which keys are in use in this process.

use crate::form::Node;
use contracts::{Caller, KeyKind};
use domain::commit::RequestKey;
use http::Method;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::TenantId;

/// The longest key, in characters.
pub const KEY_MAX: usize = 255;

/// What stands before a key in the ledger. A payer's keys are apart from the merchant's: with a publishable key nothing is learnt
/// of the merchant's keys, and none is used up.
const fn space(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Secret => "sk:",
        KeyKind::Publishable => "pk:",
    }
}

/// The key as it was sent, of a key of the ledger's.
pub fn as_sent(identity: &str) -> &str {
    identity.split_once(':').map_or(identity, |(_, key)| key)
}

/// How many keys of requests that have ended are remembered at least, and half of how many at most. Of official client
/// libraries' repeats most come within seconds.
const RECENT_MIN: usize = 200_000;

/// The keys of requests in this process: of those under way, and of those that have ended lately. They are as the ledger
/// knows them.
#[derive(Clone, Default)]
pub struct KeysHere(Arc<Mutex<Here>>);

#[derive(Default)]
struct Here {
    running: HashSet<(TenantId, String)>,
    hasher: RandomState,
    /// Hashes of keys: a key that shares its hash with another one costs a look-up.
    recent: HashSet<u64>,
    before: HashSet<u64>,
}

/// Held while a request runs; releases the key when dropped.
pub struct Guard {
    here: KeysHere,
    key: (TenantId, String),
}

/// What is known of a key that a request comes with.
pub struct Entry {
    /// `None` if a request with the key is under way.
    pub guard: Option<Guard>,
    /// Whether a request with the key has ended lately.
    pub is_recent: bool,
}

impl KeysHere {
    pub fn enter(&self, tenant: TenantId, key: &str) -> Entry {
        let key = (tenant, key.to_owned());
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

/// What makes two requests with the same key the same: method, path, parameters, and whether it is `livemode`.
pub fn fingerprint(method: &Method, path: &str, params: &Node, caller: &Caller) -> [u8; 32] {
    let mut text = Vec::with_capacity(256);
    text.extend_from_slice(method.as_str().as_bytes());
    text.push(b' ');
    text.extend_from_slice(path.as_bytes());
    text.push(b'\n');
    text.push(if caller.livemode { b'l' } else { b't' });
    params.canonical(&mut text);
    Sha256::digest(&text).into()
}

/// A request's idempotency key, and how far the request has got.
pub struct Key {
    /// As it was sent.
    pub key: String,
    /// As the ledger knows it: with the space that it is in.
    pub identity: String,
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
    pub fn new(key: String, kind: KeyKind, fingerprint: [u8; 32]) -> Self {
        let identity = format!("{}{key}", space(kind));
        Key { key, identity, fingerprint, state: AtomicU8::new(0) }
    }

    /// The key of an interrupted request, which is not answered yet. `None` if it cannot be read.
    pub fn interrupted(request: &RequestKey) -> Option<Self> {
        let mut fingerprint = [0u8; 32];
        for (at, byte) in fingerprint.iter_mut().enumerate() {
            *byte = u8::from_str_radix(request.fingerprint.get(at * 2..at * 2 + 2)?, 16).ok()?;
        }
        let kind = if request.public { KeyKind::Publishable } else { KeyKind::Secret };
        let key = Key::new(request.key.clone(), kind, fingerprint);
        key.advance(KeyState::Running);
        Some(key)
    }

    pub fn to_request_key(&self, public: bool, livemode: bool) -> RequestKey {
        RequestKey { key: self.key.clone(), fingerprint: types::hex(&self.fingerprint), public, livemode }
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
