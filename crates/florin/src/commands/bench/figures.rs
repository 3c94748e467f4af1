//! The figures of one measurement.

use super::cost_meter::Reading;
use super::recorder::Recorder;
use serde::Serialize;
use std::collections::BTreeMap;

/// The figures.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub seconds: f64,
    /// Requests that were answered 200.
    pub requests: u64,
    pub payments: u64,
    pub requests_per_second: f64,
    pub payments_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
    /// How late the clock of an open loop was.
    pub late_p99_ms: Option<f64>,
    /// Requests that were answered 429, because the server has too much to do; that is no error.
    pub refused: u64,
    pub refused_p99_ms: f64,
    /// Requests that repeated an earlier one, and got its answer. They are not among the others.
    pub repeats: u64,
    /// How many of each kind: a status, `repeated` (another answer than the first time), `connection`, or `unanswered`.
    pub errors: BTreeMap<String, u64>,
    pub first_error: Option<String>,
    /// Bytes of an answer's body, on average.
    pub answer_bytes: f64,
    /// Processor time for one payment (for one request where there are no payments) in microseconds.
    pub florin_us: Option<f64>,
    pub postgres_us: Option<f64>,
    pub generator_us: Option<f64>,
    /// Bytes of PostgreSQL's log for one payment, or request.
    pub wal_bytes: Option<f64>,
    /// The most memory that the server has had since its start, in bytes.
    pub florin_memory_peak: Option<u64>,
}

impl Figures {
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn new(recorder: Recorder, seconds: f64, used: &Reading, memory: Option<u64>) -> Figures {
        let (requests, payments) = (recorder.requests as f64, recorder.payments as f64);
        let units = if recorder.payments > 0 { payments } else { requests };
        // Without an answer there is no cost of one.
        let each = |sum: f64| (units > 0.0).then_some(sum / units);
        let each_us = |us: Option<u64>| each(us? as f64);
        let (refused, refused_p99_ms) = recorder.refusals(0.99);
        Figures {
            seconds,
            requests: recorder.requests,
            payments: recorder.payments,
            requests_per_second: requests / seconds,
            payments_per_second: payments / seconds,
            p50_ms: recorder.quantile_ms(0.5),
            p99_ms: recorder.quantile_ms(0.99),
            p999_ms: recorder.quantile_ms(0.999),
            max_ms: recorder.quantile_ms(1.0),
            late_p99_ms: None,
            refused,
            refused_p99_ms,
            repeats: recorder.repeats,
            answer_bytes: recorder.bytes as f64 / requests.max(1.0),
            florin_us: each_us(used.florin_us),
            postgres_us: each_us(used.postgres_us),
            generator_us: each_us(used.generator_us),
            wal_bytes: used.wal.and_then(|bytes| each(bytes as f64)),
            florin_memory_peak: memory,
            errors: recorder.errors,
            first_error: recorder.first_error,
        }
    }
}
