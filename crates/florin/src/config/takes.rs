//! What each key takes, in words, and which numbers.

use super::key_names::leaves;
use super::{Config, ServerConfig};
use serde_json::Value;
use std::ops::RangeInclusive;

/// Numbers of which 0 makes no sense.
const FROM_ONE: &[&str] = &[
    "limits.body_bytes_max",
    "limits.header_timeout_ms",
    "limits.body_timeout_ms",
    "limits.request_timeout_ms",
    "limits.send_timeout_ms",
    "limits.idle_timeout_ms",
    "limits.requests_max",
    "limits.streams_max",
    "limits.connections_max",
    "limits.held_bytes_max",
    "database.pool_size",
    "database.connect_timeout_ms",
    "ledger.batch_max",
    "ledger.batch_bytes_max",
    "ledger.queue_max",
    "ledger.writers",
    "scans.pool_size",
    "scans.of_tenant_max",
    "scans.statement_timeout_ms",
    "worker.poll_ms",
];

/// PostgreSQL takes no longer times.
const MS_MAX: u64 = i32::MAX as u64;
const BYTES_MAX: u64 = u32::MAX as u64;
/// More would not fit into a machine.
const HELD_BYTES_MAX: u64 = 1 << 40;
const COUNT_MAX: u64 = 1_000_000_000;
/// Connections of a pool: each of PostgreSQL's is a process. Room for them is made at the start.
const CONNECTIONS_MAX: u64 = 10_000;
/// Each committer has a thread and a connection.
const WRITERS_MAX: u64 = 256;

/// The whole numbers that a key takes.
fn range(key: &str) -> RangeInclusive<u64> {
    let from = match key {
        "limits.header_bytes_max" => gateway::Limits::HEADER_BYTES_MIN.into(),
        _ => u64::from(FROM_ONE.contains(&key)),
    };
    let to = match key {
        "database.pool_size" | "scans.pool_size" => CONNECTIONS_MAX,
        "ledger.writers" => WRITERS_MAX,
        "limits.held_bytes_max" => HELD_BYTES_MAX,
        _ if key.ends_with("_ms") => MS_MAX,
        _ if key.contains("bytes_") => BYTES_MAX,
        _ => COUNT_MAX,
    };
    from..=to
}

/// What a key takes: `a whole number of milliseconds, from 1 to 2147483647`.
pub fn takes(key: &str, default: &Value) -> String {
    match (key, default) {
        ("server.listen" | "server.health_listen", _) => {
            format!("an address and a port, such as {}", ServerConfig::default().listen)
        }
        ("server.trusted_proxies", _) => "a list of addresses and networks, such as 10.0.0.0/8".to_owned(),
        ("telemetry.log_format", _) => "auto, json or human".to_owned(),
        (_, Value::Bool(_)) => "true or false".to_owned(),
        (_, Value::Number(number)) if number.is_f64() => "a number from 0 to 1".to_owned(),
        (_, Value::Number(_)) => {
            let unit = match key {
                _ if key.ends_with("_ms") => " of milliseconds",
                _ if key.contains("bytes_") => " of bytes",
                _ => "",
            };
            let range = range(key);
            format!("a whole number{unit}, from {} to {}", range.start(), range.end())
        }
        (_, Value::Array(_)) => "a list of texts".to_owned(),
        (_, Value::Object(_)) => format!("a section, [{key}]"),
        _ => "a text".to_owned(),
    }
}

/// As [`takes`], for the known key that a path is of, and that key: `server.trusted_proxies` of `server.trusted_proxies.0`. `None`
/// for a path that is no key's.
pub fn takes_at(path: &[String]) -> Option<(String, String)> {
    let all = serde_json::to_value(Config::default()).ok()?;
    let mut value = &all;
    let mut known = Vec::new();
    for part in path {
        let Some(next) = value.get(part) else { break };
        value = next;
        known.push(part.as_str());
    }
    let key = known.join(".");
    (!known.is_empty()).then(|| (takes(&key, value), key))
}

/// Whole numbers that their keys do not take.
pub fn out_of_range(config: &Config) -> serde_json::Result<Vec<String>> {
    let all = leaves(&serde_json::to_value(config)?);
    let wrong = all.iter().filter_map(|(key, value)| {
        let number = value.as_u64()?;
        (!range(key).contains(&number)).then(|| format!("{key}: must be {}, not {number}", takes(key, value)))
    });
    Ok(wrong.collect())
}

#[cfg(test)]
mod tests {
    use super::super::key_names::defaults;
    use super::*;

    #[test]
    fn every_default_is_in_its_range_and_every_exception_is_a_key() {
        assert_eq!(out_of_range(&Config::default()).unwrap(), Vec::<String>::new());
        let keys: Vec<String> = defaults().unwrap().into_iter().map(|(key, _)| key).collect();
        for key in FROM_ONE {
            assert!(keys.iter().any(|known| known == key), "{key}");
        }
    }

    #[test]
    fn numbers_that_would_not_fit_are_refused() {
        let mut config = Config::default();
        // deadpool would ask for the memory at once, tokio's semaphore panics, PostgreSQL refuses the time.
        config.database.pool_size = 1 << 40;
        config.limits.requests_max = usize::MAX;
        config.database.statement_timeout_ms = u64::MAX;
        config.worker.poll_ms = 0;
        let problems = out_of_range(&config).unwrap();
        let expected = [
            "limits.requests_max: must be a whole number, from 1 to 1000000000",
            "database.pool_size: must be a whole number, from 1 to 10000",
            "database.statement_timeout_ms: must be a whole number of milliseconds, from 0 to 2147483647",
            "worker.poll_ms: must be a whole number of milliseconds, from 1 to 2147483647, not 0",
        ];
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{problem}");
        }
        assert_eq!(problems.len(), expected.len());
    }
}
