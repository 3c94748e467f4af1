//! `florin doctor`: looks for what is missing or wrong, and says what to do about it.

use super::Command;
use crate::arguments::WhichDatabase;
use crate::exit_code::{Code, explain};
use crate::output::Output;
use crate::private_postgres::installations::{self, OLDEST};
use crate::{config, dev_state, migrations};
use clap::Args;
use platform::database::{CLOCK_SKEW_MAX, Client, DatabaseClock, DatabaseConfig, store};
use platform::error_text::with_causes;
use serde::Serialize;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use types::{Clock, SystemClock};

const DISK_BYTES_MIN: u64 = 1024 * 1024 * 1024;

/// Look for what is missing or wrong on this machine.
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    database: WhichDatabase,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    result: Verdict,
    detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    /// Works, but should be changed.
    Warning,
    Broken,
    /// Could not be checked, for instance because nothing runs.
    Skipped,
}

impl Check {
    fn new(name: &'static str, result: Verdict, detail: impl Into<String>) -> Check {
        Check { name, result, detail: detail.into() }
    }
}

impl Command for Doctor {
    async fn run(&self, output: Output) -> anyhow::Result<Code> {
        let mut checks = vec![programs(), disk(&self.database), port(&self.database), configuration(&self.database)];
        match self.database.find() {
            Ok(Some(config)) => checks.extend(database(&config).await),
            Ok(None) => checks.push(Check::new(
                "database",
                Verdict::Skipped,
                "no florin dev is running here, and no database is configured",
            )),
            // The check of the configuration has found the same.
            Err(_) => {}
        }
        let broken = checks.iter().any(|check| check.result == Verdict::Broken);
        output.print(&checks, || {
            let lines = checks.iter().map(|check| {
                let mark = match check.result {
                    Verdict::Ok => "ok     ",
                    Verdict::Warning => "warning",
                    Verdict::Broken => "BROKEN ",
                    Verdict::Skipped => "-      ",
                };
                format!("{mark}  {:<14}  {}", check.name, check.detail)
            });
            lines.collect::<Vec<_>>().join("\n")
        })?;
        Ok(if broken { Code::Differences } else { Code::Ok })
    }
}

fn programs() -> Check {
    let installed = installations::all();
    let found = installations::listed(&installed);
    if installed.iter().any(|found| found.major >= OLDEST) {
        Check::new("postgresql", Verdict::Ok, found)
    } else if std::env::var_os("DATABASE_URL").is_some() {
        Check::new("postgresql", Verdict::Ok, "not needed here: DATABASE_URL is set")
    } else {
        let advice = format!("florin dev needs PostgreSQL {OLDEST} or newer (found: {found}); run `make setup`");
        Check::new("postgresql", Verdict::Broken, advice)
    }
}

fn disk(which: &WhichDatabase) -> Check {
    let wanted = which.data.as_deref().unwrap_or(Path::new(dev_state::DEFAULT_DIRECTORY));
    let place = if wanted.exists() { wanted } else { Path::new(".") };
    match nix::sys::statvfs::statvfs(place) {
        Ok(disk) => {
            #[allow(clippy::useless_conversion, reason = "the types differ between Linux and macOS")]
            let free = u64::from(disk.blocks_available()).saturating_mul(disk.fragment_size().into());
            let detail = format!("{:.1} GiB free in {}", free as f64 / f64::from(1 << 30), place.display());
            Check::new("disk", if free < DISK_BYTES_MIN { Verdict::Warning } else { Verdict::Ok }, detail)
        }
        Err(error) => Check::new("disk", Verdict::Skipped, format!("{}: {error}", place.display())),
    }
}

fn port(which: &WhichDatabase) -> Check {
    let running = dev_state::read(which.data.as_deref()).ok().flatten();
    if let Some(state) = running {
        return Check::new("port", Verdict::Ok, format!("florin dev (process {}) is at {}", state.pid, state.url));
    }
    let listen = config::of_process(which.config.as_deref())
        .map_or_else(|_| config::ServerConfig::default().listen, |loaded| loaded.config.server.listen);
    match TcpListener::bind(listen) {
        Ok(_) => Check::new("port", Verdict::Ok, format!("{listen} is free")),
        Err(error) => Check::new("port", Verdict::Warning, format!("{listen}: {error}; choose another with --listen")),
    }
}

fn configuration(which: &WhichDatabase) -> Check {
    match config::of_process(which.config.as_deref()) {
        Ok(loaded) => {
            let problems = loaded.config.problems_without_database();
            if problems.is_empty() {
                Check::new("configuration", Verdict::Ok, "can be used")
            } else {
                Check::new("configuration", Verdict::Broken, problems.join("; "))
            }
        }
        Err(error) => Check::new("configuration", Verdict::Broken, format!("{error:#}")),
    }
}

