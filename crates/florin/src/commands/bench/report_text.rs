//! The report as text for people.

use super::report::{Report, Row, Yardstick};
use crate::output::table;
use std::collections::BTreeMap;

impl Report {
    pub fn text(&self) -> String {
        const HEADER: [&str; 14] = [
            "LOAD",
            "TENANTS",
            "CONN",
            "PAYMENTS/S",
            "REQUESTS/S",
            "RATIO",
            "P50 ms",
            "P99 ms",
            "P99.9 ms",
            "ERRORS",
            "FLORIN µs",
            "POSTGRES µs",
            "GENERATOR µs",
            "WAL BYTES",
        ];
        let mut rows: Vec<Vec<String>> = self.loads.iter().filter_map(cells).collect();
        rows.extend(self.yardstick.as_ref().map(yardstick_cells));
        let postgres = self.postgres.as_deref().unwrap_or("of unknown version");
        let durable = match self.durable {
            Some(true) => "durable",
            Some(false) => "NOT DURABLE",
            None => "durability not known",
        };
        let rounds = match self.rounds {
            1 => "one round".to_owned(),
            many => format!("medians of {many} rounds"),
        };
        let mut parts = vec![
            format!(
                "{}  florin {}, PostgreSQL {postgres}, {durable}; {} processors for all; {rounds} of {} s",
                self.url, self.version, self.cpus, self.seconds
            ),
            table(&HEADER, &rows, &HEADER[1..]),
        ];
        if let Some(tps) = self.yardstick.as_ref().filter(|yardstick| yardstick.transactions_per_second.is_some()) {
            parts.push(format!(
                "RATIO is payments a second / {} transactions a second at scale {}",
                tps.name, tps.scale
            ));
        }
        parts.push(
            "µs of processor time and WAL bytes are for one payment, or for one request where no payments are made"
                .to_owned(),
        );
        if let Some(peak) = self.loads.iter().filter_map(|row| row.median.as_ref()?.florin_memory_peak).max() {
            parts.push(format!("the server's memory was {} MB at most", peak.div_ceil(1 << 20)));
        }
        parts.extend(self.loads.iter().filter_map(comparison));
        parts.extend(self.loads.iter().filter_map(lateness));
        parts.extend(self.loads.iter().filter_map(refusals));
        parts.extend(self.loads.iter().filter_map(errors));
        parts.extend(self.notes.iter().map(|note| format!("note: {note}")));
        parts.join("\n")
    }
}

fn cells(row: &Row) -> Option<Vec<String>> {
    let median = row.median.as_ref()?;
    let load = match row.rate {
        Some(rate) => format!("{}, {rate} requests/s", row.name()),
        None => row.name(),
    };
    Some(vec![
        load,
        row.tenants.to_string(),
        row.connections.to_string(),
        if row.makes_payments { whole(median.payments_per_second) } else { NONE.to_owned() },
        whole(median.requests_per_second),
        row.ratio.map_or(NONE.to_owned(), |ratio| format!("{ratio:.2}")),
        format!("{:.2}", median.p50_ms),
        format!("{:.2}", median.p99_ms),
        format!("{:.2}", median.p999_ms),
        median.errors.to_string(),
        known(median.florin_us),
        known(median.postgres_us),
        known(median.generator_us),
        known(median.wal_bytes),
    ])
}

/// How a load compares with the one that it takes turns with.
fn comparison(row: &Row) -> Option<String> {
    let (compared, median) = (row.compared?, row.median.as_ref()?);
    let repeats = match median.repeats {
        0 => String::new(),
        many => format!("; {many} more were repeated, and got the first answer"),
    };
    let base = if row.searches > 0 { "of them alone" } else { "of one server without repeats" };
    Some(format!(
        "{} ({} connections): {:.2} × the payments a second {base}, {:.2} × the p50, {:.2} × the p99{repeats}",
        row.name(),
        row.connections,
        compared.payments_per_second,
        compared.p50_ms,
        compared.p99_ms
    ))
}

/// TPC-B's transactions are in the columns of the payments.
fn yardstick_cells(yardstick: &Yardstick) -> Vec<String> {
    let mut cells = vec![NONE.to_owned(); 14];
    cells[0] = yardstick.name.to_owned();
    cells[2] = yardstick.clients.to_string();
    cells[3] = known(yardstick.transactions_per_second);
    cells[5] = "1.00".to_owned();
    cells[11] = known(yardstick.postgres_us);
    cells[13] = known(yardstick.wal_bytes);
    cells
}

/// How late a clock was: no answer can come sooner than the machine runs.
fn lateness(row: &Row) -> Option<String> {
    let late = row.median.as_ref()?.late_p99_ms?;
    Some(format!("a clock on this machine, with nothing else to do, was late by {late:.2} ms meanwhile (p99)"))
}

