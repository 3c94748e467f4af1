//! Replays a tenant's whole log and holds the result against what is stored. Shares no rule with the committer's
//! check: one judges the other.

mod log;
mod objects;
mod replay;

use crate::fault;
use crate::store::verify::{Snapshot, VerifyError};
use contracts::ledger::LedgerError;
use deadpool_postgres::Pool;
use domain::commit::Index;
use serde::Serialize;
use serde_json::Value;
use std::time::Instant;
use tokio_postgres::IsolationLevel;
use types::{Kind, TenantId};

/// Findings that are told in full; the others are counted.
const FINDINGS_TOLD: usize = 100;

/// Derives from a state how its object has to be indexed; `None` where it cannot say.
pub type IndexOf = dyn Fn(Kind, &Value) -> Option<Index> + Send + Sync;

/// What a verification has seen, and what is wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub tenant: TenantId,
    pub events: u64,
    pub objects: u64,
    pub transfers: u64,
    pub accounts: u64,
    pub duration_ms: u64,
    /// The hash of the log's last row, in hexadecimal digits: it stands for all that was ever written. `None` of an empty
    /// log.
    pub hash: Option<String>,
    /// How many differences there are; the first hundred are told.
    pub findings_total: u64,
    pub findings: Vec<Finding>,
}

/// A difference between the log and what is stored, or a broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which rule: `positions`, `hashes`, `versions`, `objects`, `index`, `transfers`, `holds`, `balances`, `rules`, `totals` or
    /// `idempotency`.
    pub check: &'static str,
    /// The position, transfer, account, object or key.
    pub subject: String,
    pub detail: String,
}

impl Report {
    /// Whether the books are in order.
    pub fn is_sound(&self) -> bool {
        self.findings_total == 0
    }

    fn find(&mut self, check: &'static str, subject: impl ToString, detail: impl Into<String>) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_TOLD {
            self.findings.push(Finding { check, subject: subject.to_string(), detail: detail.into() });
        }
    }
}

/// Verifies a tenant's books as of one moment; commits go on meanwhile. Memory grows with the number of accounts and
/// of open holds, not with the log.
///
/// It proves that positions have no gap; that each row of the log and its transfers are those that its hash was made of,
/// as are all before; that each object's log begins at version 1, has no gap, and folds to the
/// stored state and version; that no log entry is of anything else; that every transfer is of a log entry, between accounts of one currency, and keeps the
/// rules of amounts and holds; that no account's rule is broken after any transfer; that folded balances are those
/// stored; and that debits equal credits in each currency.
pub async fn verify(pool: &Pool, tenant: TenantId, index_of: Option<&IndexOf>) -> Result<Report, LedgerError> {
    let began = Instant::now();
    let mut report = Report {
        tenant,
        events: 0,
        objects: 0,
        transfers: 0,
        accounts: 0,
        duration_ms: 0,
        hash: None,
        findings_total: 0,
        findings: Vec::new(),
    };
    let mut connection =
        pool.get().await.map_err(|error| LedgerError::Unavailable(platform::database::with_causes(&error)))?;
    let work = async {
        let beginning = connection.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        let Some(snapshot) = Snapshot::new(beginning.start().await?, tenant).await? else { return Ok(false) };
        log::check(&snapshot, &mut report).await?;
        replay::check(&snapshot, &mut report).await?;
        objects::check(&snapshot, &mut report, index_of).await?;
        check_references(&snapshot, &mut report).await?;
        Ok(true)
    };
    let found = work.await.map_err(|error: VerifyError| match error {
        VerifyError::Database(error) => fault::ledger_error(&error),
        VerifyError::Row(error) => LedgerError::Unavailable(error.to_string()),
    })?;
    if !found {
        return Err(LedgerError::NoSuchTenant(tenant));
    }
    report.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// What refers to the log or to objects.
async fn check_references(snapshot: &Snapshot<'_>, report: &mut Report) -> Result<(), VerifyError> {
    for (id, position, created) in snapshot.stray_transfers().await? {
        let detail = match created {
            None => format!("there is no log entry {position}"),
            Some(created) => format!("its log entry {position} is of another time ({} ms)", created.millis()),
        };
        report.find("transfers", id, detail);
    }
    for (id, version) in snapshot.stray_revisions().await? {
        report.find("versions", id, format!("it has a revision {version}, but it is not stored"));
    }
    for key in snapshot.stray_keys().await? {
        report.find("idempotency", key, "its answer is a version that the object never had");
    }
    Ok(())
}
