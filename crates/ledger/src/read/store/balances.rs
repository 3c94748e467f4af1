//! Balances of accounts.

use super::query::{Query, QueryPool};
use crate::store::rows::{self, BALANCE_COLUMNS};
use contracts::ledger::{Balance, LedgerError};

/// The accounts whose code begins with `prefix`, by code.
pub(crate) async fn balances(queries: &QueryPool, tenant: i32, prefix: &str) -> Result<Vec<Balance>, LedgerError> {
    let sql = format!(
        "SELECT {BALANCE_COLUMNS} FROM ledger.accounts WHERE tenant = $1 AND starts_with(code, $2) ORDER BY code"
    );
    queries.read(Query::of(tenant, sql).with(prefix.to_owned()), rows::balance).await
}
