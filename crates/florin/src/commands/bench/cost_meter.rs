//! What a load costs: processor time of the server, of PostgreSQL and of this process, and bytes of PostgreSQL's log.

use super::store;
use platform::database::Client;
use std::collections::HashMap;
use std::fs;

/// `/proc` counts processor time in hundredths of a second on every Linux, also where the kernel's own clock is finer.
const TICK_US: u64 = 10_000;

/// Reads the processes of this machine. Processes of other machines, and of systems other than Linux, are not measured.
pub struct Meter {
    /// The server.
    florin: Option<u32>,
    postmaster: Option<u32>,
    /// A connection that may read the position of PostgreSQL's log.
    database: Option<Client>,
}

/// A reading of the meter. Only the difference of two has a meaning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// Processor time of the server, of all of PostgreSQL's processes and of this one, in microseconds.
    pub florin_us: Option<u64>,
    pub postgres_us: Option<u64>,
    pub generator_us: Option<u64>,
    /// Bytes.
    pub wal: Option<i64>,
}

/// A process, from `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    parent: u32,
    /// Its own processor time, and that of its children that have ended.
    own_us: u64,
    ended_children_us: u64,
}

impl Meter {
    pub async fn new(server: Option<u32>, database: Option<Client>) -> Meter {
        let mut postmaster = None;
        if let Some(client) = &database
            && let Ok(backend) = store::backend_pid(client).await
            && let Some(backend) = u32::try_from(backend).ok().and_then(postgres)
            && postgres(backend.parent).is_some()
        {
            postmaster = Some(backend.parent);
        }
        Meter { florin: server.filter(|pid| process(*pid).is_some()), postmaster, database }
    }

    pub fn sees_florin(&self) -> bool {
        self.florin.is_some()
    }

    pub fn sees_postgres(&self) -> bool {
        self.postmaster.is_some()
    }

    pub async fn read(&self) -> Reading {
        let wal = match &self.database {
            Some(client) => store::wal_position(client).await.ok(),
            None => None,
        };
        Reading {
            florin_us: self.florin.and_then(process).map(|florin| florin.own_us),
            postgres_us: self.postmaster.and_then(family_us),
            generator_us: process(std::process::id()).map(|own| own.own_us),
            wal,
        }
    }

    /// The most memory that the server has had since its start, in bytes.
    pub fn florin_memory_peak(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.florin?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    }
}

impl Reading {
    /// What was used from an earlier reading to this one.
    pub fn since(&self, earlier: &Reading) -> Reading {
        fn used<T: Copy>(now: Option<T>, then: Option<T>, less: fn(T, T) -> T) -> Option<T> {
            Some(less(now?, then?))
        }
        Reading {
            florin_us: used(self.florin_us, earlier.florin_us, u64::saturating_sub),
            postgres_us: used(self.postgres_us, earlier.postgres_us, u64::saturating_sub),
            generator_us: used(self.generator_us, earlier.generator_us, u64::saturating_sub),
            wal: used(self.wal, earlier.wal, i64::saturating_sub),
        }
    }
}

/// The processor time of a process and of all of its children, also of those that have ended: it never becomes less.
fn family_us(pid: u32) -> Option<u64> {
    let own = process(pid)?;
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children = pids.filter_map(process).filter(|process| process.parent == pid);
    Some(own.own_us + own.ended_children_us + children.map(|child| child.own_us).sum::<u64>())
}

fn process(pid: u32) -> Option<Process> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?).map(|(_, process)| process)
}

/// The process with that id, if it is a PostgreSQL: the database may be on another machine, whose ids mean other processes
/// here.
fn postgres(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (name, process) = parse(&stat)?;
    name.starts_with("postgres").then_some(process)
}

/// Reads `PID (NAME) STATE PARENT …`; the name may have any characters, also blanks and parentheses.
fn parse(stat: &str) -> Option<(&str, Process)> {
    let (head, fields) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1;
    let fields: HashMap<usize, &str> = fields.split_ascii_whitespace().zip(3..).map(|(text, at)| (at, text)).collect();
    let number = |at: usize| fields.get(&at)?.parse::<u64>().ok();
    let (own, ended) = (number(14)? + number(15)?, number(16)? + number(17)?);
    let parent = u32::try_from(number(4)?).ok()?;
    Some((name, Process { parent, own_us: own * TICK_US, ended_children_us: ended * TICK_US }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_processes() {
        let stat = "15485 (postgres: a (b) ) S 15462 15485 15485 0 -1 4194560 9 8 7 6 250 50 30 20 20 0 1 0 99 1 2";
        let expected = Process { parent: 15_462, own_us: 3_000_000, ended_children_us: 500_000 };
        assert_eq!(parse(stat), Some(("postgres: a (b) ", expected)));
        for broken in ["", "1 (x) S", "1 x S 2 3", ")", "1 (x) S -1 0 0 0 0 0 0 0 0 0 1 1 1 1"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn subtracts_readings() {
        let then = Reading { florin_us: Some(5), postgres_us: None, generator_us: Some(9), wal: Some(100) };
        let now = Reading { florin_us: Some(7), postgres_us: Some(3), generator_us: Some(8), wal: Some(350) };
        let used = now.since(&then);
        assert_eq!(
            (used.florin_us, used.postgres_us, used.generator_us, used.wal),
            (Some(2), None, Some(0), Some(250))
        );
    }
}