async fn database(config: &DatabaseConfig) -> Vec<Check> {
    let client = match config.connect().await {
        Ok(client) => client,
        Err(error) => return vec![Check::new("database", Verdict::Broken, error.to_string())],
    };
    let facts = match store::server_facts(&client).await {
        Ok(facts) => facts,
        Err(error) => return vec![Check::new("database", Verdict::Broken, with_causes(&error))],
    };
    let too_old = u32::try_from(facts.version_num / 10_000).is_ok_and(|major| major < OLDEST);
    let shown = format!("PostgreSQL {} at {}", facts.version, config.url);
    let mut checks = vec![
        Check::new("database", if too_old { Verdict::Broken } else { Verdict::Ok }, shown),
        if facts.is_durable() {
            Check::new("durability", Verdict::Ok, "fsync, full_page_writes and synchronous_commit are on")
        } else {
            let advice = format!("turn on what is off: {}; payments would be lost", facts.off.join(", "));
            Check::new("durability", Verdict::Broken, advice)
        },
    ];
    checks.push(clock(config).await);
    checks.push(privileges(&client, &facts).await);
    checks.push(analysts(&client).await);
    checks.push(views(&client).await);
    checks.push(schema(config).await);
    checks
}

/// The server refuses to write while the two clocks are further apart.
async fn clock(config: &DatabaseConfig) -> Check {
    let clock = match DatabaseClock::start(config.clone(), Arc::new(SystemClock)).await {
        Ok(clock) => clock,
        Err(error) => return Check::new("clock", Verdict::Broken, error.to_string()),
    };
    let skew = clock.skew_ms();
    match clock.vouches_for(clock.now()) {
        Ok(()) => Check::new("clock", Verdict::Ok, format!("{skew} ms ahead of the database server's")),
        Err(_) => {
            let advice = format!(
                "{skew} ms ahead of the database server's; set the one that is wrong: the server writes nothing while \
                 they are more than {CLOCK_SKEW_MAX:?} apart"
            );
            Check::new("clock", Verdict::Broken, advice)
        }
    }
}

async fn schema(config: &DatabaseConfig) -> Check {
    match migrations::pending(config).await {
        Ok(pending) if pending.is_empty() => Check::new("schema", Verdict::Ok, "up to date"),
        Ok(pending) => {
            Check::new("schema", Verdict::Broken, format!("run `florin migrate`; behind: {}", pending.join(", ")))
        }
        Err(error) => Check::new("schema", Verdict::Broken, explain(&error)),
    }
}

async fn privileges(client: &Client, facts: &store::ServerFacts) -> Check {
    if facts.superuser {
        let advice = format!("{} is a superuser: it may do everything; use another role", facts.role);
        return Check::new("privileges", Verdict::Broken, advice);
    }
    match excessive(client).await {
        Ok(None) => Check::new("privileges", Verdict::Skipped, "there are no tables yet"),
        Ok(Some(excessive)) if excessive.is_empty() => {
            let detail = format!("{} cannot change what was written, and can add neither tenants nor keys", facts.role);
            Check::new("privileges", Verdict::Ok, detail)
        }
        Ok(Some(excessive)) => {
            let advice = format!("{} may change {}; revoke that", facts.role, excessive.join(", "));
            Check::new("privileges", Verdict::Broken, advice)
        }
        Err(error) => Check::new("privileges", Verdict::Broken, with_causes(&error)),
    }
}

/// What the connection's role may do that the server must not, of all tables that there are.
async fn excessive(client: &Client) -> Result<Option<Vec<String>>, tokio_postgres::Error> {
    let of_ledger = ledger::admin::excessive_privileges(client).await?;
    let of_identity = identity::admin::excessive_privileges(client).await?;
    Ok(of_ledger.zip(of_identity).map(|(of_ledger, of_identity)| [of_ledger, of_identity].concat()))
}

async fn views(client: &Client) -> Check {
    match ledger::admin::open_views(client).await {
        Ok(open) if open.is_empty() => Check::new("views", Verdict::Ok, "they show no more than they should"),
        Ok(open) => {
            let advice = format!("conditions of queries see what these leave out: {}", open.join(", "));
            let advice = format!("{advice}; as their owner: ALTER VIEW … SET (security_barrier)");
            Check::new("views", Verdict::Broken, advice)
        }
        Err(error) => Check::new("views", Verdict::Broken, with_causes(&error)),
    }
}

async fn analysts(client: &Client) -> Check {
    match ledger::admin::unlimited_analysts(client).await {
        Ok(unlimited) if unlimited.is_empty() => {
            Check::new("analysts", Verdict::Ok, "their queries and transactions have a limit of time")
        }
        Ok(unlimited) => {
            let advice = "long queries and open transactions slow payments down";
            Check::new("analysts", Verdict::Warning, format!("{advice}; as the roles' owner: {}", unlimited.join("; ")))
        }
        Err(error) => Check::new("analysts", Verdict::Broken, with_causes(&error)),
    }
}
