//! The command line.

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A self-hosted payments platform, wire compatible with Stripe's HTTP API.
#[derive(Debug, Parser)]
#[command(name = "florin", version, max_term_width = 100)]
pub struct Cli {
    /// Print one JSON document instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything in one process on a private PostgreSQL, for development.
    Dev(Dev),
    /// Run the server with a configuration file and environment variables.
    Serve(Serve),
    /// Check or show the configuration.
    #[command(subcommand)]
    Config(Config),
    /// Bring the database's schema up to date.
    Migrate(Database),
    /// Look for what is missing or wrong on this machine.
    Doctor(Doctor),
    /// Take a test payment through a running server.
    Pay(Pay),
    /// Refund a payment through a running server.
    Refund(Refund),
    /// Look at what happened.
    #[command(subcommand)]
    Events(Events),
    /// Look at the books, directly in the database.
    #[command(subcommand)]
    Ledger(Ledger),
    /// Create and list tenants, directly in the database.
    #[command(subcommand)]
    Tenants(Tenants),
    /// Measure a running server: payments per second, latency, and what one payment costs.
    Bench(Bench),
    /// Print a completion script for a shell.
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Args)]
pub struct Dev {
    /// Address to listen on; loopback only.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Directory for the database and the key.
    #[arg(long, value_name = "DIR", env = "FLORIN_DATA", default_value = crate::dev::DEFAULT_DATA)]
    pub data: PathBuf,
    /// Secret key of the demo tenant, `sk_test_…`; by default one is made up and kept.
    #[arg(long, value_name = "KEY")]
    pub secret_key: Option<String>,
    /// Remove everything in the data directory first.
    #[arg(long)]
    pub reset: bool,
    /// Configuration file, for what is not decided here.
    #[arg(long, value_name = "FILE", env = "FLORIN_CONFIG")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ConfigFile {
    /// Configuration file [default: florin.toml, if it exists].
    #[arg(long, value_name = "FILE", env = "FLORIN_CONFIG")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub file: ConfigFile,
    /// What this process does, separated by commas; `all` by default.
    #[arg(long, value_name = "ROLE", value_delimiter = ',', long_help = crate::roles::help())]
    pub role: Vec<String>,
    /// Bring the database's schema up to date before starting.
    #[arg(long)]
    pub migrate: bool,
}

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Say whether the configuration can be used.
    Check(ConfigFile),
    /// Print every setting, where it came from, and secrets masked.
    Show(ConfigFile),
}

/// Which database a command works on: that of a configuration, or that of a running `florin dev`.
#[derive(Debug, Args)]
pub struct Database {
    /// Configuration file with the database's URL.
    #[arg(long, value_name = "FILE", env = "FLORIN_CONFIG")]
    pub config: Option<PathBuf>,
    /// Data directory of a running `florin dev`.
    #[arg(long, value_name = "DIR", env = "FLORIN_DATA")]
    pub data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    pub database: Database,
}

/// Which server a command talks to: the one that is named, or that of a running `florin dev`.
#[derive(Debug, Args)]
pub struct Server {
    /// Base URL of the server, for instance http://127.0.0.1:8420.
    #[arg(long, value_name = "URL", env = "FLORIN_URL")]
    pub url: Option<String>,
    /// Secret key.
    #[arg(long, value_name = "KEY", env = "FLORIN_SECRET_KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// Data directory of a running `florin dev`.
    #[arg(long, value_name = "DIR", env = "FLORIN_DATA")]
    pub data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Pay {
    #[command(flatten)]
    pub server: Server,
    /// Amount in major units, for instance 42.00.
    pub amount: String,
    /// Currency, for instance usd.
    pub currency: String,
    /// Test card, or the id of a payment method (`pm_…`).
    #[arg(long, default_value = "ok", long_help = crate::commands::pay::cards_help())]
    pub card: String,
    /// Authorize only; capture later.
    #[arg(long)]
    pub manual_capture: bool,
    #[arg(long)]
    pub description: Option<String>,
    /// Do it once, however often it is tried; by default a key is made up.
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

#[derive(Debug, Args)]
pub struct Refund {
    #[command(flatten)]
    pub server: Server,
    /// Payment intent (`pi_…`) or charge (`ch_…`).
    pub payment: String,
    /// Amount in major units of the payment's currency; by default all that is left.
    #[arg(long)]
    pub amount: Option<String>,
    /// duplicate, fraudulent or requested_by_customer.
    #[arg(long)]
    pub reason: Option<String>,
    /// Do it once, however often it is tried; by default a key is made up.
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Events {
    /// The newest events.
    List {
        #[command(flatten)]
        server: Server,
        /// How many, up to 100.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
        limit: u8,
        /// Only of this type, for instance charge.succeeded.
        #[arg(long = "type", value_name = "TYPE")]
        event_type: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Ledger {
    /// Balances of the accounts.
    Balances {
        #[command(flatten)]
        books: Books,
        /// Only accounts whose code begins with this.
        #[arg(long, default_value = "")]
        prefix: String,
    },
    /// Replay the whole log, and prove that the stored balances and objects follow from it.
    Verify {
        #[command(flatten)]
        books: Books,
    },
}

#[derive(Debug, Args)]
pub struct Books {
    #[command(flatten)]
    pub database: Database,
    /// Tenant by id or name; every tenant by default.
    #[arg(long)]
    pub tenant: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Tenants {
    /// Create a tenant and print its keys, which are not shown again.
    Create {
        #[command(flatten)]
        database: Database,
        name: String,
        /// Make live keys, not test keys.
        #[arg(long)]
        live: bool,
    },
    /// List the tenants.
    List {
        #[command(flatten)]
        database: Database,
    },
}

#[derive(Debug, Args)]
pub struct Bench {
    #[command(flatten)]
    pub server: Server,
    /// Configuration file with the database's URL, when the server is not a `florin dev`.
    #[arg(long, value_name = "FILE", env = "FLORIN_CONFIG")]
    pub config: Option<PathBuf>,
    /// Process id of the server, when it is not a `florin dev`; without it its CPU time is not measured.
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<u32>,
    /// A mixture instead of whole payments: create, confirm, capture, refund in part, read, list.
    #[arg(long)]
    pub mix: bool,
    /// Only reads: single objects, lists with and without filters, a search, events.
    #[arg(long, conflicts_with = "mix")]
    pub reads: bool,
    /// Open loop: that many requests a second, whether or not they are answered in time; latency is counted from when
    /// each was to be sent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: Option<u32>,
    /// Connections at the same time; several numbers are measured in turn [default: 64,256, or 256 with --rate, or 64
    /// with --reads].
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: Vec<u32>,
    /// Spread the load over that many tenants, which are created where they are missing; several numbers are measured
    /// in turn.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub tenants: Vec<u32>,
    /// Seconds that each measurement takes, besides its warming up.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub seconds: u32,
    /// How often everything is measured; medians are shown.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Store that many payments first, as fast as possible.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub fill: u64,
    /// Write down each payment, when it is sent (`sent KEY FORM`) and when it was answered 200 (`acknowledged KEY ID`).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mix", "reads"])]
    pub journal: Option<PathBuf>,
    /// Do without pgbench's TPC-B, which otherwise takes turns with the payments on the same PostgreSQL.
    #[arg(long)]
    pub no_yardstick: bool,
    /// Scale of pgbench's tables, which are created at the first time.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub scale: u32,
}
