//! Writes the bytes of requests.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::Arc;
use types::{Entropy, SystemEntropy};

/// A tenant that sends requests: the headers of all of them, and ids for reads.
#[derive(Clone)]
pub struct Caller {
    /// The secret key is among them, so this type is not `Debug`.
    headers: Vec<u8>,
    pub known: Known,
}

/// Some ids of what is stored for a tenant.
#[derive(Clone, Default)]
pub struct Known {
    /// Customers to pay for and to list payments of.
    pub customers: Vec<String>,
    /// Payment intents to read.
    pub intents: Vec<String>,
    /// Orders to search payments by.
    pub orders: Vec<String>,
    /// Events to read.
    pub events: Vec<String>,
}

impl Caller {
    /// `host` is the server's, with its port.
    pub fn new(host: &str, key: &str, known: Known) -> Caller {
        let headers = format!(" HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n").into_bytes();
        Caller { headers, known }
    }
}

/// Writes one request after the other into the same buffer.
pub struct Writer {
    pub callers: Arc<Vec<Caller>>,
    /// Whose turn it is.
    turn: usize,
    bytes: Vec<u8>,
    /// The idempotency key of the latest `post`.
    pub key: String,
    pub form: Vec<u8>,
    entropy: SystemEntropy,
}

impl Writer {
    /// Writers with different turns begin with different callers, which spreads the load.
    pub fn new(callers: Arc<Vec<Caller>>, turn: usize) -> Writer {
        let (bytes, form) = (Vec::with_capacity(1024), Vec::with_capacity(256));
        Writer { callers, turn, bytes, key: String::new(), form, entropy: SystemEntropy::new() }
    }

    /// The caller whose turn it is; `None` only when there are no callers.
    pub fn caller(&self) -> Option<&Caller> {
        self.callers.get(self.turn % self.callers.len().max(1))
    }

    pub fn next_caller(&mut self) {
        self.turn = self.turn.wrapping_add(1);
    }

    /// A random number below `end`.
    pub fn draw(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.entropy.next_u64() % end).unwrap_or_default()
    }

    pub fn request(&self) -> &[u8] {
        &self.bytes
    }

    pub fn get(&mut self, path: &str) {
        self.begin("GET ", path);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// With an idempotency key that has never been used: 32 random hexadecimal digits, as client libraries make them.
    pub fn post(&mut self, path: &str, form: std::fmt::Arguments<'_>) {
        self.begin("POST ", path);
        self.form.clear();
        self.key.clear();
        let (high, low) = (self.entropy.next_u64(), self.entropy.next_u64());
        // Writing into memory cannot fail.
        let _ = self.form.write_fmt(form);
        let _ = write!(self.key, "{high:016x}{low:016x}");
        let _ = write!(
            self.bytes,
            "idempotency-key: {}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
            self.key,
            self.form.len()
        );
        self.bytes.extend_from_slice(&self.form);
    }

    /// A request that was sent before.
    pub fn again(&mut self, request: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(request);
    }

    fn begin(&mut self, method: &str, path: &str) {
        self.bytes.clear();
        self.bytes.extend_from_slice(method.as_bytes());
        self.bytes.extend_from_slice(path.as_bytes());
        if let Some(caller) = self.callers.get(self.turn % self.callers.len().max(1)) {
            self.bytes.extend_from_slice(&caller.headers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_whole_requests() {
        let callers = ["a", "b"].map(|key| Caller::new("127.0.0.1:1", key, Known::default()));
        let mut writer = Writer::new(Arc::new(callers.into()), 1);
        writer.get("/v1/balance");
        assert_eq!(
            writer.request(),
            b"GET /v1/balance HTTP/1.1\r\nhost: 127.0.0.1:1\r\nauthorization: Bearer b\r\n\r\n"
        );
        writer.next_caller();
        writer.post("/v1/refunds", format_args!("amount={}", 12));
        let first = String::from_utf8(writer.request().to_vec()).unwrap();
        assert!(first.starts_with("POST /v1/refunds HTTP/1.1\r\nhost: 127.0.0.1:1\r\nauthorization: Bearer a\r\n"));
        assert!(first.ends_with("\r\ncontent-length: 9\r\n\r\namount=12"), "{first}");
        writer.post("/v1/refunds", format_args!("amount={}", 12));
        assert_ne!(writer.request(), first.as_bytes(), "the idempotency key is new");
    }
}
