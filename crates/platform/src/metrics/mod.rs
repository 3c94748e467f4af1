//! Metrics in the Prometheus text format, by Prometheus's conventions.

#[doc(hidden)]
pub mod declared;
mod process;

pub use declared::{Kind, Labelled, Metric};
pub use metrics::{Counter, Gauge, Histogram, Key, SharedString};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
pub use process::PROCESS_METRICS;
use std::sync::OnceLock;
use std::time::Duration;

crate::metrics! {
    /// How far this machine's clock is ahead of PostgreSQL's.
    gauge clock_skew("florin_clock_skew_seconds")
    /// Connections to PostgreSQL that are open, of all pools and beside them.
    gauge database_connections("florin_database_connections")
    /// Connections to PostgreSQL that were opened.
    counter database_connections_opened("florin_database_connections_opened_total")
    /// Statements that were given up because the caller of a read was gone.
    counter statements_canceled("florin_statements_canceled_total")
    /// Log lines that were dropped because they were not taken from standard error fast enough.
    counter log_lines_dropped("florin_log_lines_dropped_total")
    /// Spans that were lost because the collector did not take them.
    counter spans_undelivered("florin_spans_undelivered_total")
}

/// Upper bounds of histograms whose names end in `_seconds`.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Upper bounds of histograms whose names end in `_size`: how many were handled at a time.
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0];
/// How often old samples are folded into the histograms, so that memory stays bounded when nothing scrapes them.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What the process has measured so far.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Makes this the process's recorder. The first call installs it, later calls get the same one. Must be called within
    /// a tokio runtime.
    pub fn install() -> Result<Metrics, BuildError> {
        static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();
        if let Some(handle) = INSTALLED.get() {
            return Ok(Metrics(handle.clone()));
        }
        process::started();
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), SIZES)?
            .install_recorder()?;
        let _ = INSTALLED.set(handle.clone());
        let upkeep = handle.clone();
        tokio::spawn(async move {
            let mut every = tokio::time::interval(UPKEEP_EVERY);
            loop {
                every.tick().await;
                upkeep.run_upkeep();
            }
        });
        Ok(Metrics(handle))
    }

    /// Says what they mean.
    pub fn describe<'a>(&self, declared: impl IntoIterator<Item = &'a Metric>) {
        declared.into_iter().for_each(Metric::describe);
    }

    /// The body of `/metrics` (`text/plain; version=0.0.4`).
    pub fn render(&self) -> String {
        let mut text = self.0.render();
        process::render(&mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    mod measured {
        crate::metrics! {
            /// Things of a kind.
            /// They are few.
            counter things("things_total") { kind: ["a", "b"] }
            /// How long a thing takes.
            histogram duration("thing_duration_seconds")
        }
    }

    #[tokio::test]
    async fn renders_what_was_measured_and_what_it_means() {
        let recorded = Metrics::install().unwrap();
        let again = Metrics::install().unwrap();
        again.describe(measured::METRICS);
        measured::things("a").increment(3);
        measured::duration().record(0.003);
        let text = recorded.render();
        for line in [
            "# HELP things_total Things of a kind. They are few.\n# TYPE things_total counter\n",
            "things_total{kind=\"a\"} 3\n",
            "things_total{kind=\"b\"} 0\n",
            "thing_duration_seconds_bucket{le=\"0.005\"} 1\n",
            "# TYPE process_start_time_seconds gauge\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    #[should_panic(expected = "things_total: kind is declared without the value \"c\"")]
    fn a_label_has_no_other_values() {
        measured::things("c").increment(1);
    }
}
