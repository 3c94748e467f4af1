//! Chance without memory: each number is a hash of the attempt's id, so that asking again gives the same number.

use domain::attempts::Attempt;
use sha2::{Digest, Sha256};

/// Facts of an answer that follow from nothing but the attempt's id.
pub struct Draw([u8; 32]);

impl Draw {
    pub fn of(attempt: &Attempt) -> Self {
        Draw(hash(b"sandbox reply", attempt))
    }

    /// The sandbox's name for the attempt: `sbx_` and 24 hexadecimal digits.
    pub fn reference(&self) -> String {
        format!("sbx_{}", types::hex(&self.0[..12]))
    }

    /// Six digits, as issuers give them.
    pub fn authorization_code(&self) -> String {
        format!("{:06}", word(&self.0[12..20]) % 1_000_000)
    }

    /// A stable number of the range, both ends included.
    pub fn risk_score(&self, (low, high): (u8, u8)) -> u8 {
        low + self.0[20] % (high - low + 1)
    }

    /// A number from 0 to `max`.
    pub fn up_to(&self, max: u64) -> u64 {
        let drawn = word(&self.0[24..32]);
        max.checked_add(1).map_or(drawn, |count| drawn % count)
    }
}

/// A number from 0 up to but not including 1. Each purpose has its own, and so has each leg of an attempt: the one
/// before the payer authenticated, the one after, and its cancellation.
pub fn share(purpose: &str, attempt: &Attempt) -> f64 {
    let leg = match attempt.authenticated {
        _ if purpose == "fault" && attempt.canceling.is_some() => "canceling",
        None => "first",
        Some(_) => "authenticated",
    };
    let drawn = word(&hash(format!("sandbox {purpose} {leg}").as_bytes(), attempt)[..8]);
    // The upper 32 bits, which a float holds exactly.
    u32::try_from(drawn >> 32).map_or(0.0, f64::from) / (f64::from(u32::MAX) + 1.0)
}

fn hash(purpose: &[u8], attempt: &Attempt) -> [u8; 32] {
    Sha256::new().chain_update(purpose).chain_update(attempt.id.value.as_bytes()).finalize().into()
}

/// The first eight bytes as a number.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::samples::attempt;
    use domain::attempts::Operation;

    #[test]
    fn the_same_attempt_draws_the_same() {
        let first = attempt(1, "sandbox:ok", Operation::Sale);
        let dearer = Attempt { amount: first.amount + 1, authenticated: Some(true), ..first.clone() };
        let other = attempt(2, "sandbox:ok", Operation::Sale);
        let reference = |attempt: &Attempt| Draw::of(attempt).reference();
        assert_eq!(reference(&first), reference(&dearer));
        assert_ne!(reference(&first), reference(&other));
        assert_eq!(reference(&first).len(), 28);
        assert_ne!(share("fault", &first), share("fault", &dearer), "each leg has its own luck");
        assert_ne!(share("fault", &first), share("pending", &first));
    }

    #[test]
    fn draws_stay_in_their_ranges() {
        for seed in 0..500 {
            let attempt = attempt(seed, "sandbox:ok", Operation::Sale);
            let draw = Draw::of(&attempt);
            let code = draw.authorization_code();
            assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
            assert!((3..=7).contains(&draw.risk_score((3, 7))));
            assert!(draw.up_to(9) <= 9);
            assert_eq!(draw.up_to(0), 0);
            draw.up_to(u64::MAX);
            assert!((0.0..1.0).contains(&share("fault", &attempt)));
        }
    }
}
