//! Answers to repeated requests.

use crate::call::Call;
use crate::error::{ApiError, Failure, Result};
use crate::expand;
use crate::json::pretty;
use contracts::IdempotencyRecord;
use domain::commit::{Answer, KeyIdentity};

/// The answer to a repeated request, out of the first request's record: status and body.
pub async fn replay(call: &Call, record: &IdempotencyRecord, tree: &expand::Tree) -> Result<(u16, String)> {
    let key = KeyIdentity::as_sent(&record.key);
    if call.key.as_ref().is_none_or(|key| key.fingerprint != record.fingerprint) {
        return Err(ApiError::key_reused(key).into());
    }
    match &record.answer {
        Answer::Running => Err(ApiError::key_in_use(key).into()),
        Answer::Body { status, body } => Ok((*status, body.clone())),
        Answer::Object { status, id, version } => {
            let stored = call.services.ledger.objects_at(call.tenant_id(), &[(*id, *version)]).await?;
            let facts = call.services.kinds.facts(id.kind);
            match (stored.into_iter().flatten().next(), facts) {
                (Some(stored), Some(facts)) => {
                    let body = pretty(&(facts.render)(&stored.state, &call.audience())?);
                    if !call.expands {
                        return Ok((*status, body));
                    }
                    // The first request was interrupted before its answer was expanded.
                    let body = expand::expanded(call, &body, tree).await?.unwrap_or(body);
                    match call.keep_expanded(*status, &body).await {
                        Ok(()) => Ok((*status, body)),
                        // Another process was faster, and its expansion is the answer.
                        Err(Failure::Replay(record)) => match record.answer {
                            Answer::Body { status, body } => Ok((status, body)),
                            Answer::Running | Answer::Object { .. } => Err(ApiError::key_in_use(key).into()),
                        },
                        Err(failure) => Err(failure),
                    }
                }
                _ => {
                    tracing::error!(%id, version, "the answer to a repeated request cannot be read");
                    Err(ApiError::internal().into())
                }
            }
        }
    }
}
