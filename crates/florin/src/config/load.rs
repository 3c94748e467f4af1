use super::environment::{self, leaves, nearest};
use super::{Settings, show};
use anyhow::{Context, bail};
use figment::Figment;
use figment::error::{Error, Kind};
use figment::providers::{Format, Serialized, Toml};
use std::path::Path;

/// The file that is read when none is named, if it is there.
pub const DEFAULT_FILE: &str = "florin.toml";

/// Settings, and where each came from.
#[derive(Debug)]
pub struct Loaded {
    pub settings: Settings,
    figment: Figment,
}

impl Loaded {
    /// Where a key's value came from: a file, an environment variable, or `default`.
    pub fn source(&self, key: &str) -> String {
        let Some(metadata) = self.figment.find_metadata(key) else { return show::DEFAULT.to_owned() };
        match &metadata.source {
            Some(figment::Source::File(path)) => path.display().to_string(),
            _ if metadata.name.starts_with("environment") => metadata.name.to_string(),
            _ => show::DEFAULT.to_owned(),
        }
    }
}

/// Reads the settings: defaults, then the file, then `FLORIN_…` variables.
pub fn load(file: Option<&Path>, variables: impl Iterator<Item = (String, String)>) -> anyhow::Result<Loaded> {
    let mut figment = Figment::from(Serialized::defaults(Settings::default()));
    if let Some(path) = file {
        // Opened here, so that a file that cannot be read is an error, not an empty one.
        std::fs::File::open(path)
            .with_context(|| format!("the configuration file {} cannot be read", path.display()))?;
        figment = figment.merge(Toml::file_exact(path));
    }
    for variable in environment::read(variables)? {
        figment = figment.merge(variable);
    }
    match figment.extract::<Settings>() {
        Ok(settings) => Ok(Loaded { settings, figment }),
        Err(errors) => {
            let problems: Vec<String> = errors.into_iter().map(|error| explain(&error)).collect();
            bail!("{}", problems.join("\n"))
        }
    }
}

/// `florin.toml: unknown key server.listn, did you mean server.listen?`
fn explain(error: &Error) -> String {
    let place = match error.metadata.as_ref().map(|metadata| (&metadata.source, &metadata.name)) {
        Some((Some(figment::Source::File(path)), _)) => path.display().to_string(),
        Some((_, name)) => name.to_string(),
        None => "configuration".to_owned(),
    };
    let path = error.path.join(".");
    let what = match &error.kind {
        Kind::UnknownField(field, _) => {
            // The path of figment's error may or may not end with the field already.
            let key = match path.as_str() {
                "" => field.clone(),
                path if path == field || path.ends_with(&format!(".{field}")) => path.to_owned(),
                path => format!("{path}.{field}"),
            };
            let known: Vec<String> = serde_json::to_value(Settings::default())
                .map(|defaults| leaves(&defaults).into_iter().map(|(key, _)| key).collect())
                .unwrap_or_default();
            format!("unknown key {key}{}", nearest(&key, known.iter()))
        }
        kind if path.is_empty() => kind.to_string(),
        kind => format!("{path}: {kind}"),
    };
    format!("{place}: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn with_file(text: &str, variables: &[(&str, &str)]) -> anyhow::Result<Loaded> {
        let mut file = tempfile::Builder::new().prefix("florin").suffix(".toml").tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load(Some(file.path()), variables)
    }

    #[test]
    fn layers_defaults_file_and_environment() {
        let text =
            "[server]\nlisten = \"127.0.0.1:9000\"\n[database]\nurl = \"postgresql://db/florin\"\npool_size = 7\n";
        let loaded =
            with_file(text, &[("FLORIN_DATABASE_POOL_SIZE", "9"), ("FLORIN_SERVER_ROLES", "gateway, worker")]).unwrap();
        let settings = &loaded.settings;
        assert_eq!(settings.server.listen.port(), 9000);
        assert_eq!(settings.database.pool_size, 9);
        assert_eq!(settings.server.roles, ["gateway", "worker"]);
        assert_eq!(settings.telemetry, platform::telemetry::TelemetrySettings::default());
        assert!(loaded.source("server.listen").ends_with(".toml"));
        assert_eq!(loaded.source("database.pool_size"), "environment variable FLORIN_DATABASE_POOL_SIZE");
        assert_eq!(loaded.source("telemetry.log_filter"), "default");
    }

    #[test]
    fn errors_name_file_and_key() {
        for (text, expected) in [
            ("[server]\nlisten_on = \"x\"\n", "unknown key server.listen_on, did you mean server.listen?"),
            ("[sever]\nlisten = \"127.0.0.1:1\"\n", "unknown key sever"),
            ("[database]\npool_size = \"many\"\n", "database.pool_size"),
            ("[server]\nlisten = \"nowhere\"\n", "server.listen"),
            ("[server\n", "TOML parse error"),
        ] {
            let error = with_file(text, &[]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(error.contains("florin") && error.contains(".toml"), "{error}");
        }
        let missing = load(Some(Path::new("/no/such.toml")), std::iter::empty()).unwrap_err();
        assert!(format!("{missing:#}").contains("/no/such.toml"));
    }
}
