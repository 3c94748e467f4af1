use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

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

/// The thread's cryptographic generator, seeded by the operating system: fit for secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy(());

impl SystemEntropy {
    pub fn new() -> Self {
        Self::default()
    }
}

impl Entropy for SystemEntropy {
    fn next_u64(&mut self) -> u64 {
        rand::rng().next_u64()
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
