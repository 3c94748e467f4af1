//! `florin bench`: puts a running server under load from another process, and measures.
//!
//! It shares the machine with the server, so it does as little as possible itself: it has one thread, writes requests into
//! a buffer, and reads little of the answers. `docs/benchmarks.md` says what is measured and what the figures mean.

mod answered_requests;
mod connection;
mod cost_meter;
mod figures;
mod journal;
mod load_generator;
mod loads;
mod open_loop;
mod pgbench;
mod preparation;
mod progress;
mod recorder;
mod report;
mod report_text;
mod request_script;
mod request_writer;
mod store;
mod workload;

use super::Command;
use crate::arguments::{Access, WhichDatabase, WhichServer};
use crate::dev_state;
use crate::exit_code::{Code, Failure};
use crate::output::Output;
use anyhow::Context;
use clap::Args;
use cost_meter::Meter;
use journal::Journal;
use load_generator::{Load, measure};
use loads::row;
use pgbench::Pgbench;
use platform::database::store::ServerFacts;
use platform::database::{Client, DatabaseConfig, connect, store as server};
use platform::{HttpUrl, Shutdown};
use preparation::Place;
use report::{Report, Yardstick};
use request_writer::{Caller, Known};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Builder;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Measure a running server: payments per second, latency, and what one payment costs.
#[derive(Debug, Args)]
pub struct Bench {
    #[command(flatten)]
    server: WhichServer,
    /// Configuration file with the database's URL, when the server is not a `florin dev`.
    #[arg(long, value_name = "FILE", env = "FLORIN_CONFIG")]
    config: Option<PathBuf>,
    /// Process id of the server, when it is not a `florin dev`; without it its CPU time is not measured.
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// A mixture instead of whole payments: create, confirm, capture, refund in part, read, list.
    #[arg(long)]
    mix: bool,
    /// Only reads: single objects, lists with and without filters, a search, events.
    #[arg(long, conflicts_with = "mix")]
    reads: bool,
    /// Measure the payments also with that many of a hundred requests repeating an earlier one with its idempotency key
    /// [default of the option: 5].
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, default_missing_value = "5",
        value_parser = clap::value_parser!(u8).range(1..=90), conflicts_with_all = ["mix", "reads"])]
    repeats: Option<u8>,
    /// Another server on the same database: measure the payments also spread over both.
    #[arg(long, value_name = "URL", conflicts_with_all = ["mix", "reads"])]
    also: Option<HttpUrl>,
    /// Measure the payments, or the mixture, also while another tenant searches in vain over that many connections
    /// [default of the option: 32]. It has as many payments to look through as are stored by --fill, or 10,000.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "32",
        value_parser = clap::value_parser!(u32).range(1..=10_000), conflicts_with_all = ["reads", "journal"])]
    neighbour: Option<u32>,
    /// Open loop: that many requests a second, whether or not they are answered in time; latency is counted from when
    /// each was to be sent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Connections at the same time; several numbers are measured in turn [default: 64,256, or 256 with --rate, or 64
    /// with --reads].
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: Vec<u32>,
    /// Spread the load over that many tenants, which are created where they are missing; several numbers are measured
    /// in turn.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tenants: Vec<u32>,
    /// Seconds that each measurement takes, besides its warming up.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// How often everything is measured; medians are shown.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Store that many payments first, as fast as possible.
    #[arg(long, value_name = "N", default_value_t = 0)]
    fill: u64,
    /// Write down each payment: when it is sent (`sent KEY FORM`), when it was answered 200 (`acknowledged KEY ID`), and what a
    /// repeated request was answered (`repeated KEY ID`, or the status). Then one load has --repeats and --also, without others
    /// to compare with, and SIGTERM or SIGINT ends it early.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mix", "reads"])]
    journal: Option<PathBuf>,
    /// Do without pgbench's TPC-B, which otherwise takes turns with the payments on the same PostgreSQL.
    #[arg(long)]
    no_yardstick: bool,
    /// Scale of pgbench's tables, which are created at the first time.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    scale: u32,
}

impl Command for Bench {
    /// One thread is enough for this, and leaves the processors to the server.
    fn runtime(&self) -> Builder {
        Builder::new_current_thread()
    }

