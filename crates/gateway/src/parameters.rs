//! Reads the parameters of an HTTP request: of its query, and of its body.

use crate::answer_headers::{IDEMPOTENCY_KEY, STRIPE_VERSION};
use api::error::ApiError;
use api::form::Node;
use api::version::API_VERSION;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http::request::Parts;

/// The parameters of query and body.
pub async fn read(parts: &Parts, body: Bytes) -> Result<Node, ApiError> {
    let mut params = Node::empty();
    if let Some(query) = parts.uri.query() {
        params.decode(query.as_bytes())?;
    }
    if body.is_empty() {
        return Ok(params);
    }
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or("application/x-www-form-urlencoded");
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/x-www-form-urlencoded" => params.decode(&body)?,
        "multipart/form-data" => read_multipart(&mut params, content_type, body).await?,
        other => {
            let shown: String = other.chars().take(80).collect();
            return Err(ApiError::invalid(format!(
                "Invalid request: parameters are sent as application/x-www-form-urlencoded or multipart/form-data, \
                 not {shown}."
            )));
        }
    }
    Ok(params)
}

async fn read_multipart(params: &mut Node, content_type: &str, body: Bytes) -> Result<(), ApiError> {
    let broken = |error: multer::Error| ApiError::invalid(format!("The multipart body cannot be read: {error}."));
    let boundary = multer::parse_boundary(content_type).map_err(broken)?;
    let stream = futures_util::stream::once(async move { Ok::<_, std::convert::Infallible>(body) });
    let mut parts = multer::Multipart::new(stream, boundary);
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        if part.file_name().is_some() {
            let message = format!("'{name}' is a file, and this operation takes none.");
            return Err(ApiError::invalid(message).param(name));
        }
        let text = part.text().await.map_err(broken)?;
        params.insert(&name, text)?;
    }
    Ok(())
}

/// The idempotency key, if there is one.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(&IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().map_err(|_| ApiError::invalid("Idempotency keys are made of ASCII characters."))?;
    Ok(Some(key.to_owned()))
}

/// Refuses a `Stripe-Version` that is no version. One shape is served, whatever version is asked for.
pub fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(&STRIPE_VERSION) else { return Ok(()) };
    let date = value.as_bytes().get(..10).unwrap_or_default();
    let is_date = date.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let rest = value.as_bytes().get(10..).unwrap_or_default();
    let plain = rest.iter().all(|byte| byte.is_ascii_alphanumeric() || b".;=_- v".contains(byte));
    if date.len() == 10 && is_date && plain && rest.len() < 80 {
        return Ok(());
    }
    Err(ApiError::invalid(format!("Invalid Stripe API version; this server speaks {API_VERSION}.")))
}
