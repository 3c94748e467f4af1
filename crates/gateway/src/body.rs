//! Reading the body of an HTTP request, up to its limits.

use crate::connection::Work;
use crate::limits::{millis, reached};
use api::error::ApiError;
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};
use std::future::poll_fn;
use std::pin::Pin;

/// The whole body. 413 if it is longer than `most` bytes, 408 if it does not arrive in time, 429 if more is held for clients
/// than may be, 400 if it breaks off.
pub async fn read(work: &mut Work, body: Incoming, most: usize) -> Result<Bytes, ApiError> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let limit = work.limits().body_timeout_ms;
    let read = tokio::time::timeout(millis(limit), whole(work, body, most)).await.unwrap_or_else(|_| {
        reached("body_timeout_ms");
        Err(refusal(408, format!("The request's body did not arrive within {limit} milliseconds.")))
    });
    work.unread = read.is_err();
    read
}

async fn whole(work: &mut Work, mut body: Incoming, most: usize) -> Result<Bytes, ApiError> {
    let too_long = || too_large(most);
    // What it says of itself.
    if usize::try_from(body.size_hint().lower()).map_or(true, |bytes| bytes > most) {
        return Err(too_long());
    }
    let mut received = BytesMut::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| {
            tracing::debug!(%error, "body");
            refusal(400, "The request's body broke off.".to_owned())
        })?;
        let Ok(bytes) = frame.into_data() else { continue };
        if bytes.len() > most - received.len() {
            return Err(too_long());
        }
        work.hold(bytes.len());
        if work.has_too_much() {
            return Err(ApiError::overloaded());
        }
        if received.is_empty() && body.is_end_stream() {
            return Ok(bytes);
        }
        received.extend_from_slice(&bytes);
    }
    Ok(received.freeze())
}

/// 413
pub fn too_large(most: usize) -> ApiError {
    reached("body_bytes_max");
    refusal(413, format!("The request's body is larger than {most} bytes."))
}

fn refusal(status: u16, message: String) -> ApiError {
    let mut refusal = ApiError::invalid(message);
    refusal.status = status;
    refusal
}