    async fn run(&self, output: Output) -> anyhow::Result<Code> {
        let access = self.server.find()?;
        let place = Place::of(&access.url).await?;
        let config = self.database(&access)?;
        let client = match &config {
            Some(config) => Some(connect(config.owner_url(), CONNECT_TIMEOUT).await?),
            None => None,
        };
        let mut report = self.begin(&access, client.as_ref()).await?;
        preparation::try_payment(&access).await?;

        let groups = self.callers(&access, &place, config.as_ref()).await?;
        let neighbour = match self.neighbour {
            Some(connections) => Some(self.neighbour(connections, &access, &place, config.as_ref()).await?),
            None => None,
        };
        let yardstick = match (&config, &client) {
            (Some(config), Some(client)) if !self.no_yardstick && !self.reads && self.rate.is_none() => {
                report.yardstick = Some(Yardstick::new(self.scale));
                Some(Pgbench::prepare(config.owner_url(), client, self.scale).await?)
            }
            _ => None,
        };
        if let Some(client) = &client {
            if let Err(error) = store::make_log_files(client).await {
                report.notes.push(format!("PostgreSQL may have to create log files during the rounds: {error}"));
            }
            if let Err(error) = store::checkpoint(client).await {
                report.notes.push(format!("no checkpoint before the rounds: {error}"));
            }
        }
        let meter = Meter::new(self.server_pid.or(access.pid), client).await;
        report.notes.extend(unseen(&meter));

        let journal = match &self.journal {
            Some(path) => Some(Journal::create(path).with_context(|| format!("creating {}", path.display()))?),
            None => None,
        };
        let also = match &self.also {
            Some(url) => Some(Place::of(url).await?.address),
            None => None,
        };
        let compared = self.loads(&place, also, &groups, neighbour.as_ref(), journal.map(Arc::new).as_ref());
        report.loads = compared.iter().map(|(load, base)| row(load, *base)).collect();
        if also.is_some() {
            report.notes.push("of two servers the processor time of the first one alone is measured".to_owned());
        }
        let loads: Vec<Load> = compared.into_iter().map(|(load, _)| load).collect();
        let shutdown = Shutdown::new();
        if self.journal.is_some() {
            shutdown.on_signals(Shutdown::request)?;
        }
        for round in 1..=self.rounds {
            for (load, row) in loads.iter().zip(&mut report.loads) {
                if shutdown.is_requested() {
                    break;
                }
                let measured = measure(load, &meter, &shutdown).await?;
                eprintln!(
                    "round {round} of {}: {}, {} tenants, {} connections: {:.0} requests/s, p99 {:.2} ms",
                    self.rounds,
                    row.name(),
                    row.tenants,
                    row.connections,
                    measured.requests_per_second,
                    measured.p99_ms
                );
                row.rounds.push(measured);
            }
            if let (Some(yardstick), Some(shown)) = (&yardstick, &mut report.yardstick) {
                let run = yardstick.run(self.seconds, &meter).await?;
                eprintln!("round {round} of {}: {}: {:.0}/s", self.rounds, shown.name, run.transactions_per_second);
                shown.rounds.push(run);
            }
        }
        for journal in loads.iter().filter_map(|load| load.journal.as_ref()) {
            journal.finish().context("writing the journal")?;
        }
        report.finish();
        output.print(&report, || report.text())?;
        Ok(Code::Ok)
    }
}

impl Bench {
    /// The server's database: that of the configuration, or that of the running `florin dev`; `None` when it is not known.
    fn database(&self, access: &Access) -> anyhow::Result<Option<DatabaseConfig>> {
        let which = WhichDatabase { config: self.config.clone(), data: self.server.data.clone() };
        // The `florin dev` that runs here may be another server than the one that is named.
        let state = dev_state::read(self.server.data.as_deref())?;
        if self.config.is_none() && state.is_some_and(|state| state.url != access.url.reveal()) {
            return Ok(None);
        }
        which.find()
    }

    /// The report with what is known before the first round.
    async fn begin(&self, access: &Access, client: Option<&Client>) -> anyhow::Result<Report> {
        let mut notes = Vec::new();
        let facts = match client {
            Some(client) => Some(server::server_facts(client).await?),
            None => {
                notes.push(
                    "the server's database is not known (--data, --config): no yardstick, no bytes of PostgreSQL's log"
                        .to_owned(),
                );
                None
            }
        };
        Ok(Report {
            url: access.url.to_string(),
            version: env!("CARGO_PKG_VERSION"),
            durable: facts.as_ref().map(ServerFacts::is_durable),
            postgres: facts.map(|facts| facts.version),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            seconds: self.seconds,
            rounds: self.rounds,
            filled: self.fill,
            loads: Vec::new(),
            yardstick: None,
            notes,
        })
    }

    /// The callers for each number of tenants. Payments are stored first, and found again for reads, where that is needed.
    async fn callers(
        &self,
        access: &Access,
        place: &Place,
        config: Option<&DatabaseConfig>,
    ) -> anyhow::Result<Vec<Arc<Vec<Caller>>>> {
        let keys = match self.tenants.iter().max() {
            None => vec![access.key.clone()],
            Some(most) => preparation::tenants(known("--tenants", config)?, access, *most).await?,
        };
        let tenants: Vec<Access> = keys.into_iter().map(|key| Access { key, ..access.clone() }).collect();
        let least = if self.reads { preparation::READABLE * u64::try_from(tenants.len())? } else { 0 };
        let payments = self.fill.max(least);
        if payments > 0 {
            preparation::fill(place, &tenants, payments).await?;
        }
        let callers: Vec<Caller> = if self.reads {
            preparation::look_around(place, &tenants).await?
        } else {
            tenants.iter().map(|access| place.caller(access, Known::default())).collect()
        };
        let counts = if self.tenants.is_empty() { &[1][..] } else { &self.tenants };
        let group = |count: &u32| Ok(Arc::new(callers.iter().take(usize::try_from(*count)?).cloned().collect()));
        counts.iter().map(group).collect()
    }
}

/// The server's database, which an option needs in order to create tenants.
fn known<'a>(option: &str, config: Option<&'a DatabaseConfig>) -> anyhow::Result<&'a DatabaseConfig> {
    config.ok_or_else(|| {
        Failure::usage(format!("{option} needs the server's database, to create tenants: give --data or --config"))
    })
}

/// Says whose processor time cannot be measured.
fn unseen(meter: &Meter) -> Option<String> {
    let unseen: Vec<&str> = [(meter.sees_florin(), "the server's"), (meter.sees_postgres(), "PostgreSQL's")]
        .into_iter()
        .filter_map(|(seen, whose)| (!seen).then_some(whose))
        .collect();
    let whose = unseen.join(" and ");
    (!whose.is_empty()).then(|| format!("{whose} processor time is not measured: its process cannot be seen from here"))
}
