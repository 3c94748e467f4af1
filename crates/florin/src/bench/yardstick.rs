//! The yardstick: pgbench's TPC-B on the same PostgreSQL, which commits one small transaction after the other.

use super::meter::Meter;
use super::store;
use crate::postgres::{binaries, run_as};
use anyhow::{Context, bail};
use platform::database::{Client, connect, parse, store as server};
use serde::Serialize;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio_postgres::config::Host;

/// A database of its own, that nothing else is in.
const DATABASE: &str = "florin_bench_pgbench";
pub const CLIENTS: u32 = 32;
const THREADS: u32 = 2;
/// How much longer than its time a run may take: it vacuums first.
const PATIENCE: Duration = Duration::from_secs(120);
/// Creating the tables, for each unit of the scale.
const CREATION_PATIENCE: Duration = Duration::from_secs(10);

/// pgbench with its tables.
pub struct Yardstick {
    program: PathBuf,
    /// How to reach the database: `PGHOST` and so on, because a password must not be among the arguments.
    place: Vec<(&'static str, OsString)>,
}

/// What pgbench says of a run, and what it took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TpcB {
    pub transactions_per_second: f64,
    /// On average.
    pub latency_ms: f64,
    pub transactions: u64,
    /// PostgreSQL's processor time for one transaction in microseconds.
    pub postgres_us: Option<f64>,
    /// Bytes of PostgreSQL's log for one transaction.
    pub wal_bytes: Option<f64>,
}

impl Yardstick {
    /// Finds pgbench, and makes its tables where they are missing or of another scale. `url` is that of a role that may
    /// create databases, connected as `client`.
    pub async fn prepare(url: &str, client: &Client, scale: u32) -> anyhow::Result<Yardstick> {
        let major = server::server_facts(client).await?.version_num / 10_000;
        let program = program(u32::try_from(major)?)?;
        server::ensure_database(client, DATABASE).await?;
        let yardstick = Yardstick { program, place: place(url)? };
        let own = connect(&with_database(url), Duration::from_secs(10)).await?;
        if store::pgbench_scale(&own).await? != Some(i64::from(scale)) {
            eprintln!("creating pgbench's tables at scale {scale}");
            let arguments = ["--initialize", "--quiet", "--scale", &scale.to_string()].map(str::to_owned);
            yardstick.pgbench(&arguments, CREATION_PATIENCE * scale + PATIENCE).await?;
        }
        Ok(yardstick)
    }

