use serde::{Deserialize, Serialize};

/// How much the edge takes. What is over a limit is refused with an error that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a request's body (default 1 MiB).
    pub body_bytes_max: usize,
    /// Bytes of a request with a publishable key, body and query together (default 32 KiB): what payers say is short.
    pub payer_body_bytes_max: usize,
    /// Milliseconds until a request is answered, its body read (default 60,000). What it began goes on.
    pub request_timeout_ms: u64,
    /// Milliseconds in which a request's headers must arrive (default 10,000).
    pub header_timeout_ms: u64,
    /// Requests at the same time (default 1,024); more are answered 429 with `Retry-After`.
    pub requests_max: usize,
    /// Connections at the same time (default 8,192); more wait to be accepted.
    pub connections_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_bytes_max: 1 << 20,
            payer_body_bytes_max: 32 << 10,
            request_timeout_ms: 60_000,
            header_timeout_ms: 10_000,
            requests_max: 1_024,
            connections_max: 8_192,
        }
    }
}
