//! Reading the config: defaults, then the file, then environment variables.

use super::key_names::{defaults, nearest};
use super::{Config, environment};
use crate::exit_code::Failure;
use anyhow::{Context, bail};
use figment::Figment;
use figment::error::{Actual, Error, Kind};
use figment::providers::{Format, Serialized, Toml};
use std::fmt;
use std::path::Path;

/// The file that is read when none is named, if it is there.
const DEFAULT_FILE: &str = "florin.toml";

/// Where a value comes from that neither a file nor a variable sets.
const DEFAULT: &str = "default";

/// The config, and where each value came from.
pub struct Loaded {
    pub config: Config,
    /// Has every value as it was written, secrets too.
    figment: Figment,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Loaded {
    /// Where a key's value came from: a file, an environment variable, or `default`.
    pub fn source(&self, key: &str) -> String {
        let Some(metadata) = self.figment.find_metadata(key) else { return DEFAULT.to_owned() };
        match &metadata.source {
            Some(figment::Source::File(path)) => path.display().to_string(),
            _ if metadata.name.starts_with("environment") => metadata.name.to_string(),
            _ => DEFAULT.to_owned(),
        }
    }
}

/// The config of this process: the file that is named (else `florin.toml`, if it is there) and the environment.
pub fn of_process(file: Option<&Path>) -> anyhow::Result<Loaded> {
    let default = Path::new(DEFAULT_FILE);
    let file = file.or_else(|| default.exists().then_some(default));
    of_process_without_default_file(file)
}

/// As [`of_process`], but only a file that is named is read.
pub fn of_process_without_default_file(file: Option<&Path>) -> anyhow::Result<Loaded> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
    load(file, variables).map_err(|error| Failure::usage(format!("{error:#}")))
}

/// Reads the config from a file and `FLORIN_…` variables.
pub fn load(file: Option<&Path>, variables: impl Iterator<Item = (String, String)>) -> anyhow::Result<Loaded> {
    let mut figment = Figment::from(Serialized::defaults(Config::default()));
    if let Some(path) = file {
        // figment takes a file that cannot be read for an empty one.
        std::fs::File::open(path)
            .with_context(|| format!("the configuration file {} cannot be read", path.display()))?;
        figment = figment.merge(Toml::file_exact(path));
    }
    for variable in environment::read(variables)? {
        figment = figment.merge(variable);
    }
    match figment.extract::<Config>() {
        Ok(config) => Ok(Loaded { config, figment }),
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
            let known: Vec<String> = defaults().unwrap_or_default().into_iter().map(|(key, _)| key).collect();
            format!("unknown key {key}{}", nearest(&key, known.iter()))
        }
        // The text is not repeated: it may be a URL with a password in the wrong place.
        Kind::InvalidType(Actual::Str(_), expected) | Kind::InvalidValue(Actual::Str(_), expected) => {
            format!("{path}: invalid type: found a text, expected {expected}")
        }
        kind if path.is_empty() => without_quoted_lines(&kind.to_string()),
        kind => format!("{path}: {kind}"),
    };
    format!("{place}: {what}")
}

/// A TOML error without the line of the file that it shows: there may be a password in it.
fn without_quoted_lines(message: &str) -> String {
    let is_quoted = |line: &&str| {
        line.split_once('|').is_some_and(|(number, _)| number.trim().parse::<u32>().is_ok() || number.trim().is_empty())
    };
    message.lines().filter(|line| !is_quoted(line)).map(str::trim).collect::<Vec<_>>().join(": ")
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
        let config = &loaded.config;
        assert_eq!(config.server.listen.port(), 9000);
        assert_eq!(config.database.pool_size, 9);
        assert_eq!(config.server.roles, ["gateway", "worker"]);
        assert_eq!(config.telemetry, platform::telemetry::TelemetryConfig::default());
        assert!(loaded.source("server.listen").ends_with(".toml"));
        assert_eq!(loaded.source("database.pool_size"), "environment variable FLORIN_DATABASE_POOL_SIZE");
        assert_eq!(loaded.source("telemetry.log_filter"), "default");
    }

    #[test]
    fn errors_repeat_no_password() {
        for text in [
            "[database]\nurl = \"postgresql://a:hunter2@db/x\n",
            "[database]\nurl = 'hunter2' 'hunter2'\n",
            "[database]\nurl = hunter2\n",
            "[database]\nurl = [\"hunter2\"]\n",
            "[database]\npool_size = \"hunter2\"\n",
            "database = \"postgresql://a:hunter2@db/x\"\n",
            "[telemetry]\notlp_endpoint = \"http://hunter2@x\n",
        ] {
            let error = with_file(text, &[]).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let digits = with_file("[database]\nurl = 4242\n", &[]).unwrap_err().to_string();
        assert!(digits.contains("database.url: must be a text") && !digits.contains("4242"), "{digits}");
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
