//! This machine, and the configuration.

use super::{Check, Verdict};
use crate::arguments::WhichDatabase;
use crate::private_postgres::installations::{self, OLDEST};
use crate::{config, dev_state};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;

const DISK_BYTES_MIN: u64 = 1024 * 1024 * 1024;

/// PostgreSQL's programs, which only `florin dev` without a database needs.
pub fn programs(configured: bool) -> Check {
    if configured || std::env::var_os("DATABASE_URL").is_some() {
        return Check::skipped("postgresql", "not needed on this machine: there is a database");
    }
    let installed = installations::all();
    let found = installations::listed(&installed);
    if installed.iter().any(|found| found.major >= OLDEST) {
        Check::ok("postgresql", found)
    } else {
        let advice =
            format!("florin dev needs PostgreSQL {OLDEST} or newer: run `make setup`, or configure a database");
        Check::broken("postgresql", found, advice)
    }
}

pub fn disk(which: &WhichDatabase) -> Check {
    let wanted = which.data.as_deref().unwrap_or(Path::new(dev_state::DEFAULT_DIRECTORY));
    let place = if wanted.exists() { wanted } else { Path::new(".") };
    match nix::sys::statvfs::statvfs(place) {
        Ok(disk) => {
            #[allow(clippy::useless_conversion, reason = "the types differ between Linux and macOS")]
            let free = u64::from(disk.blocks_available()).saturating_mul(disk.fragment_size().into());
            let found = format!("{:.1} GiB free in {}", free as f64 / f64::from(1 << 30), place.display());
            if free < DISK_BYTES_MIN {
                Check::new("disk", Verdict::Warning, found, "make room")
            } else {
                Check::ok("disk", found)
            }
        }
        Err(error) => Check::skipped("disk", format!("{}: {error}", place.display())),
    }
}

pub fn port(which: &WhichDatabase) -> Check {
    let running = dev_state::read(which.data.as_deref()).ok().flatten();
    if let Some(state) = running {
        return Check::ok("port", format!("florin dev (process {}) is at {}", state.pid, state.url));
    }
    let listen = config::of_process(which.config.as_deref())
        .map_or_else(|_| config::ServerConfig::default().listen, |loaded| loaded.config.server.listen);
    match TcpListener::bind(listen) {
        Ok(_) => Check::ok("port", format!("{listen} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Check::ok("port", format!("{listen} is in use, as it is while a server runs here"))
        }
        Err(error) => Check::broken("port", format!("{listen}: {error}"), "set another server.listen, or --listen"),
    }
}

pub fn configuration(which: &WhichDatabase) -> Check {
    let advice = "mend it; docs/configuration.md has every key";
    match config::of_process(which.config.as_deref()) {
        Ok(loaded) => {
            let problems = loaded.config.problems_of_what_is_set();
            if !problems.is_empty() {
                Check::broken("configuration", problems.join("; "), advice)
            } else if loaded.ignored.is_empty() {
                Check::ok("configuration", "can be used")
            } else {
                Check::ok(
                    "configuration",
                    format!("can be used; ignored, as Kubernetes' own: {}", loaded.ignored.join(", ")),
                )
            }
        }
        Err(error) => Check::broken("configuration", format!("{error:#}").replace('\n', "; "), advice),
    }
}
