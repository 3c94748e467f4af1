//! What the system says of the process, by the names that all programs have for it. Elsewhere than on Linux less is known.

use super::{Kind, Metric};
use std::fmt::Write;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

const fn metric(name: &'static str, kind: Kind, help: &'static str) -> Metric {
    Metric { name, kind, help, labels: &[] }
}

pub static PROCESS_METRICS: &[Metric] = &[
    metric("process_cpu_seconds_total", Kind::Counter, "Processor time that the process has used, of user and system."),
    metric("process_max_fds", Kind::Gauge, "Files and connections that the process may have open."),
    metric("process_open_fds", Kind::Gauge, "Files and connections that the process has open."),
    metric("process_resident_memory_bytes", Kind::Gauge, "Memory that the process has in use."),
    metric("process_start_time_seconds", Kind::Gauge, "When the process was started, in seconds since 1970."),
    metric("process_threads", Kind::Gauge, "Threads of the process."),
    metric("process_virtual_memory_bytes", Kind::Gauge, "Addresses that the process has reserved."),
];

/// Adds them to a text. The recorder has no counters of fractions.
pub fn render(text: &mut String) {
    for metric in PROCESS_METRICS {
        let Some(value) = value(metric.name) else { continue };
        let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
        let (name, help) = (metric.name, metric.help);
        // Writing into a string does not fail.
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n");
    }
}

fn value(name: &str) -> Option<f64> {
    match name {
        "process_start_time_seconds" => Some(started()),
        "process_cpu_seconds_total" => cpu_seconds(),
        "process_open_fds" => Some(std::fs::read_dir("/proc/self/fd").ok()?.count() as f64),
        "process_max_fds" => field("/proc/self/limits", "Max open files"),
        "process_resident_memory_bytes" => kilobytes("VmRSS:"),
        "process_virtual_memory_bytes" => kilobytes("VmSize:"),
        "process_threads" => field("/proc/self/status", "Threads:"),
        _ => None,
    }
}

/// When this was asked first, which is at the start.
pub fn started() -> f64 {
    static STARTED: OnceLock<f64> = OnceLock::new();
    *STARTED.get_or_init(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64())
}

fn cpu_seconds() -> Option<f64> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Some(seconds(usage.user_time()) + seconds(usage.system_time()))
}

fn kilobytes(name: &str) -> Option<f64> {
    field("/proc/self/status", name).map(|kilobytes| kilobytes * 1024.0)
}

/// The first number after a name at the beginning of a line.
fn field(file: &str, name: &str) -> Option<f64> {
    let text = std::fs::read_to_string(file).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn all_are_known_on_linux() {
        for metric in PROCESS_METRICS {
            assert!(value(metric.name).is_some_and(|value| value > 0.0), "{}", metric.name);
        }
    }
}
