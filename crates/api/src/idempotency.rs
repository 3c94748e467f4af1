//! Idempotency keys: the store keeps answers, this keeps track of requests that are running in this process.

use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::expand;
use crate::form::Node;
use crate::json::pretty;
use contracts::{IdempotencyRecord, KeyKind};
use domain::commit::Answer;
use http::Method;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use types::TenantId;

/// The longest key, in characters.
pub const KEY_MAX: usize = 255;

/// The keys of requests under way.
#[derive(Clone, Default)]
pub struct Running(Arc<Mutex<HashSet<(TenantId, String)>>>);

/// Held while a request runs; gives the key back when dropped.
pub struct Guard {
    running: Running,
    key: (TenantId, String),
}

impl Running {
    /// `None` when a request with the key is under way here.
    pub fn enter(&self, tenant: TenantId, key: &str) -> Option<Guard> {
        let key = (tenant, key.to_owned());
        let mut keys = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        keys.insert(key.clone()).then(|| Guard { running: self.clone(), key })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut keys = self.running.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        keys.remove(&self.key);
    }
}

/// What makes two requests the same: method, path, parameters, and how much the key may see.
pub fn fingerprint(method: &Method, path: &str, params: &Node, kind: KeyKind) -> [u8; 32] {
    let mut text = Vec::with_capacity(256);
    text.extend_from_slice(method.as_str().as_bytes());
    text.push(b' ');
    text.extend_from_slice(path.as_bytes());
    text.push(if kind == KeyKind::Secret { b'\n' } else { b'\r' });
    params.canonical(&mut text);
    Sha256::digest(&text).into()
}

/// The answer that a record stands for: status and body.
pub async fn replay(
    call: &Call,
    fingerprint: &[u8; 32],
    record: &IdempotencyRecord,
    tree: &expand::Tree,
) -> Result<(u16, String)> {
    if record.fingerprint != *fingerprint {
        return Err(ApiError::key_reused(&record.key).into());
    }
    match &record.answer {
        Answer::Running => Err(ApiError::key_in_use(&record.key).into()),
        Answer::Body { status, body } => Ok((*status, body.clone())),
        Answer::Object { status, id, version } => {
            let stored = call.api.ledger.objects_at(call.tenant_id(), &[(*id, *version)]).await?;
            let facts = call.api.registry.facts(id.kind);
            match (stored.into_iter().flatten().next(), facts) {
                (Some(stored), Some(facts)) => {
                    let body = pretty(&(facts.render)(&stored.state, &call.view())?);
                    if !call.expands {
                        return Ok((*status, body));
                    }
                    // The first request was interrupted before its answer was expanded.
                    let body = expand::expanded(call, &body, tree).await?;
                    call.keep_expanded(*status, &body).await?;
                    Ok((*status, body))
                }
                _ => {
                    tracing::error!(%id, version, "the answer to a repeated request cannot be read");
                    Err(ApiError::internal().into())
                }
            }
        }
    }
}
