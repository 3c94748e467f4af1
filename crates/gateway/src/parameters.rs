//! Reads the parameters of an HTTP request: of its query, and of its body.

use crate::answer_headers::{IDEMPOTENCY_KEY, STRIPE_VERSION};
use api::error::ApiError;
use api::form::{Form, Node};
use api::version::API_VERSION;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http::request::Parts;

/// The parameters of query and body.
pub async fn read(parts: &Parts, body: Bytes) -> Result<Node, ApiError> {
    let mut form = Form::default();
    if let Some(query) = parts.uri.query() {
        form.decode(query.as_bytes())?;
    }
    if body.is_empty() {
        return Ok(form.into_params());
    }
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or("application/x-www-form-urlencoded");
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/x-www-form-urlencoded" => form.decode(&body)?,
        "multipart/form-data" => read_multipart(&mut form, content_type, body).await?,
        other => {
            let shown: String = other.chars().take(80).collect();
            return Err(ApiError::invalid(format!(
                "Invalid request: parameters are sent as application/x-www-form-urlencoded or multipart/form-data, \
                 not {shown}."
            )));
        }
    }
    Ok(form.into_params())
}

async fn read_multipart(form: &mut Form, content_type: &str, body: Bytes) -> Result<(), ApiError> {
    let broken = |error: multer::Error| ApiError::invalid(format!("The multipart body cannot be read: {error}."));
    let boundary = multer::parse_boundary(content_type).map_err(broken)?;
    let stream = futures_util::stream::once(async move { Ok::<_, std::convert::Infallible>(body) });
    let mut parts = multer::Multipart::new(stream, boundary);
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        if part.file_name().is_some() {
            return Err(ApiError::invalid("A file was sent, and this operation takes none.").param(name));
        }
        let value = part.bytes().await.map_err(broken)?;
        form.add(name.as_bytes(), value)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    const URL_ENCODED: &str = "application/x-www-form-urlencoded";
    const MULTIPART: &str = "multipart/form-data; boundary=xyz";

    async fn read_all(query: &str, content_type: &str, body: &[u8]) -> Result<Node, ApiError> {
        let request = http::Request::builder().uri(format!("/v1/customers?{query}")).header(CONTENT_TYPE, content_type);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        read(&parts, Bytes::copy_from_slice(body)).await
    }

    /// A multipart body with these parts, each with its name and its value.
    fn multipart(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let part = |(name, value): &(&str, &[u8])| {
            let head = format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            [head.as_bytes(), value, b"\r\n"].concat()
        };
        let mut body = parts.iter().map(part).collect::<Vec<_>>().concat();
        body.extend_from_slice(b"--xyz--\r\n");
        body
    }

    #[tokio::test]
    async fn a_parameter_is_the_same_wherever_it_stands() {
        let in_query = read_all("name=J%C3%B6&metadata[a]=1", URL_ENCODED, b"").await.unwrap();
        assert_eq!(read_all("", URL_ENCODED, "name=J\u{f6}&metadata%5Ba%5D=1".as_bytes()).await, Ok(in_query.clone()));
        let parts = multipart(&[("name", "J\u{f6}".as_bytes()), ("metadata[a]", b"1")]);
        assert_eq!(read_all("", MULTIPART, &parts).await, Ok(in_query.clone()));
        assert_eq!(read_all("name=J%C3%B6", URL_ENCODED, b"metadata[a]=1").await, Ok(in_query));
    }

    /// Multipart bodies were checked for none of it.
    #[tokio::test]
    async fn what_is_refused_is_refused_wherever_it_stands() {
        for (escaped, plain) in [("a%00b", &b"a\0b"[..]), ("%ff", &b"\xff"[..])] {
            let refusal = read_all(&format!("name={escaped}"), URL_ENCODED, b"").await.unwrap_err();
            assert_eq!(refusal.status, 400);
            let form = format!("name={escaped}");
            assert_eq!(read_all("", URL_ENCODED, form.as_bytes()).await, Err(refusal.clone()), "{escaped}");
            assert_eq!(read_all("", MULTIPART, &multipart(&[("name", plain)])).await, Err(refusal), "{escaped}");
        }
        let names: Vec<String> = (0..1_999).map(|number| format!("metadata[{number}]")).collect();
        let parts: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"1"[..])).collect();
        assert!(read_all("name=x", MULTIPART, &multipart(&parts)).await.is_ok());
        let refusal = read_all("name=x&email=x", MULTIPART, &multipart(&parts)).await.unwrap_err();
        assert!(refusal.message.contains("More than 2000 parameters"), "{refusal:?}");
        let encoded = names.iter().map(|name| format!("{name}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(read_all("name=x&email=x", URL_ENCODED, encoded.as_bytes()).await, Err(refusal));
    }

    #[tokio::test]
    async fn an_error_repeats_little_of_what_was_sent() {
        let long = "n".repeat(100_000);
        let file =
            format!("--xyz\r\nContent-Disposition: form-data; name=\"{long}\"; filename=\"x\"\r\n\r\n\r\n--xyz--\r\n");
        for (content_type, body) in [
            (URL_ENCODED, format!("{long}[=1").into_bytes()),
            (URL_ENCODED, format!("a=1&a[{long}]=1").into_bytes()),
            (MULTIPART, multipart(&[(&format!("{long}["), b"1")])),
            (MULTIPART, file.into_bytes()),
            ("multipart/form-data", long.clone().into_bytes()),
        ] {
            let error = read_all("", content_type, &body).await.unwrap_err();
            assert!(error.to_json().to_string().len() < 500, "{error:?}");
        }
    }
}
