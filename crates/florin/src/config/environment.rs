//! Environment variables: `FLORIN_SERVER_LISTEN` for `server.listen`.

use super::key_names::{defaults, nearest};
use super::takes::takes;
use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};
use std::collections::BTreeMap;
use std::net::IpAddr;

const PREFIX: &str = "FLORIN_";

/// Variables with the prefix that are not keys of the config: arguments of commands, and those of the tests.
const NOT_KEYS: &[&str] = &[
    "FLORIN_URL",
    "FLORIN_SECRET_KEY",
    "FLORIN_CONFIG",
    "FLORIN_DATA",
    "FLORIN_DEV_SECRET_KEY",
    "FLORIN_BIN",
    "FLORIN_CAPTURES",
    "FLORIN_KEEP",
    "FLORIN_LOAD_S",
    "FLORIN_SEEDS",
    "FLORIN_TEST_COMMITS",
    "FLORIN_TEST_DATABASE_URL",
];

/// One key's value, from an environment variable.
pub struct Variable {
    name: String,
    /// For instance `server.listen`.
    key: String,
    value: Value,
}

/// The variable that sets a key: `FLORIN_SERVER_LISTEN` for `server.listen`.
pub fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// What the environment says.
#[derive(Default)]
pub struct Environment {
    pub variables: Vec<Variable>,
    /// Names of those that Kubernetes sets for a Service called florin, or florin and something: they say nothing to Florin.
    pub ignored: Vec<String>,
    pub problems: Vec<String>,
}

/// The variables with the prefix. One that sets no key, and could be meant to, is a problem.
pub fn read(variables: impl Iterator<Item = (String, String)>) -> anyhow::Result<Environment> {
    let mut known = BTreeMap::new();
    for (key, default) in defaults()? {
        known.insert(variable_of(&key), (key, default));
    }
    let mut found = Environment::default();
    for (name, text) in variables {
        if !name.starts_with(PREFIX) || NOT_KEYS.contains(&name.as_str()) {
            continue;
        }
        match known.get(&name) {
            Some((key, default)) => match parse(&text, default) {
                Some(value) => found.variables.push(Variable { name, key: key.clone(), value }),
                // The text is not repeated: it may be a URL with a password in the wrong place.
                None => found.problems.push(format!("environment: {name} ({key}) must be {}", takes(key, default))),
            },
            None if is_of_kubernetes(&name, &text) => found.ignored.push(name),
            None => {
                found.problems.push(format!("environment: unknown variable {name}{}", nearest(&name, known.keys())))
            }
        }
    }
    Ok(found)
}

/// Whether Kubernetes sets such a variable for a Service, in the pods of its namespace: `FLORIN_SERVICE_HOST`, `…_SERVICE_PORT`,
/// `…_SERVICE_PORT_<name>`, `…_PORT`, and `…_PORT_8420_TCP` with `_PROTO`, `_PORT` and `_ADDR`. A Service's own name may go on
/// after `florin`.
fn is_of_kubernetes(name: &str, text: &str) -> bool {
    const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];
    let is_address = || {
        let lower = text.to_ascii_lowercase();
        PROTOCOLS.iter().any(|protocol| lower.starts_with(&format!("{}://", protocol.to_ascii_lowercase())))
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // With the underscore that the prefix ends with.
    let rest = &name[PREFIX.len() - 1..];
    let of_port = rest.match_indices("_PORT_").any(|(at, _)| {
        let mut parts = rest[at + "_PORT_".len()..].split('_');
        let (port, protocol, what) = (parts.next(), parts.next(), parts.next());
        let ends = parts.next().is_none();
        let port = port.is_some_and(is_number) && protocol.is_some_and(|name| PROTOCOLS.contains(&name));
        port && ends && what.map_or_else(is_address, |what| ["PROTO", "PORT", "ADDR"].contains(&what))
    });
    of_port
        || rest.ends_with("_SERVICE_HOST") && text.parse::<IpAddr>().is_ok()
        || (rest.ends_with("_SERVICE_PORT") || rest.contains("_SERVICE_PORT_")) && is_number(text)
        || rest.ends_with("_PORT") && is_address()
}

