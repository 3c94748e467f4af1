//! Logs on standard error, and traces to an OpenTelemetry collector.

mod log_json;
mod log_writer;
pub mod traces;

use crate::HttpUrl;
use log_json::JsonLines;
use log_writer::LinesGuard;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::{Deserialize, Serialize};
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

/// How long delivering the last spans may take: the process is to end.
pub const LAST_TIMEOUT: Duration = Duration::from_secs(2);

/// Libraries whose lines are of no interest here at some levels; `log_filter` can turn them on. `h2` warns of each frame that a
/// stranger should not have sent.
const QUIET: &str = "tokio_postgres=warn,refinery_core=warn,h2=error";

/// What the process logs and traces, and where to. The section `telemetry` of the config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// The form of log lines on standard error.
    pub log_format: LogFormat,
    /// Which log lines are written: a level, or `tracing` directives such as `info,ledger=debug`.
    pub log_filter: String,
    /// Base URL of an OpenTelemetry collector that takes OTLP over HTTP, for instance `http://localhost:4318`.
    /// Traces go to `/v1/traces` below it. Without it no trace is recorded.
    pub otlp_endpoint: Option<HttpUrl>,
    /// The part of traces that is recorded, from 0 (none) to 1 (all).
    pub otlp_sample_ratio: f64,
    /// `service.name` of the traces.
    pub service_name: String,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        TelemetryConfig {
            log_format: LogFormat::Auto,
            log_filter: "info".to_owned(),
            otlp_endpoint: None,
            otlp_sample_ratio: 1.0,
            service_name: "florin".to_owned(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// `human` when standard error is a terminal, else `json`.
    Auto,
    /// One JSON object a line, with the spans around it (`request_id` among their fields) under `spans`.
    Json,
    /// For people: one short line.
    Human,
}

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("not a log filter: {0:?}: {1}")]
    Filter(String, tracing_subscriber::filter::ParseError),
    #[error("traces cannot be sent to {endpoint}: {reason}")]
    Otlp { endpoint: HttpUrl, reason: String },
    #[error("log lines cannot be written: {0}")]
    Lines(#[from] std::io::Error),
    #[error("logging was set up before: {0}")]
    Installed(#[from] TryInitError),
    #[error("the log filter cannot be changed: {0}")]
    Reload(#[from] reload::Error),
}

/// Which log lines are written; it can be changed while the process runs.
#[derive(Clone)]
pub struct LogFilter {
    handle: reload::Handle<EnvFilter, Registry>,
    now: Arc<Mutex<String>>,
    records_traces: bool,
}

impl LogFilter {
    /// As it was set last.
    pub fn now(&self) -> String {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set(&self, filter: &str) -> Result<(), TelemetryError> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        self.handle.reload(filter_of(filter, self.records_traces)?)?;
        filter.clone_into(&mut now);
        Ok(())
    }
}

/// Logs and traces of this process; [`Telemetry::shutdown`] delivers what was not sent yet.
#[must_use]
pub struct Telemetry {
    log_filter: LogFilter,
    traces: Option<SdkTracerProvider>,
    /// Writes the lines that are left when it is dropped.
    _lines: LinesGuard,
}

/// Starts logging and tracing. Once in a process.
pub fn init(config: &TelemetryConfig) -> Result<Telemetry, TelemetryError> {
    let records_traces = config.otlp_endpoint.is_some();
    let (filter, handle) = reload::Layer::new(filter_of(&config.log_filter, records_traces)?);
    let log_filter = LogFilter { handle, now: Arc::new(Mutex::new(config.log_filter.clone())), records_traces };
    let provider = config.otlp_endpoint.as_ref().map(|endpoint| traces::provider(config, endpoint)).transpose()?;
    let traces = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("florin"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_error_events_to_status(false)
    });
    let json = match config.log_format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let notice = if json { log_json::dropped } else { dropped };
    let (writer, guard) = log_writer::lines(std::io::stderr(), notice)?;
    let logs = if json {
        fmt::layer().event_format(JsonLines).fmt_fields(JsonLines).with_writer(writer).boxed()
    } else {
        let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        fmt::layer().compact().with_target(false).with_ansi(colours).with_writer(writer).boxed()
    };
    tracing_subscriber::registry().with(filter).with(logs).with(traces).try_init()?;
    Ok(Telemetry { log_filter, traces: provider, _lines: guard })
}

/// The line that says that lines were dropped.
const DROPPED: &str = "log lines were dropped, because standard error was not read";

/// It, for people.
fn dropped(lines: u64) -> String {
    let mut line = String::new();
    let _ = SystemTime.format_time(&mut Writer::new(&mut line));
    line + &format!("  WARN {DROPPED} dropped={lines}\n")
}

/// Whether a log filter can be used.
pub fn check_filter(filter: &str) -> Result<(), TelemetryError> {
    filter_of(filter, false).map(|_| ())
}

/// Which log lines are written, and which spans there are: what is traced does not depend on what is logged.
fn filter_of(filter: &str, records_traces: bool) -> Result<EnvFilter, TelemetryError> {
    let spans = match records_traces {
        true => format!("{}=info,{}=info", traces::REQUEST, traces::TRACE),
        false => format!("{}=off", traces::TRACE),
    };
    EnvFilter::try_new(format!("{QUIET},{filter},{spans}"))
        .map_err(|error| TelemetryError::Filter(filter.to_owned(), error))
}

impl Telemetry {
    pub fn log_filter(&self) -> LogFilter {
        self.log_filter.clone()
    }

    /// Sends the spans that are left. Blocks for up to two seconds, so it must not be called on an async worker thread.
    pub fn shutdown(self) {
        if let Some(Err(error)) = self.traces.map(|provider| provider.shutdown_with_timeout(LAST_TIMEOUT)) {
            tracing::warn!(%error, "the last traces could not be delivered");
        }
    }
}
