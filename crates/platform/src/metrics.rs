//! Metrics in the Prometheus text format.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use std::time::Duration;

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
    /// Makes this the process's recorder for the macros of the crate `metrics`. The first call installs it, later calls
    /// get the same one. Must be called within a tokio runtime.
    pub fn install() -> Result<Metrics, BuildError> {
        static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();
        if let Some(handle) = INSTALLED.get() {
            return Ok(Metrics(handle.clone()));
        }
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

    /// The body of `/metrics` (`text/plain; version=0.0.4`).
    pub fn render(&self) -> String {
        self.0.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn renders_counters_and_histograms() {
        let recorded = Metrics::install().unwrap();
        let again = Metrics::install().unwrap();
        metrics::counter!("things_total", "kind" => "a").increment(3);
        metrics::histogram!("thing_duration_seconds").record(0.003);
        let text = again.render();
        assert!(text.contains("things_total{kind=\"a\"} 3"), "{text}");
        assert!(text.contains("thing_duration_seconds_bucket{le=\"0.005\"} 1"), "{text}");
        assert_eq!(recorded.render(), text);
    }
}