/// What a text means depends on the key, of which the default shows the type: `5` is a number for a limit, and a text
/// for a name.
fn parse(text: &str, default: &serde_json::Value) -> Option<Value> {
    use serde_json::Value as Json;
    Some(match default {
        Json::Bool(_) => Value::from(text.parse::<bool>().ok()?),
        Json::Number(number) if number.is_f64() => Value::from(text.parse::<f64>().ok()?),
        Json::Number(_) => Value::from(text.parse::<u64>().ok()?),
        Json::Array(_) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::from(items.map(|item| Value::from(item.to_owned())).collect::<Vec<_>>())
        }
        _ => Value::from(text.to_owned()),
    })
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("environment variable {}", self.name))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let mut dict = Dict::new();
        let mut parts = self.key.rsplit('.');
        if let Some(last) = parts.next() {
            dict.insert(last.to_owned(), self.value.clone());
        }
        for part in parts {
            dict = Dict::from([(part.to_owned(), Value::from(dict))]);
        }
        Ok(Profile::Default.collect(dict))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, value: &str) -> String {
        read([(name.to_owned(), value.to_owned())].into_iter()).unwrap().problems.concat()
    }

    #[test]
    fn names_what_is_wrong() {
        assert_eq!(
            refusal("FLORIN_SERVER_LISTN", "x"),
            "environment: unknown variable FLORIN_SERVER_LISTN, did you mean FLORIN_SERVER_LISTEN?"
        );
        assert_eq!(refusal("FLORIN_XYZ", "x"), "environment: unknown variable FLORIN_XYZ");
        assert_eq!(
            refusal("FLORIN_DATABASE_POOL_SIZE", "many"),
            "environment: FLORIN_DATABASE_POOL_SIZE (database.pool_size) must be a whole number, from 1 to 10000"
        );
        assert_eq!(refusal("FLORIN_URL", "http://x"), "");
        for of_tests in ["FLORIN_TEST_DATABASE_URL", "FLORIN_TEST_COMMITS", "FLORIN_SEEDS"] {
            assert_eq!(refusal(of_tests, "x"), "", "the binary is tested with them too");
        }
        assert_eq!(refusal("FLORINE", "x"), "");
    }

    /// They ended the start of every pod beside a Service called florin.
    #[test]
    fn what_kubernetes_sets_for_services_is_ignored_and_what_looks_like_it_is_not() {
        let of_service = |service: &str| {
            [
                ("SERVICE_HOST", "10.96.0.12"),
                ("SERVICE_PORT", "8420"),
                ("SERVICE_PORT_HTTP", "8420"),
                ("SERVICE_PORT_HEALTH_CHECK", "8421"),
                ("PORT", "tcp://10.96.0.12:8420"),
                ("PORT_8420_TCP", "tcp://10.96.0.12:8420"),
                ("PORT_8420_TCP_PROTO", "tcp"),
                ("PORT_8420_TCP_PORT", "8420"),
                ("PORT_8420_TCP_ADDR", "10.96.0.12"),
                ("PORT_53_UDP_ADDR", "fd00::1"),
            ]
            .map(|(name, text)| (format!("{service}_{name}"), text.to_owned()))
        };
        for service in ["FLORIN", "FLORIN_GATEWAY", "FLORIN_DATABASE", "FLORIN_SERVER", "FLORIN_V2_SERVICE"] {
            let found = read(of_service(service).into_iter()).unwrap();
            assert_eq!((found.problems, found.ignored.len()), (Vec::new(), 10), "{service}");
        }
        for (meant, text) in [
            ("FLORIN_PORT", "8420"),
            ("FLORIN_SERVER_PORT", "8420"),
            ("FLORIN_SERVICE_HOST", "pay.example.com"),
            ("FLORIN_SERVICE_PORT", "http"),
            ("FLORIN_PORT_8420", "tcp://10.96.0.12:8420"),
            ("FLORIN_PORT_8420_TCP_ADDRESS", "10.96.0.12"),
            ("FLORIN_TELEMETRY_SERVICE_NAMES", "x"),
        ] {
            assert!(refusal(meant, text).contains(&format!("unknown variable {meant}")), "{meant}");
        }
    }

    #[test]
    fn no_two_keys_share_a_variable() {
        let keys = defaults().unwrap();
        let names: std::collections::BTreeSet<String> = keys.iter().map(|(key, _)| variable_of(key)).collect();
        assert_eq!(names.len(), keys.len());
    }
}
