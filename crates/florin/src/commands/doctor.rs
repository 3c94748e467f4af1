//! `florin doctor`: looks for what is missing or wrong, and says what to do about it.

use crate::cli::Doctor;
use crate::exit::Code;
use crate::output::Output;
use crate::postgres::binaries::{self, OLDEST};
use crate::{config, dev, schema, target};
use platform::database::{self, DatabaseSettings, store};
use serde::Serialize;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;
use types::{Clock, SystemClock};

const DISK_BYTES_MIN: u64 = 1024 * 1024 * 1024;
/// Events, idempotency keys and tokens carry times of this machine; the database stamps nothing itself.
const CLOCK_SKEW_MS_MAX: u64 = 1_000;

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
    /// Works, but should be looked at.
    Warning,
    Broken,
    /// Could not be looked at, for instance because nothing runs.
    Skipped,
}

impl Check {
    fn new(name: &'static str, result: Verdict, detail: impl Into<String>) -> Check {
        Check { name, result, detail: detail.into() }
    }
}

pub async fn run(doctor: &Doctor, output: Output) -> anyhow::Result<Code> {
    let mut checks = vec![programs(), disk(doctor), port(doctor), configuration(doctor)];
    match target::find(&doctor.database) {
        Ok(Some(settings)) => checks.extend(database(&settings).await),
        Ok(None) => checks.push(Check::new(
            "database",
            Verdict::Skipped,
            "no florin dev is running here, and no database is configured",
        )),
        // The configuration's own check has said it.
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

fn programs() -> Check {
    let installed = binaries::installed();
    let all: Vec<String> =
        installed.iter().map(|found| format!("{} in {}", found.version, found.directory.display())).collect();
    if installed.iter().any(|found| found.major >= OLDEST) {
        Check::new("postgresql", Verdict::Ok, all.join(", "))
    } else if std::env::var_os("DATABASE_URL").is_some() {
        Check::new("postgresql", Verdict::Ok, "not needed here: DATABASE_URL is set")
    } else {
        let found = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
        let advice = format!("florin dev needs PostgreSQL {OLDEST} or newer (found: {found}); run `make setup`");
        Check::new("postgresql", Verdict::Broken, advice)
    }
}

fn disk(doctor: &Doctor) -> Check {
    let wanted = doctor.database.data.as_deref().unwrap_or(Path::new(dev::DEFAULT_DATA));
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

fn port(doctor: &Doctor) -> Check {
    let running = dev::state(doctor.database.data.as_deref()).ok().flatten();
    if let Some(state) = running {
        return Check::new("port", Verdict::Ok, format!("florin dev (process {}) is at {}", state.pid, state.url));
    }
    let listen = config::from_process(doctor.database.config.as_deref())
        .map_or_else(|_| config::ServerSettings::default().listen, |loaded| loaded.settings.server.listen);
    match TcpListener::bind(listen) {
        Ok(_) => Check::new("port", Verdict::Ok, format!("{listen} is free")),
        Err(error) => Check::new("port", Verdict::Warning, format!("{listen}: {error}; choose another with --listen")),
    }
}

fn configuration(doctor: &Doctor) -> Check {
    match config::from_process(doctor.database.config.as_deref()) {
        Ok(loaded) => {
            let problems = loaded.settings.problems_without_database();
            if problems.is_empty() {
                Check::new("configuration", Verdict::Ok, "can be used")
            } else {
                Check::new("configuration", Verdict::Broken, problems.join("; "))
            }
        }
        Err(error) => Check::new("configuration", Verdict::Broken, format!("{error:#}")),
    }
}

async fn database(settings: &DatabaseSettings) -> Vec<Check> {
    let timeout = Duration::from_millis(settings.connect_timeout_ms);
    let client = match database::connect(&settings.url, timeout).await {
        Ok(client) => client,
        Err(error) => return vec![Check::new("database", Verdict::Broken, error.to_string())],
    };
    let asked = SystemClock.now().millis();
    let facts = match store::server_facts(&client).await {
        Ok(facts) => facts,
        Err(error) => return vec![Check::new("database", Verdict::Broken, database::with_causes(&error))],
    };
    let answered = SystemClock.now().millis();
    let too_old = u32::try_from(facts.version_num / 10_000).is_ok_and(|major| major < OLDEST);
    let shown = format!("PostgreSQL {} at {}", facts.version, database::masked(&settings.url));
    let mut checks = vec![
        Check::new("database", if too_old { Verdict::Broken } else { Verdict::Ok }, shown),
        if facts.durable {
            Check::new("durability", Verdict::Ok, "fsync, full_page_writes and synchronous_commit are on")
        } else {
            let advice = "turn fsync, full_page_writes and synchronous_commit on: payments would be lost";
            Check::new("durability", Verdict::Broken, advice)
        },
    ];
    // The server's clock was read some time between asking and answering.
    let skew = if facts.clock_ms < asked { asked - facts.clock_ms } else { (facts.clock_ms - answered).max(0) };
    let late = skew.unsigned_abs() > CLOCK_SKEW_MS_MAX;
    checks.push(Check::new(
        "clock",
        if late { Verdict::Warning } else { Verdict::Ok },
        format!("{skew} ms apart from the database server's"),
    ));
    checks.push(privileges(&client, &facts).await);
    checks.push(schema(settings).await);
    checks
}

async fn schema(settings: &DatabaseSettings) -> Check {
    match schema::pending(settings).await {
        Ok(pending) if pending.is_empty() => Check::new("schema", Verdict::Ok, "up to date"),
        Ok(pending) => {
            Check::new("schema", Verdict::Broken, format!("run `florin migrate`; behind: {}", pending.join(", ")))
        }
        Err(error) => Check::new("schema", Verdict::Broken, format!("{error:#}")),
    }
}

async fn privileges(client: &database::Client, facts: &store::ServerFacts) -> Check {
    if facts.superuser {
        let advice = format!("{} is a superuser: nothing is refused to it; use another role", facts.role);
        return Check::new("privileges", Verdict::Broken, advice);
    }
    match store::changeable_tables(client, &["events", "transfers"]).await {
        Ok(tables) if tables.is_empty() => {
            Check::new("privileges", Verdict::Ok, format!("{} cannot change events or transfers", facts.role))
        }
        Ok(tables) => {
            let advice = format!("{} may change {}; revoke that", facts.role, tables.join(", "));
            Check::new("privileges", Verdict::Broken, advice)
        }
        Err(error) => Check::new("privileges", Verdict::Broken, database::with_causes(&error)),
    }
}
