use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How much the edge takes. What is over a limit is refused with an error that says so, or its connection is closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a request's line and headers (default 32 KiB, at least 8 KiB).
    pub header_bytes_max: u32,
    /// Bytes of a request's body (default 1 MiB).
    pub body_bytes_max: usize,
    /// Bytes of a request with a publishable key, body and query together (default 32 KiB): what payers say is short.
    pub payer_body_bytes_max: usize,
    /// Milliseconds from a connection's beginning until its first request's headers have arrived (default 10,000).
    pub header_timeout_ms: u64,
    /// Milliseconds in which a request's body must arrive (default 10,000).
    pub body_timeout_ms: u64,
    /// Milliseconds until a request is answered, its body read (default 60,000). What it has begun to change goes on.
    pub request_timeout_ms: u64,
    /// Milliseconds in which the client must take an answer (default 30,000).
    pub send_timeout_ms: u64,
    /// Milliseconds that a connection stays open without a request (default 90,000). Balancers keep theirs for 60 or 75 seconds: theirs must end
    /// first, or they send a request into one that is being closed.
    pub idle_timeout_ms: u64,
    /// Requests at work at the same time (default 1,024); more are answered 429 with `Retry-After`.
    pub requests_max: usize,
    /// Requests at the same time on one HTTP/2 connection (default 100); clients wait with more.
    pub streams_max: u32,
    /// Connections at the same time (default 8,192); for more, those make room that can best be done without.
    pub connections_max: usize,
    /// Bytes of requests that arrive, and of answers that clients have not taken yet (default 256 MiB); while there are
    /// more, requests are answered 429. Of these, strangers have a quarter.
    pub held_bytes_max: usize,
    /// The part of `connections_max` and of `held_bytes_max` that one client address may have (default a quarter).
    pub address_share: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            header_bytes_max: 32 << 10,
            body_bytes_max: 1 << 20,
            payer_body_bytes_max: 32 << 10,
            header_timeout_ms: 10_000,
            body_timeout_ms: 10_000,
            request_timeout_ms: 60_000,
            send_timeout_ms: 30_000,
            idle_timeout_ms: 90_000,
            requests_max: 1_024,
            streams_max: 100,
            connections_max: 8_192,
            held_bytes_max: 256 << 20,
            address_share: 0.25,
        }
    }
}

impl Limits {
    /// hyper takes no less.
    pub const HEADER_BYTES_MIN: u32 = 8 << 10;

    /// Values that cannot work; each problem names its key.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (key, value) in [
            ("body_bytes_max", self.body_bytes_max as u64),
            ("header_timeout_ms", self.header_timeout_ms),
            ("body_timeout_ms", self.body_timeout_ms),
            ("request_timeout_ms", self.request_timeout_ms),
            ("send_timeout_ms", self.send_timeout_ms),
            ("idle_timeout_ms", self.idle_timeout_ms),
            ("requests_max", self.requests_max as u64),
            ("streams_max", self.streams_max.into()),
            ("connections_max", self.connections_max as u64),
            ("held_bytes_max", self.held_bytes_max as u64),
        ] {
            if value == 0 {
                problems.push(format!("limits.{key}: must be at least 1"));
            }
        }
        for (key, value) in [("requests_max", self.requests_max), ("connections_max", self.connections_max)] {
            if value > Semaphore::MAX_PERMITS {
                problems.push(format!("limits.{key}: must be at most {}", Semaphore::MAX_PERMITS));
            }
        }
        // A body has to be held whole.
        let of_one = self.share_of(self.held_bytes_max).min(self.held_bytes_max - self.held_bytes_max / 4);
        if self.body_bytes_max > of_one {
            problems.push(format!(
                "limits.body_bytes_max: must be at most {of_one}: no more is held for one client \
                 (limits.held_bytes_max, limits.address_share)"
            ));
        }
        if self.header_bytes_max < Self::HEADER_BYTES_MIN {
            problems.push(format!("limits.header_bytes_max: must be at least {}", Self::HEADER_BYTES_MIN));
        }
        if !(self.address_share > 0.0 && self.address_share <= 1.0) {
            problems.push("limits.address_share: must be more than 0, and 1 at most".to_owned());
        }
        problems
    }

    /// The part of something that one client address may have.
    pub(crate) fn share_of(&self, all: usize) -> usize {
        ((all as f64 * self.address_share) as usize).max(1)
    }
}

pub(crate) fn millis(limit: u64) -> Duration {
    Duration::from_millis(limit)
}

/// Counts that a limit was reached, by the name of its key.
pub(crate) fn reached(limit: &'static str) {
    crate::metrics::limits_reached(limit).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_cannot_work() {
        assert_eq!(Limits::default().problems(), Vec::<String>::new());
        let too_many = usize::MAX;
        for (key, limits) in [
            ("body_bytes_max", Limits { body_bytes_max: 3 << 20, held_bytes_max: 8 << 20, ..Limits::default() }),
            ("body_bytes_max", Limits { body_bytes_max: 32 << 20, address_share: 0.1, ..Limits::default() }),
            ("requests_max", Limits { requests_max: too_many, ..Limits::default() }),
            ("connections_max", Limits { connections_max: too_many, ..Limits::default() }),
        ] {
            let [problem] = &limits.problems()[..] else { panic!("{:?}", limits.problems()) };
            assert!(problem.starts_with(&format!("limits.{key}: ")), "{problem}");
        }
    }
}
