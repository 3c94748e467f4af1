//! What `florin config show` prints.

use super::environment::variable_of;
use super::key_names::leaves;
use super::load::Loaded;
use serde::Serialize;
use serde_json::Value;

/// One key of the config as `florin config show` prints it. Secrets mask themselves.
#[derive(Debug, Serialize)]
pub struct Entry {
    pub key: String,
    /// `null` when it is not set.
    pub value: Value,
    /// A file, an environment variable, or `default`.
    pub source: String,
    /// The environment variable that sets it.
    pub variable: String,
}

/// Every key of the config.
pub fn entries_of(loaded: &Loaded) -> anyhow::Result<Vec<Entry>> {
    let all = leaves(&serde_json::to_value(&loaded.config)?);
    let entry =
        |(key, value): (String, Value)| Entry { source: loaded.source(&key), variable: variable_of(&key), value, key };
    Ok(all.into_iter().map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::super::key_names::defaults;
    use super::super::load::load;
    use super::*;

    #[test]
    fn shows_no_secret() {
        let variables = [
            ("FLORIN_DATABASE_URL", "postgresql://florin:hunter2@db/florin"),
            ("FLORIN_DATABASE_OWNER_URL", "host=db password=hunter2"),
            ("FLORIN_TELEMETRY_OTLP_ENDPOINT", "http://me:hunter2@collector:4318"),
            ("FLORIN_SERVER_PUBLIC_URL", "https://me:hunter2@pay.example.com"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let loaded = load(None, variables.into_iter()).unwrap();
        let shown = serde_json::to_string(&entries_of(&loaded).unwrap()).unwrap();
        assert!(!shown.contains("hunter2"), "{shown}");
        for part in [
            "postgresql://florin:********@db/florin",
            "host=db password=********",
            "http://********@collector:4318",
            "https://********@pay.example.com",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let debug = format!("{:?}", loaded.config);
        assert!(!debug.contains("hunter2"), "{debug}");
    }

    #[test]
    fn the_documentation_lists_every_key() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md")).unwrap();
        for (key, default) in defaults().unwrap() {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
            let row = row.unwrap_or_else(|| panic!("docs/configuration.md has no row for {key}"));
            assert!(row.contains(&format!("`{}`", variable_of(&key))), "{row}");
            assert!(default.is_null() || default == "" || row.contains(&format!("`{default}`")), "{default}: {row}");
        }
    }
}
