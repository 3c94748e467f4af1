//! What a verification found.

use serde::Serialize;
use types::TenantId;

/// Findings that a report has in full; further ones are only counted.
const FINDINGS_MAX: usize = 100;

/// How much was verified, and what is wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub tenant: TenantId,
    /// Log entries, with and without a public type.
    pub events: u64,
    pub objects: u64,
    pub transfers: u64,
    pub accounts: u64,
    pub duration_ms: u64,
    /// The position of the last row of the log that was verified: it was the last one when the verification began. 0 if
    /// the log is empty.
    pub position: i64,
    /// The hash of that row, in hexadecimal digits: it stands for all that was written up to there. `None` if the
    /// log is empty.
    pub hash: Option<String>,
    /// `POSITION:HASH`, to be kept elsewhere for [`verify_since`](super::verify_since).
    pub head: Option<String>,
    /// How many differences there are; `findings` has the first hundred.
    pub findings_total: u64,
    pub findings: Vec<Finding>,
}

/// A difference between the log and what is stored, or a broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check: `positions`, `times`, `hashes`, `versions`, `objects`, `index`, `transfers`, `holds`, `balances`, `rules`,
    /// `totals`, `since` or `idempotency`.
    pub check: &'static str,
    /// The position, transfer, account, object or key.
    pub subject: String,
    pub detail: String,
}

impl Report {
    pub(super) fn new(tenant: TenantId) -> Self {
        Report {
            tenant,
            events: 0,
            objects: 0,
            transfers: 0,
            accounts: 0,
            duration_ms: 0,
            position: 0,
            hash: None,
            head: None,
            findings_total: 0,
            findings: Vec::new(),
        }
    }

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings_total == 0
    }

    pub(super) fn find(&mut self, check: &'static str, subject: impl ToString, detail: impl Into<String>) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { check, subject: subject.to_string(), detail: detail.into() });
        }
    }
}
