//! What is measured of the process as a whole; and all metrics that there are.

use crate::services::Services;
use platform::metrics::Metric;

platform::metrics! {
    /// Which build this is; always 1.
    gauge build_info("florin_build_info") { version }
    /// 1 if the process can do its part (what `/readyz` says), 0 if not.
    gauge ready("florin_ready")
    /// 1 if this process does the work of the role `worker`, 0 if another one does.
    gauge worker_leads("florin_worker_leads")
    /// Connections to PostgreSQL of a pool.
    gauge pool_connections("florin_database_pool_connections") { pool: ["requests", "scans"], state: ["idle", "in_use"] }
    /// Connections to PostgreSQL that a pool may have.
    gauge pool_connections_max("florin_database_pool_connections_max") { pool: ["requests", "scans"] }
    /// Callers that wait for a connection of a pool.
    gauge pool_waiting("florin_database_pool_waiting") { pool: ["requests", "scans"] }
}

/// Every metric that this program records.
pub fn recorded() -> impl Iterator<Item = &'static Metric> {
    let crates = [
        METRICS,
        api::METRICS,
        attempts::METRICS,
        gateway::METRICS,
        identity::METRICS,
        ledger::METRICS,
        platform::metrics::METRICS,
    ];
    crates.into_iter().flatten()
}

/// Measures what is as it is, and not counted when it changes.
pub fn sample(services: &Services, is_ready: bool) {
    ready().set(if is_ready { 1.0 } else { 0.0 });
    build_info(env!("CARGO_PKG_VERSION")).set(1.0);
    for (name, pool) in [("requests", &services.pool), ("scans", &services.scan_pool)] {
        let status = pool.status();
        pool_connections(name, "idle").set(status.available as f64);
        pool_connections(name, "in_use").set(status.size.saturating_sub(status.available) as f64);
        pool_connections_max(name).set(status.max_size as f64);
        pool_waiting(name).set(status.waiting as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::metrics::{Kind, PROCESS_METRICS};
    use std::path::Path;

    /// With those that the system counts, by name.
    fn all() -> Vec<&'static Metric> {
        let mut all: Vec<&Metric> = recorded().chain(PROCESS_METRICS).collect();
        all.sort_by_key(|metric| metric.name);
        all
    }

    /// `docs/metrics.md` between its marks; `UPDATE=1` writes it anew.
    #[test]
    fn the_documentation_lists_every_metric() {
        const MARK: &str =
            "<!-- what follows is made from the code: UPDATE=1 cargo test -p florin --bin florin metrics -->\n\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
        let page = std::fs::read_to_string(&path).unwrap();
        let (before, _) = page.split_once(MARK).expect("the mark");
        let mut wanted = format!("{before}{MARK}| metric | type | labels | meaning |\n|---|---|---|---|\n");
        for Metric { name, kind, help, labels } in all() {
            let labels: Vec<String> = labels
                .iter()
                .map(|label| match label.values {
                    [] => format!("`{}`", label.name),
                    values => format!("`{}`: {}", label.name, values.join(", ")),
                })
                .collect();
            let kind = format!("{kind:?}").to_lowercase();
            wanted.push_str(&format!("| `{name}` | {kind} | {} | {} |\n", labels.join("; "), help.trim()));
        }
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), wanted, "UPDATE=1 writes docs/metrics.md anew");
    }

    #[test]
    fn names_say_what_is_counted_and_in_which_unit() {
        let mut names = std::collections::BTreeSet::new();
        for metric in all() {
            let name = metric.name;
            assert!(names.insert(name), "{name} is declared twice");
            assert!(name.starts_with("florin_") || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert!(!name.ends_with("_ms") && !name.ends_with("_us") && !name.contains("milli"), "{name}");
        }
    }
}
