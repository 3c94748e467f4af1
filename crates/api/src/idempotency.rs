//! Idempotency keys: how far a request has got with its key.

use crate::form::Node;
use contracts::{Caller, KeyKind};
use domain::commit::{KeyIdentity, RequestKey};
use http::Method;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicU8, Ordering};

/// The longest key, in characters.
pub const KEY_MAX: usize = 255;

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