    /// Runs TPC-B for that many seconds.
    pub async fn run(&self, seconds: u32, meter: &Meter) -> anyhow::Result<TpcB> {
        let [clients, threads, time] = [CLIENTS, THREADS, seconds].map(|number| number.to_string());
        let arguments = ["-c", &clients, "-j", &threads, "-T", &time, "-M", "prepared"].map(str::to_owned);
        let before = meter.read().await;
        let told = self.pgbench(&arguments, Duration::from_secs(u64::from(seconds)) + PATIENCE).await?;
        let used = meter.read().await.since(&before);
        let told = read(&told).with_context(|| format!("pgbench said something that cannot be read: {told}"))?;
        #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        Ok(TpcB {
            postgres_us: used.postgres_us.map(|us| us as f64 / told.transactions as f64),
            wal_bytes: used.wal.map(|bytes| bytes as f64 / told.transactions as f64),
            ..told
        })
    }

    async fn pgbench(&self, arguments: &[String], patience: Duration) -> anyhow::Result<String> {
        let mut pgbench = Command::new(&self.program);
        run_as(&mut pgbench, None);
        pgbench.args(arguments).envs(self.place.iter().cloned()).kill_on_drop(true);
        pgbench.stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = self.program.display();
        let output = tokio::time::timeout(patience, pgbench.output()).await;
        let output = output.with_context(|| format!("{program} did not end within {patience:?}"))?;
        let output = output.with_context(|| format!("running {program}"))?;
        if !output.status.success() {
            bail!("{program} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// pgbench of the server's own version, else any.
fn program(major: u32) -> anyhow::Result<PathBuf> {
    let mut found = binaries::installed();
    found.sort_by_key(|binaries| binaries.major != major);
    let mut programs = found.iter().map(|binaries| binaries.program("pgbench"));
    programs.find(|program| program.exists()).context(
        "pgbench is not installed beside PostgreSQL (Debian has it in postgresql or postgresql-contrib); use --no-yardstick to do without",
    )
}

/// The same server and role, pgbench's database: what comes last wins.
fn with_database(url: &str) -> String {
    match (url.contains("://"), url.contains('?')) {
        (true, true) => format!("{url}&dbname={DATABASE}"),
        (true, false) => format!("{url}?dbname={DATABASE}"),
        (false, _) => format!("{url} dbname={DATABASE}"),
    }
}

fn place(url: &str) -> anyhow::Result<Vec<(&'static str, OsString)>> {
    let config = parse(url)?;
    let mut place = vec![("PGDATABASE", OsString::from(DATABASE))];
    match config.get_hosts().first() {
        Some(Host::Tcp(name)) => place.push(("PGHOST", name.into())),
        Some(Host::Unix(directory)) => place.push(("PGHOST", directory.into())),
        None => {}
    }
    if let Some(port) = config.get_ports().first() {
        place.push(("PGPORT", port.to_string().into()));
    }
    if let Some(user) = config.get_user() {
        place.push(("PGUSER", user.into()));
    }
    if let Some(password) = config.get_password() {
        place.push(("PGPASSWORD", String::from_utf8(password.to_vec()).context("the password is not UTF-8")?.into()));
    }
    Ok(place)
}

/// Reads what pgbench says at its end.
fn read(told: &str) -> Option<TpcB> {
    let number = |name: &str| {
        let value = told.lines().find_map(|line| line.strip_prefix(name))?;
        value.split([' ', '/']).find(|part| !part.is_empty())?.parse::<f64>().ok()
    };
    let transactions =
        told.lines().find_map(|line| line.strip_prefix("number of transactions actually processed: "))?;
    Some(TpcB {
        transactions_per_second: number("tps = ")?,
        latency_ms: number("latency average = ")?,
        transactions: transactions.split('/').next()?.trim().parse().ok().filter(|count| *count > 0)?,
        postgres_us: None,
        wal_bytes: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_pgbench_says() {
        let told = "pgbench (15.18)\ntransaction type: <builtin: TPC-B (sort of)>\nscaling factor: 50\n\
            number of clients: 32\nduration: 10 s\nnumber of transactions actually processed: 20534\n\
            number of failed transactions: 0 (0.000%)\nlatency average = 15.563 ms\n\
            initial connection time = 41.7 ms\ntps = 2056.135 (without initial connection time)\n";
        let read_told = read(told).unwrap();
        assert_eq!((read_told.transactions_per_second, read_told.latency_ms), (2_056.135, 15.563));
        assert_eq!(read_told.transactions, 20_534);
        assert_eq!(read(&told.replace("20534", "0")), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn passwords_are_not_arguments() {
        let told = |url: &str| -> Vec<String> {
            let place = place(url).unwrap();
            place.iter().map(|(name, value)| format!("{name}={}", value.to_string_lossy())).collect()
        };
        let database = format!("PGDATABASE={DATABASE}");
        let socket = told("host='/tmp/a b' port=5432 user=florin_owner dbname=florin");
        assert_eq!(socket, [&database, "PGHOST=/tmp/a b", "PGPORT=5432", "PGUSER=florin_owner"]);
        let remote = told("postgresql://o:hunter2@db:5433/florin");
        assert_eq!(remote, [&database, "PGHOST=db", "PGPORT=5433", "PGUSER=o", "PGPASSWORD=hunter2"]);
    }

    #[test]
    fn the_last_database_counts() {
        for url in ["postgresql://o@db/florin", "postgresql://o@db/florin?connect_timeout=1", "host=db user=o dbname=x"]
        {
            assert_eq!(parse(&with_database(url)).unwrap().get_dbname(), Some(DATABASE), "{url}");
        }
    }
}
