//! Reading the config: defaults, then the file, then environment variables.

use super::Config;
use super::environment::{self, Environment};
use super::key_names::{defaults, nearest};
use super::takes::takes_at;
use crate::exit_code::Failure;
use anyhow::{Context, bail};
use figment::error::{Actual, Error, Kind};
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
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
    /// Variables that look like Florin's and are Kubernetes' own.
    pub ignored: Vec<String>,
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

/// Reads the config from a file and `FLORIN_…` variables. The error names all that is wrong, a line for each.
pub fn load(file: Option<&Path>, variables: impl Iterator<Item = (String, String)>) -> anyhow::Result<Loaded> {
    let Environment { variables, ignored, mut problems } = environment::read(variables)?;
    let mut layers = Vec::new();
    if let Some(path) = file {
        // figment takes a file that cannot be read for an empty one.
        std::fs::File::open(path)
            .with_context(|| format!("the configuration file {} cannot be read", path.display()))?;
        match Layer::of(&Toml::file_exact(path)) {
            Ok(layer) => layers.push(layer),
            Err(error) => problems.extend(error.into_iter().map(|error| explain(&error))),
        }
    }
    for variable in &variables {
        layers.push(Layer::of(variable)?);
    }
    // serde stops at the first value that is wrong: it is taken out, and the next one is found.
    loop {
        let defaults = Figment::from(Serialized::defaults(Config::default()));
        let figment = layers.iter().fold(defaults, Figment::merge);
        let errors = match figment.extract::<Config>() {
            Ok(config) if problems.is_empty() => return Ok(Loaded { config, figment, ignored }),
            Ok(config) => {
                problems.extend(config.problems_of_what_is_set());
                break;
            }
            Err(errors) => errors,
        };
        let mut removed = false;
        for error in errors {
            for layer in &mut layers {
                removed |= remove(&mut layer.values, &wrong(&error));
            }
            problems.push(explain(&error));
        }
        if !removed {
            break;
        }
    }
    bail!("{}", problems.join("\n"))
}

/// What one source says: the file, or a variable.
struct Layer {
    metadata: Metadata,
    values: Dict,
}

impl Layer {
    fn of(source: &dyn Provider) -> Result<Layer, Box<Error>> {
        let metadata = source.metadata();
        match source.data() {
            Ok(mut values) => Ok(Layer { metadata, values: values.remove(&Profile::Default).unwrap_or_default() }),
            Err(mut error) => {
                error.metadata = Some(metadata);
                Err(Box::new(error))
            }
        }
    }
}

impl Provider for &Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// Takes out the value at a path, or the innermost one on the way to it: of a list the whole. Whether there was one.
fn remove(values: &mut Dict, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    match values.get_mut(first) {
        Some(Value::Dict(_, inner)) if !rest.is_empty() => remove(inner, rest),
        Some(_) => values.remove(first).is_some(),
        None => false,
    }
}

/// The path of the value that is wrong.
fn wrong(error: &Error) -> Vec<String> {
    let mut path = error.path.clone();
    if let Kind::UnknownField(field, _) = &error.kind
        // The path of figment's error may or may not end with the field already.
        && path.last() != Some(field)
    {
        path.push(field.clone());
    }
    path
}

/// `florin.toml: unknown key server.listn, did you mean server.listen?`
fn explain(error: &Error) -> String {
    let place = match error.metadata.as_ref().map(|metadata| (&metadata.source, &metadata.name)) {
        Some((Some(figment::Source::File(path)), _)) => path.display().to_string(),
        Some((_, name)) => name.to_string(),
        None => "configuration".to_owned(),
    };
    let path = wrong(error);
    let what = match (&error.kind, takes_at(&path)) {
        (Kind::UnknownField(..), _) => {
            let key = path.join(".");
            let known: Vec<String> = defaults().unwrap_or_default().into_iter().map(|(key, _)| key).collect();
            format!("unknown key {key}{}", nearest(&key, known.iter()))
        }
        // No text is repeated: it may be a URL with a password in the wrong place.
        (kind, Some((takes, key))) => format!("{key}: must be {takes}{}", found(kind)),
        (kind, None) => without_quoted_lines(&kind.to_string()),
    };
    format!("{place}: {what}")
}

/// `, not -1`, for numbers and truth values.
fn found(kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(actual, _) | Kind::InvalidValue(actual, _) => match actual {
            Actual::Bool(value) => format!(", not {value}"),
            Actual::Signed(number) => format!(", not {number}"),
            Actual::Unsigned(number) => format!(", not {number}"),
            Actual::Float(number) => format!(", not {number}"),
            _ => String::new(),
        },
        _ => String::new(),
    }
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
            "[telemetry]\nlog_format = \"postgresql://a:hunter2@db/x\"\n",
            "[server]\nlisten = \"postgresql://a:hunter2@db/x\"\ntrusted_proxies = [\"hunter2\"]\n",
        ] {
            let error = with_file(text, &[]).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let digits = with_file("[database]\nurl = 4242\n", &[]).unwrap_err().to_string();
        assert!(digits.contains("database.url: must be a text") && !digits.contains("4242"), "{digits}");
    }

    /// One was named, and after it was mended the next one.
    #[test]
    fn all_errors_are_named_at_once_in_words() {
        let text = "[server]\nlisten = \"nowhere\"\nlistn = \"x\"\ntrusted_proxies = [\"10.0.0.0/8\", \"proxy\"]\n\
            [database]\nurl = 7\npool_size = \"many\"\nconnect_timeout_ms = -1\nwait_timeout_ms = 1.5\n\
            [worker]\npoll_ms = 0\n[telemetry]\nlog_format = \"loud\"\notlp_sample_ratio = \"half\"\n[sever]\nx = 1\n";
        let variables = [
            ("FLORIN_LEDGER_WRITERS", "two"),
            ("FLORIN_LIMITS_STREAMS_MAX", "99999999999"),
            ("FLORIN_PORT", "8420"),
            ("FLORIN_SCANS_OF_TENANT_MAX", "9"),
        ];
        let error = with_file(text, &variables).unwrap_err().to_string();
        for expected in [
            "toml: server.listen: must be an address and a port, such as 127.0.0.1:8420",
            "toml: unknown key server.listn, did you mean server.listen?",
            "toml: server.trusted_proxies: must be a list of addresses and networks",
            "toml: database.url: must be a text, not 7",
            "toml: database.pool_size: must be a whole number, from 1 to 10000",
            "toml: database.connect_timeout_ms: must be a whole number of milliseconds, from 1 to 2147483647, not -1",
            "toml: database.wait_timeout_ms: must be a whole number of milliseconds, from 0 to 2147483647, not 1.5",
            "worker.poll_ms: must be a whole number of milliseconds, from 1 to 2147483647, not 0",
            "toml: telemetry.log_format: must be auto, json or human",
            "toml: telemetry.otlp_sample_ratio: must be a number from 0 to 1",
            "toml: unknown key sever",
            "environment: FLORIN_LEDGER_WRITERS (ledger.writers) must be a whole number, from 1 to 256",
            "FLORIN_LIMITS_STREAMS_MAX: limits.streams_max: must be a whole number, from 1 to 1000000000",
            "environment: unknown variable FLORIN_PORT",
            "scans.of_tenant_max: must be less than scans.pool_size",
        ] {
            let expected = expected.replace("database.url: must be a text, not 7", "database.url: must be a text");
            assert!(error.contains(&expected), "{expected}\nin\n{error}");
        }
        assert_eq!(error.lines().count(), 15, "{error}");
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
