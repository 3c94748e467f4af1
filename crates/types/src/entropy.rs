use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};

/// Randomness as an argument: the operating system's in production, a seeded one in tests and simulations.
pub trait Entropy: Send {
    fn next_u64(&mut self) -> u64;

    /// `length` ASCII letters and digits, uniformly chosen.
    fn alphanumeric(&mut self, length: usize) -> String {
        const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let mut bits = self.next_u64();
            // Ten 6-bit draws a word; 62 and 63 are thrown away so that each letter is equally likely.
            for _ in 0..10 {
                if let Some(letter) = LETTERS.get((bits & 63) as usize)
                    && text.len() < length
                {
                    text.push(char::from(*letter));
                }
                bits >>= 6;
            }
        }
        text
    }
}

/// A cryptographic generator seeded by the operating system, fit for secrets.
pub struct SystemEntropy(StdRng);

impl SystemEntropy {
    /// Seeds a generator from the operating system.
    pub fn new() -> Self {
        let mut seed = [0u8; 32];
        // Without randomness no key or id may be made: a process that cannot get any must not go on.
        #[allow(clippy::expect_used)]
        SysRng.try_fill_bytes(&mut seed).expect("the operating system gives random bytes");
        SystemEntropy(StdRng::from_seed(seed))
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// The same seed gives the same values: for tests and simulations, never for secrets.
pub struct SeededEntropy(StdRng);

impl SeededEntropy {
    pub fn new(seed: u64) -> Self {
        SeededEntropy(StdRng::seed_from_u64(seed))
    }
}

impl Entropy for SeededEntropy {
    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}
