//! `florin bench`: puts a running server under load from a process of its own, and measures.
//!
//! It shares the machine with what it measures, so it does as little as possible itself: one thread, requests written
//! into a buffer, answers hardly looked at. `docs/benchmarks.md` says what is measured and how to read it.

mod connection;
mod journal;
mod load;
mod measured;
mod meter;
mod pace;
mod prepare;
mod recorder;
mod report;
mod request;
mod script;
mod store;
mod text;
mod workload;
mod yardstick;

use crate::cli::{Bench, Database};
use crate::client::Access;
use crate::exit::{Code, Failure};
use crate::output::Output;
use crate::{dev, target};
use anyhow::Context;
use journal::Journal;
use load::{Load, measure};
use meter::Meter;
use platform::database::{Client, DatabaseSettings, connect, store as server};
use prepare::Place;
use report::{Report, Row};
use request::{Caller, Known};
use std::sync::Arc;
use std::time::Duration;
use workload::Workload;
use yardstick::Yardstick;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const WARM_UP_MAX: Duration = Duration::from_secs(2);

pub async fn run(args: &Bench, output: Output) -> anyhow::Result<Code> {
    let access = Access::find(&args.server)?;
    let place = Place::of(&access.url).await?;
    let settings = database(args, &access)?;
    let client = match &settings {
        Some(settings) => Some(connect(settings.owner_url(), CONNECT_TIMEOUT).await?),
        None => None,
    };
    let mut report = begin(args, &access, client.as_ref()).await?;
    prepare::try_payment(&access).await?;

    let groups = callers(args, &access, &place, settings.as_ref()).await?;
    let yardstick = match (&settings, &client) {
        (Some(settings), Some(client)) if !args.no_yardstick && !args.reads && args.rate.is_none() => {
            report.yardstick = Some(report::Yardstick::new(args.scale));
            Some(Yardstick::prepare(settings.owner_url(), client, args.scale).await?)
        }
        _ => None,
    };
    if let Some(client) = &client {
        if let Err(error) = store::make_log_files(client).await {
            report.notes.push(format!("PostgreSQL's log may have to make its files meanwhile: {error}"));
        }
        if let Err(error) = store::checkpoint(client).await {
            report.notes.push(format!("no checkpoint before the rounds: {error}"));
        }
    }
    let meter = Meter::new(args.server_pid.or(access.pid), client).await;
    report.notes.extend(unseen(&meter));

    let journal = match &args.journal {
        Some(path) => Some(Journal::create(path).with_context(|| format!("creating {}", path.display()))?),
        None => None,
    };
    let loads = loads(args, &place, &groups, journal.map(Arc::new).as_ref());
    report.loads = loads.iter().map(row).collect();
    for round in 1..=args.rounds {
        for (load, row) in loads.iter().zip(&mut report.loads) {
            let measured = measure(load, &meter).await?;
            eprintln!(
                "round {round} of {}: {}, {} tenants, {} connections: {:.0} requests/s, p99 {:.2} ms",
                args.rounds, row.workload, row.tenants, row.connections, measured.requests_per_second, measured.p99_ms
            );
            row.rounds.push(measured);
        }
        if let (Some(yardstick), Some(shown)) = (&yardstick, &mut report.yardstick) {
            let run = yardstick.run(args.seconds, &meter).await?;
            eprintln!("round {round} of {}: {}: {:.0}/s", args.rounds, shown.name, run.transactions_per_second);
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

/// The server's database, as far as it can be known: that of the configuration, or that of the running `florin dev`.
fn database(args: &Bench, access: &Access) -> anyhow::Result<Option<DatabaseSettings>> {
    let wanted = Database { config: args.config.clone(), data: args.server.data.clone() };
    // That a `florin dev` runs here says nothing of the server that was named.
    let state = dev::state(args.server.data.as_deref())?;
    if args.config.is_none() && state.is_some_and(|state| state.url != access.url) {
        return Ok(None);
    }
    target::find(&wanted)
}

async fn begin(args: &Bench, access: &Access, client: Option<&Client>) -> anyhow::Result<Report> {
    let mut notes = Vec::new();
    let facts = match client {
        Some(client) => Some(server::server_facts(client).await?),
        None => {
            notes
                .push("the server's database is not known (--data, --config): no yardstick, no log's bytes".to_owned());
            None
        }
    };
    Ok(Report {
        url: access.url.clone(),
        version: env!("CARGO_PKG_VERSION"),
        durable: facts.as_ref().map(|facts| facts.durable),
        postgres: facts.map(|facts| facts.version),
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        seconds: args.seconds,
        rounds: args.rounds,
        filled: args.fill,
        loads: Vec::new(),
        yardstick: None,
        notes,
    })
}

/// The callers of each number of tenants that is asked for; payments are stored, and looked for to be read.
async fn callers(
    args: &Bench,
    access: &Access,
    place: &Place,
    settings: Option<&DatabaseSettings>,
) -> anyhow::Result<Vec<Arc<Vec<Caller>>>> {
    let keys = match (args.tenants.iter().max(), settings) {
        (None, _) => vec![access.key.clone()],
        (Some(most), Some(settings)) => prepare::tenants(settings, access, *most).await?,
        (Some(_), None) => {
            return Err(Failure::usage(
                "--tenants needs the server's database, to create them: give --data or --config",
            ));
        }
    };
    let tenants: Vec<Access> = keys.into_iter().map(|key| Access { key, ..access.clone() }).collect();
    let least = if args.reads { prepare::READABLE * u64::try_from(tenants.len())? } else { 0 };
    let payments = args.fill.max(least);
    if payments > 0 {
        prepare::fill(place, &tenants, payments).await?;
    }
    let callers: Vec<Caller> = if args.reads {
        prepare::look_around(place, &tenants).await?
    } else {
        tenants.iter().map(|access| place.caller(access, Known::default())).collect()
    };
    let counts = if args.tenants.is_empty() { &[1][..] } else { &args.tenants };
    let group = |count: &u32| Ok(Arc::new(callers.iter().take(usize::try_from(*count)?).cloned().collect()));
    counts.iter().map(group).collect()
}

fn loads(args: &Bench, place: &Place, groups: &[Arc<Vec<Caller>>], journal: Option<&Arc<Journal>>) -> Vec<Load> {
    let workloads: &[Workload] = match (args.mix, args.reads) {
        (true, _) => &[Workload::Mix],
        (_, true) => Workload::READS,
        _ => &[Workload::Payments],
    };
    let connections = match (args.connections.is_empty(), args.rate, args.reads) {
        (false, _, _) => args.connections.clone(),
        (true, Some(_), _) => vec![256],
        (true, None, true) => vec![64],
        (true, None, false) => vec![64, 256],
    };
    let time = Duration::from_secs(u64::from(args.seconds));
    let mut loads = Vec::new();
    for callers in groups {
        for workload in workloads {
            for connections in &connections {
                loads.push(Load {
                    address: place.address,
                    workload: *workload,
                    callers: Arc::clone(callers),
                    journal: journal.cloned(),
                    connections: *connections,
                    rate: args.rate,
                    warm_up: WARM_UP_MAX.min(time / 5),
                    time,
                });
            }
        }
    }
    loads
}

fn row(load: &Load) -> Row {
    Row {
        workload: load.workload.name(),
        makes_payments: load.workload.makes_payments(),
        tenants: load.callers.len(),
        connections: load.connections,
        rate: load.rate,
        median: None,
        ratio: None,
        rounds: Vec::new(),
    }
}

fn unseen(meter: &Meter) -> Option<String> {
    let unseen: Vec<&str> = [(meter.sees_florin(), "the server's"), (meter.sees_postgres(), "PostgreSQL's")]
        .into_iter()
        .filter_map(|(seen, whose)| (!seen).then_some(whose))
        .collect();
    let whose = unseen.join(" and ");
    (!whose.is_empty()).then(|| format!("{whose} processor time is not measured: not a process that is seen from here"))
}
