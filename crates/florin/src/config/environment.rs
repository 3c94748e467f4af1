//! Environment variables: `FLORIN_SERVER_LISTEN` for `server.listen`.

use super::key_names::{defaults, nearest};
use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};
use std::collections::BTreeMap;

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

/// The variables that set a key. One with the prefix that sets none is an error that names it.
pub fn read(variables: impl Iterator<Item = (String, String)>) -> anyhow::Result<Vec<Variable>> {
    let mut known = BTreeMap::new();
    for (key, default) in defaults()? {
        known.insert(variable_of(&key), (key, default));
    }
    let mut found = Vec::new();
    for (name, text) in variables {
        if !name.starts_with(PREFIX) || NOT_KEYS.contains(&name.as_str()) {
            continue;
        }
        let Some((key, default)) = known.get(&name) else {
            anyhow::bail!("environment: unknown variable {name}{}", nearest(&name, known.keys()));
        };
        let value = parse(&text, default)
            .ok_or_else(|| anyhow::anyhow!("environment: {name} ({key}) must be {}, not {text:?}", kind(default)))?;
        found.push(Variable { name, key: key.clone(), value });
    }
    Ok(found)
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

fn kind(default: &serde_json::Value) -> &'static str {
    match default {
        serde_json::Value::Bool(_) => "true or false",
        serde_json::Value::Number(number) if number.is_f64() => "a number",
        serde_json::Value::Number(_) => "a whole number",
        _ => "a text",
    }
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
        let error = read([(name.to_owned(), value.to_owned())].into_iter()).err();
        error.map(|error| error.to_string()).unwrap_or_default()
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
            "environment: FLORIN_DATABASE_POOL_SIZE (database.pool_size) must be a whole number, not \"many\""
        );
        assert_eq!(refusal("FLORIN_URL", "http://x"), "");
        assert_eq!(refusal("FLORINE", "x"), "");
    }

    #[test]
    fn no_two_keys_share_a_variable() {
        let keys = defaults().unwrap();
        let names: std::collections::BTreeSet<String> = keys.iter().map(|(key, _)| variable_of(key)).collect();
        assert_eq!(names.len(), keys.len());
    }
}