fn refusals(row: &Row) -> Option<String> {
    let median = row.median.as_ref().filter(|median| median.refused > 0)?;
    let (load, connections, refused) = (row.workload, row.connections, median.refused);
    let ms = median.refused_p99_ms;
    Some(format!("refused of {load} ({connections} connections): {refused} × 429, 99 % of them within {ms:.2} ms"))
}

fn errors(row: &Row) -> Option<String> {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, count) in row.rounds.iter().flat_map(|round| &round.errors) {
        *kinds.entry(kind).or_default() += count;
    }
    let first = row.rounds.iter().find_map(|round| round.first_error.as_ref())?;
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
    let kinds = if kinds.is_empty() { "while warming up".to_owned() } else { kinds.join(", ") };
    Some(format!("errors of {} ({} connections): {kinds}; the first: {first}", row.workload, row.connections))
}

const NONE: &str = "-";

fn known(figure: Option<f64>) -> String {
    figure.map_or(NONE.to_owned(), whole)
}

/// `12345.6` as `12,346`.
fn whole(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::figures::Figures;
    use super::super::pgbench::TpcB;
    use super::*;

    fn measured(payments_per_second: f64, p99_ms: f64) -> Figures {
        Figures {
            seconds: 1.0,
            requests: 1,
            payments: 1,
            requests_per_second: payments_per_second,
            payments_per_second,
            p50_ms: 1.0,
            p99_ms,
            p999_ms: 3.0,
            max_ms: 4.0,
            late_p99_ms: Some(0.5),
            refused: 7,
            refused_p99_ms: 2.5,
            repeats: 0,
            errors: [("503".to_owned(), 2)].into(),
            first_error: Some("503 not now".to_owned()),
            answer_bytes: 2_000.0,
            florin_us: Some(100.0),
            postgres_us: None,
            generator_us: Some(10.0),
            wal_bytes: Some(4_321.4),
            florin_memory_peak: Some(100 << 20),
        }
    }

    /// The second row is compared with the first.
    fn row(servers: usize, rounds: Vec<Figures>) -> Row {
        Row {
            workload: "payments",
            makes_payments: true,
            tenants: 1,
            connections: 64,
            rate: None,
            servers,
            searches: 0,
            base: (servers > 1).then_some(0),
            compared: None,
            median: None,
            ratio: None,
            rounds,
        }
    }

    #[test]
    fn shows_medians_and_the_ratio() {
        let tpc_b = |tps| TpcB {
            transactions_per_second: tps,
            latency_ms: 10.0,
            transactions: 1,
            postgres_us: Some(500.0),
            wal_bytes: None,
        };
        let mut report = Report {
            url: "http://127.0.0.1:1".to_owned(),
            version: "0.1.0",
            postgres: Some("15.18".to_owned()),
            durable: Some(true),
            cpus: 2,
            seconds: 1,
            rounds: 3,
            filled: 0,
            loads: vec![
                row(1, vec![measured(9_000.0, 9.0), measured(6_000.0, 5.0), measured(5_000.0, 7.0)]),
                row(2, vec![measured(4_500.0, 18.0), measured(6_000.0, 20.0), measured(4_000.0, 7.0)]),
            ],
            yardstick: Some(Yardstick {
                rounds: vec![tpc_b(1_000.0), tpc_b(3_000.0), tpc_b(2_000.0)],
                ..Yardstick::new(50)
            }),
            notes: vec!["something".to_owned()],
        };
        report.finish();
        assert_eq!(report.loads[0].ratio, Some(3.0));
        let text = report.text();
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
        let words = |start: &str| line(start).split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
        assert_eq!(words("payments"), "payments 1 64 6,000 6,000 3.00 1.00 7.00 3.00 6 100 - 10 4,321", "{text}");
        assert_eq!(words("TPC-B"), "TPC-B (pgbench) - 32 2,000 - 1.00 - - - - - 500 - -", "{text}");
        assert_eq!(line("errors"), "errors of payments (64 connections): 6 × 503; the first: 503 not now");
        assert_eq!(line("refused"), "refused of payments (64 connections): 21 × 429, 99 % of them within 2.50 ms");
        let compared = "payments, 2 servers (64 connections): 0.80 × the payments a second of one server without repeats, 1.00 × the p50, 2.00 × the p99";
        assert!(text.lines().any(|line| line == compared), "{text}");
        assert_eq!(line("note"), "note: something");
        let late = "a clock on this machine, with nothing else to do, was late by 0.50 ms meanwhile (p99)";
        assert_eq!(line("a clock"), late);
        assert_eq!(line("the server"), "the server's memory was 100 MB at most");
    }

    #[test]
    fn separates_thousands() {
        for (figure, shown) in [(0.4, "0"), (999.0, "999"), (1_000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(whole(figure), shown);
        }
    }
}
