//! Authentication: a key as bearer token, or as the user name of HTTP Basic.

use crate::limits::reached;
use api::error::ApiError;
use base64::Engine;
use contracts::{Caller, Identity, IdentityError};
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The key that a request shows, if it shows any.
fn key(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credentials.to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = base64::engine::general_purpose::STANDARD.decode(credentials).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        return Some(text.split_once(':').map_or(text.as_str(), |(user, _)| user).to_owned());
    }
    None
}

/// Finds the caller, whose key is returned with it, or says what is wrong with the key.
pub async fn authenticate(identity: &dyn Identity, headers: &HeaderMap) -> Result<(Caller, String), ApiError> {
    let Some(key) = key(headers).filter(|key| !key.is_empty()) else {
        return Err(ApiError::unauthenticated(
            "You did not provide an API key. Send it in the Authorization header, as 'Bearer YOUR_SECRET_KEY', or as the \
             user name of HTTP Basic authentication.",
        ));
    };
    let caller = identity.authenticate(&key).await.map_err(|error| match error {
        IdentityError::Overloaded => {
            reached("look_ups");
            ApiError::overloaded()
        }
        IdentityError::Unavailable(error) => {
            tracing::error!(error, "authentication");
            ApiError::unavailable()
        }
    })?;
    let caller =
        caller.ok_or_else(|| ApiError::unauthenticated(format!("Invalid API Key provided: {}", redacted(&key))))?;
    match headers.get("stripe-account").map(|value| value.to_str().unwrap_or_default()) {
        Some(account) if account != caller.tenant.id.to_string() => {
            let shown: String = account.chars().take(40).collect();
            let mut error = ApiError::forbidden(format!(
                "The provided key '{}' does not have access to account '{shown}' (or that account does not exist).",
                redacted(&key)
            ));
            error.code = Some("account_invalid");
            Err(error)
        }
        _ => Ok((caller, key)),
    }
}

/// What may be repeated of a key: its prefix and its last four characters.
fn redacted(key: &str) -> String {
    let known = ["sk_test_", "pk_test_", "rk_test_", "sk_live_", "pk_live_", "rk_live_"];
    let prefix = known.into_iter().find(|prefix| key.starts_with(prefix)).unwrap_or_default();
    let rest: Vec<char> = key.chars().skip(prefix.len()).collect();
    match rest.len() {
        0..=12 => format!("{prefix}{}", "*".repeat(rest.len().min(12))),
        length => format!("{prefix}{}{}", "*".repeat(8), rest[length - 4..].iter().collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_bearer_and_basic() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            key(&headers)
        };
        assert_eq!(with("Bearer sk_test_1").as_deref(), Some("sk_test_1"));
        assert_eq!(with("basic c2tfdGVzdF8xOg==").as_deref(), Some("sk_test_1"));
        assert_eq!(with("Basic ???"), None);
        assert_eq!(with("Digest x"), None);
        assert_eq!(key(&HeaderMap::new()), None);
    }

    #[test]
    fn never_repeats_a_key() {
        assert_eq!(redacted("sk_test_abcdefghijklmnopqrstuvwx"), "sk_test_********uvwx");
        assert_eq!(redacted("hunter2"), "*******");
        assert_eq!(redacted("sk_live_short"), "sk_live_*****");
    }
}
