//! The sandbox's webhooks. The sandbox sends none itself: a tester sends one, to have an attempt asked about at once.

use crate::processor::{Notice, WebhookError};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use platform::Secret;
use serde::Deserialize;
use sha2::Sha256;

/// HMAC-SHA256 of the body with `webhook_secret`, in hexadecimal.
const SIGNATURE: &str = "sandbox-signature";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    tenant: String,
    attempt: String,
}

/// Verifies and reads a notice.
pub fn read(secret: &Secret, headers: &HeaderMap, body: &[u8]) -> Result<Vec<Notice>, WebhookError> {
    if secret.is_empty() {
        return Err(WebhookError::Unsupported);
    }
    let given = headers.get(SIGNATURE).and_then(|value| unhex(value.as_bytes())).ok_or(WebhookError::Signature)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()).map_err(|_| WebhookError::Unsupported)?;
    mac.update(body);
    mac.verify_slice(&given).map_err(|_| WebhookError::Signature)?;
    let Body { tenant, attempt } =
        serde_json::from_slice(body).map_err(|error| WebhookError::Malformed(error.to_string()))?;
    Ok(vec![Notice { tenant, attempt, outcome: None }])
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(secret: &str, signature: &str, body: &str) -> Result<Vec<Notice>, WebhookError> {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE, signature.parse().unwrap());
        read(&Secret::from(secret.to_owned()), &headers, body.as_bytes())
    }

    #[test]
    fn only_what_is_signed_is_read() {
        let body = r#"{"tenant":"acct_1","attempt":"att_1"}"#;
        // `printf %s "$body" | openssl dgst -sha256 -hmac whsec`
        let signature = "324870101bc5132994b0233c5c1c99e51a79e516dac26b91f40f4ecc291ef2e0";
        let notices = read_with("whsec", signature, body).unwrap();
        assert_eq!(notices, [Notice { tenant: "acct_1".into(), attempt: "att_1".into(), outcome: None }]);
        for (secret, signature, body) in
            [("other", signature, body), ("whsec", "00", body), ("whsec", "x", body), ("whsec", signature, "{}")]
        {
            assert_eq!(read_with(secret, signature, body), Err(WebhookError::Signature));
        }
        assert_eq!(read_with("", signature, body), Err(WebhookError::Unsupported));
    }
}
