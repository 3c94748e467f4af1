//! Comparing secrets.

use sha2::{Digest, Sha256};

/// Compares without revealing by its time how much was right.
pub fn same_secret(given: &str, secret: &str) -> bool {
    Sha256::digest(given.as_bytes()) == Sha256::digest(secret.as_bytes())
}
