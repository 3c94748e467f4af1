use super::environment::{leaves, variable_of};
use super::load::Loaded;
use serde::Serialize;
use serde_json::Value;

pub const DEFAULT: &str = "default";

/// Settings that are database URLs, and so may hold passwords.
const URLS: &[&str] = &["database.url", "database.owner_url"];

/// One setting as `florin config show` prints it: nothing in it is secret.
#[derive(Debug, Serialize)]
pub struct Setting {
    pub key: String,
    /// `null` when it is not set.
    pub value: Value,
    /// A file, an environment variable, or `default`.
    pub source: String,
    /// The environment variable that sets it.
    pub variable: String,
}

/// Every setting, with secrets masked.
pub fn settings_of(loaded: &Loaded) -> anyhow::Result<Vec<Setting>> {
    let all = leaves(&serde_json::to_value(&loaded.settings)?);
    Ok(all
        .into_iter()
        .map(|(key, value)| Setting {
            source: loaded.source(&key),
            variable: variable_of(&key),
            value: masked(&key, value),
            key,
        })
        .collect())
}

fn masked(key: &str, value: Value) -> Value {
    match value {
        Value::String(url) if URLS.contains(&key) => Value::String(platform::database::masked(&url)),
        // User information in any other URL.
        Value::String(url) if url.contains("://") && url.contains('@') => {
            let (scheme, rest) = url.split_once("://").unwrap_or((&url, ""));
            let place = rest.split_once('@').map_or(rest, |(_, place)| place);
            Value::String(format!("{scheme}://********@{place}"))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, load};
    use super::*;

    #[test]
    fn shows_no_secret() {
        let variables = [
            ("FLORIN_DATABASE_URL", "postgresql://florin:hunter2@db/florin"),
            ("FLORIN_DATABASE_OWNER_URL", "host=db password=hunter2"),
            ("FLORIN_TELEMETRY_OTLP_ENDPOINT", "http://me:hunter2@collector:4318"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let loaded = load(None, variables.into_iter()).unwrap();
        let shown = serde_json::to_string(&settings_of(&loaded).unwrap()).unwrap();
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("postgresql://florin:********@db/florin"), "{shown}");
        assert!(shown.contains("http://********@collector:4318"), "{shown}");
    }

    #[test]
    fn the_documentation_lists_every_setting() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md")).unwrap();
        for (key, default) in leaves(&serde_json::to_value(Settings::default()).unwrap()) {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
            let row = row.unwrap_or_else(|| panic!("docs/configuration.md has no row for {key}"));
            assert!(row.contains(&format!("`{}`", variable_of(&key))), "{row}");
            assert!(default.is_null() || default == "" || row.contains(&format!("`{default}`")), "{default}: {row}");
        }
    }
}
