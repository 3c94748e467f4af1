//! The yardstick: TPC-B by pgbench on the same PostgreSQL, which commits one small transaction after the other.

use super::cost_meter::Meter;
use super::store;
use crate::private_postgres::{installations, run_as};
use anyhow::{Context, bail};
use platform::database::{Client, DatabaseUrl, connect, store as server};
use serde::Serialize;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio_postgres::config::Host;

/// The database of pgbench's tables; nothing else is in it.
const DATABASE: &str = "florin_bench_pgbench";
pub const CLIENTS: u32 = 32;
const THREADS: u32 = 2;
/// How much longer than its time a run may take: it vacuums first.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Creating the tables, for each unit of the scale.
const CREATION_TIMEOUT: Duration = Duration::from_secs(10);

/// The program, with its tables.
pub struct Pgbench {
    program: PathBuf,
    /// Where the database is: `PGHOST` and so on, because a password must not be an argument.
    environment: Vec<(&'static str, OsString)>,
}

/// The result of a run, and its cost.
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

impl Pgbench {
    /// Finds pgbench, and creates its tables if they are missing or of another scale. `client` is connected to `url`, under
    /// a role that may create databases.
    pub async fn prepare(url: &DatabaseUrl, client: &Client, scale: u32) -> anyhow::Result<Pgbench> {
        let major = server::server_facts(client).await?.version_num / 10_000;
        let program = program(u32::try_from(major)?)?;
        server::ensure_database(client, DATABASE).await?;
        let pgbench = Pgbench { program, environment: environment(url)? };
        let own = connect(&url.with_database(DATABASE), Duration::from_secs(10)).await?;
        if store::pgbench_scale(&own).await? != Some(i64::from(scale)) {
            eprintln!("creating pgbench's tables at scale {scale}");
            let arguments = ["--initialize", "--quiet", "--scale", &scale.to_string()].map(str::to_owned);
            pgbench.output(&arguments, CREATION_TIMEOUT * scale + TIMEOUT).await?;
        }
        Ok(pgbench)
    }

    /// Runs TPC-B for that many seconds.
    pub async fn run(&self, seconds: u32, meter: &Meter) -> anyhow::Result<TpcB> {
        let [clients, threads, time] = [CLIENTS, THREADS, seconds].map(|number| number.to_string());
        let arguments = ["-c", &clients, "-j", &threads, "-T", &time, "-M", "prepared"].map(str::to_owned);
        let before = meter.read().await;
        let text = self.output(&arguments, Duration::from_secs(u64::from(seconds)) + TIMEOUT).await?;
        let used = meter.read().await.since(&before);
        let result = read(&text).with_context(|| format!("the output of pgbench cannot be read: {text}"))?;
        #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        Ok(TpcB {
            postgres_us: used.postgres_us.map(|us| us as f64 / result.transactions as f64),
            wal_bytes: used.wal.map(|bytes| bytes as f64 / result.transactions as f64),
            ..result
        })
    }

    async fn output(&self, arguments: &[String], timeout: Duration) -> anyhow::Result<String> {
        let mut pgbench = Command::new(&self.program);
        run_as(&mut pgbench, None);
        pgbench.args(arguments).envs(self.environment.iter().cloned()).kill_on_drop(true);
        pgbench.stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = self.program.display();
        let output = tokio::time::timeout(timeout, pgbench.output()).await;
        let output = output.with_context(|| format!("{program} did not end within {timeout:?}"))?;
        let output = output.with_context(|| format!("running {program}"))?;
        if !output.status.success() {
            bail!("{program} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// pgbench of the server's version, else of any.
fn program(major: u32) -> anyhow::Result<PathBuf> {
    let mut found = installations::all();
    found.sort_by_key(|installation| installation.major != major);
    let mut programs = found.iter().map(|installation| installation.program("pgbench"));
    programs.find(|program| program.exists()).context(
        "pgbench is not installed beside PostgreSQL (Debian has it in postgresql or postgresql-contrib); use --no-yardstick to do without",
    )
}

fn environment(url: &DatabaseUrl) -> anyhow::Result<Vec<(&'static str, OsString)>> {
    let config = url.config()?;
    let mut variables = vec![("PGDATABASE", OsString::from(DATABASE))];
    match config.get_hosts().first() {
        Some(Host::Tcp(name)) => variables.push(("PGHOST", name.into())),
        Some(Host::Unix(directory)) => variables.push(("PGHOST", directory.into())),
        None => {}
    }
    if let Some(port) = config.get_ports().first() {
        variables.push(("PGPORT", port.to_string().into()));
    }
    if let Some(user) = config.get_user() {
        variables.push(("PGUSER", user.into()));
    }
    if let Some(password) = config.get_password() {
        variables
            .push(("PGPASSWORD", String::from_utf8(password.to_vec()).context("the password is not UTF-8")?.into()));
    }
    Ok(variables)
}

/// Reads the last lines of pgbench's output.
fn read(text: &str) -> Option<TpcB> {
    let number = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name))?;
        value.split([' ', '/']).find(|part| !part.is_empty())?.parse::<f64>().ok()
    };
    let transactions =
        text.lines().find_map(|line| line.strip_prefix("number of transactions actually processed: "))?;
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
    fn reads_the_output_of_pgbench() {
        let output = "pgbench (15.18)\ntransaction type: <builtin: TPC-B (sort of)>\nscaling factor: 50\n\
            number of clients: 32\nduration: 10 s\nnumber of transactions actually processed: 20534\n\
            number of failed transactions: 0 (0.000%)\nlatency average = 15.563 ms\n\
            initial connection time = 41.7 ms\ntps = 2056.135 (without initial connection time)\n";
        let result = read(output).unwrap();
        assert_eq!((result.transactions_per_second, result.latency_ms), (2_056.135, 15.563));
        assert_eq!(result.transactions, 20_534);
        assert_eq!(read(&output.replace("20534", "0")), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn passwords_are_not_arguments() {
        let variables = |url: &str| -> Vec<String> {
            let variables = environment(&url.into()).unwrap();
            variables.iter().map(|(name, value)| format!("{name}={}", value.to_string_lossy())).collect()
        };
        let database = format!("PGDATABASE={DATABASE}");
        let socket = variables("host='/tmp/a b' port=5432 user=florin_owner dbname=florin");
        assert_eq!(socket, [&database, "PGHOST=/tmp/a b", "PGPORT=5432", "PGUSER=florin_owner"]);
        let remote = variables("postgresql://o:hunter2@db:5433/florin");
        assert_eq!(remote, [&database, "PGHOST=db", "PGPORT=5433", "PGUSER=o", "PGPASSWORD=hunter2"]);
    }
}
