//! The report: each measurement, and the medians of the rounds.

use super::figures::Figures;
use super::pgbench::{CLIENTS, TpcB};
use super::recorder::median;
use serde::Serialize;

/// The report as a JSON document. Latencies are in milliseconds, processor time is in microseconds, sizes are in bytes.
#[derive(Serialize)]
pub struct Report {
    pub url: String,
    /// The version of `florin bench`; the server has the same if both are of one installation.
    pub version: &'static str,
    /// PostgreSQL's version, for instance `15.18`; `None` when the database is not known.
    pub postgres: Option<String>,
    /// Whether commits survive a power failure.
    pub durable: Option<bool>,
    /// Processors of the machine, which the server, PostgreSQL and `florin bench` share.
    pub cpus: usize,
    pub seconds: u32,
    pub rounds: u32,
    /// Payments that were stored first.
    pub filled: u64,
    pub loads: Vec<Row>,
    pub yardstick: Option<Yardstick>,
    /// What could not be measured, and why.
    pub notes: Vec<String>,
}

/// One kind of load.
#[derive(Serialize)]
pub struct Row {
    pub workload: &'static str,
    pub makes_payments: bool,
    pub tenants: usize,
    pub connections: u32,
    /// Requests a second of an open loop.
    pub rate: Option<u32>,
    /// Server processes that share the load.
    pub servers: usize,
    /// Connections over which another tenant searches meanwhile.
    pub searches: u32,
    /// The number of the row that this one is compared with, which takes turns with it.
    #[serde(skip)]
    pub base: Option<usize>,
    pub compared: Option<Compared>,
    pub median: Option<Median>,
    /// Payments a second for each of the yardstick's transactions a second.
    pub ratio: Option<f64>,
    pub rounds: Vec<Figures>,
}

impl Row {
    /// The load, as text for people.
    pub fn name(&self) -> String {
        match (self.servers, self.searches) {
            (1, 0) => self.workload.to_owned(),
            (1, searches) => format!("{}, {searches} searches beside them", self.workload),
            (many, _) => format!("{}, {many} servers", self.workload),
        }
    }
}

/// A load's figures divided by those of the load that it is compared with: the medians over the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Compared {
    pub payments_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Compared {
    fn of(rounds: &[Figures], base: &[Figures]) -> Option<Compared> {
        let ratio = |figure: fn(&Figures) -> f64| {
            let pairs = rounds.iter().zip(base).filter(|(_, base)| figure(base) > 0.0);
            median(pairs.map(|(round, base)| figure(round) / figure(base)))
        };
        Some(Compared {
            payments_per_second: ratio(|round| round.payments_per_second)?,
            p50_ms: ratio(|round| round.p50_ms)?,
            p99_ms: ratio(|round| round.p99_ms)?,
        })
    }
}

#[derive(Serialize)]
pub struct Yardstick {
    pub name: &'static str,
    pub clients: u32,
    pub scale: u32,
    pub transactions_per_second: Option<f64>,
    pub latency_ms: Option<f64>,
    pub postgres_us: Option<f64>,
    pub wal_bytes: Option<f64>,
    pub rounds: Vec<TpcB>,
}

/// The median of each figure over the rounds; the sum of the errors and of the refused requests.
#[derive(Serialize)]
pub struct Median {
    pub payments_per_second: f64,
    pub requests_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub late_p99_ms: Option<f64>,
    pub errors: u64,
    pub refused: u64,
    pub refused_p99_ms: f64,
    pub repeats: u64,
    pub answer_bytes: f64,
    pub florin_us: Option<f64>,
    pub postgres_us: Option<f64>,
    pub generator_us: Option<f64>,
    pub wal_bytes: Option<f64>,
    pub florin_memory_peak: Option<u64>,
}

impl Median {
    /// `None` when there are no rounds.
    fn of(rounds: &[Figures]) -> Option<Median> {
        let middle = |figure: fn(&Figures) -> f64| median(rounds.iter().map(figure));
        let known = |figure: fn(&Figures) -> Option<f64>| median(rounds.iter().filter_map(figure));
        Some(Median {
            payments_per_second: middle(|round| round.payments_per_second)?,
            requests_per_second: middle(|round| round.requests_per_second)?,
            p50_ms: middle(|round| round.p50_ms)?,
            p99_ms: middle(|round| round.p99_ms)?,
            p999_ms: middle(|round| round.p999_ms)?,
            late_p99_ms: known(|round| round.late_p99_ms),
            errors: rounds.iter().flat_map(|round| round.errors.values()).sum(),
            refused: rounds.iter().map(|round| round.refused).sum(),
            refused_p99_ms: middle(|round| round.refused_p99_ms)?,
            repeats: rounds.iter().map(|round| round.repeats).sum(),
            answer_bytes: middle(|round| round.answer_bytes)?,
            florin_us: known(|round| round.florin_us),
            postgres_us: known(|round| round.postgres_us),
            generator_us: known(|round| round.generator_us),
            wal_bytes: known(|round| round.wal_bytes),
            florin_memory_peak: rounds.iter().filter_map(|round| round.florin_memory_peak).max(),
        })
    }
}

impl Yardstick {
    pub fn new(scale: u32) -> Yardstick {
        Yardstick {
            name: "TPC-B (pgbench)",
            clients: CLIENTS,
            scale,
            transactions_per_second: None,
            latency_ms: None,
            postgres_us: None,
            wal_bytes: None,
            rounds: Vec::new(),
        }
    }
}

impl Report {
    /// Works out the medians, after all rounds.
    pub fn finish(&mut self) {
        if let Some(yardstick) = &mut self.yardstick {
            let rounds = &yardstick.rounds;
            yardstick.transactions_per_second = median(rounds.iter().map(|round| round.transactions_per_second));
            yardstick.latency_ms = median(rounds.iter().map(|round| round.latency_ms));
            yardstick.postgres_us = median(rounds.iter().filter_map(|round| round.postgres_us));
            yardstick.wal_bytes = median(rounds.iter().filter_map(|round| round.wal_bytes));
        }
        let tps = self.yardstick.as_ref().and_then(|yardstick| yardstick.transactions_per_second);
        let compared: Vec<_> =
            self.loads.iter().map(|row| Compared::of(&row.rounds, &self.loads.get(row.base?)?.rounds)).collect();
        for (row, compared) in self.loads.iter_mut().zip(compared) {
            row.compared = compared;
            row.median = Median::of(&row.rounds);
            let payments = row.median.as_ref().filter(|_| row.makes_payments).map(|median| median.payments_per_second);
            row.ratio = payments.zip(tps).map(|(payments, tps)| payments / tps);
        }
    }
}
