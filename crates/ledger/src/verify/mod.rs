//! Replays a tenant's whole log and compares the result with what is stored. It shares no rule with the check that the
//! committer makes (`commit::accept`), so that one finds the faults of the other.

mod kept_head;
mod log;
mod objects;
mod references;
mod report;
mod store;
mod transfers;

pub use kept_head::{KeptHead, NotAHead};
pub use objects::IndexOf;
pub use report::{Finding, Report};

use crate::store::errors::ReadError;
use contracts::ledger::LedgerError;
use deadpool_postgres::Pool;
use std::time::Instant;
use store::Books;
use types::TenantId;

/// Verifies a tenant's books up to the head that the log has at the beginning; commits go on meanwhile. It reads a page
/// after the other, each in a transaction of its own, because an old snapshot would keep PostgreSQL from forgetting the
/// balances of before. Memory grows with the number of accounts and of open holds, not with the log.
///
/// It proves that
/// - positions have no gap, and time does not run backwards;
/// - each row of the log has the hash that its entries, its transfers and all rows before it give;
/// - the versions of each object begin at 1, have no gap, and fold to the stored state and version;
/// - every log entry is of a stored object, and every transfer of a log entry;
/// - every transfer is between accounts of one currency, and keeps the rules of amounts and holds;
/// - no transfer breaks an account's rule;
/// - the folded balances are those that were stored at the beginning, and debits equal credits in each currency.
///
/// With `index_of`, the index of each object is compared too.
pub async fn verify(pool: &Pool, tenant: TenantId, index_of: Option<&IndexOf>) -> Result<Report, LedgerError> {
    verify_since(pool, tenant, index_of, None).await
}

/// As [`verify`], and that the log still has a row that an earlier verification has vouched for. Books that were restored to an
/// earlier moment are sound; only what was kept elsewhere tells that something is gone.
pub async fn verify_since(
    pool: &Pool,
    tenant: TenantId,
    index_of: Option<&IndexOf>,
    since: Option<&KeptHead>,
) -> Result<Report, LedgerError> {
    let began = Instant::now();
    let mut report = Report::new(tenant);
    let connection =
        pool.get().await.map_err(|error| LedgerError::Unavailable(platform::database::with_causes(&error)))?;
    let work = async {
        let Some(books) = Books::open(connection, tenant).await? else { return Ok(false) };
        let head = books.head().await?;
        log::check(&books, &head, since, &mut report).await?;
        objects::check(&books, &head, &mut report, index_of).await?;
        references::check(&books, &head, &mut report).await?;
        Ok::<bool, ReadError>(true)
    };
    if !work.await? {
        return Err(LedgerError::NoSuchTenant(tenant));
    }
    report.head = report.hash.clone().map(|hash| KeptHead { position: report.position, hash }.to_string());
    report.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}
