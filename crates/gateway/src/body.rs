//! Reading the body of an HTTP request, up to its limit.

use api::error::ApiError;
use axum::body::Body;
use bytes::Bytes;

/// The whole body; 413 if it is longer than `most` bytes, or breaks off.
pub async fn read(body: Body, most: usize) -> Result<Bytes, ApiError> {
    axum::body::to_bytes(body, most).await.map_err(|error| {
        tracing::debug!(%error, "body");
        too_large(most)
    })
}

/// 413
pub fn too_large(most: usize) -> ApiError {
    let mut refusal = ApiError::invalid(format!("The request is larger than {most} bytes, or its body broke off."));
    refusal.status = 413;
    refusal
}
