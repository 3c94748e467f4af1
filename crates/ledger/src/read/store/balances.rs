//! Balances of accounts, and whose accounts have one.

use super::query::{Query, QueryPool};
use crate::store::rows::{self, BALANCE_COLUMNS};
use contracts::ledger::{Balance, DAYS_LOOKED_AT, LedgerError};
use types::{TenantId, Timestamp};

/// The accounts whose code begins with `prefix`, by code.
pub(crate) async fn balances(queries: &QueryPool, tenant: i32, prefix: &str) -> Result<Vec<Balance>, LedgerError> {
    let sql = format!(
        "SELECT {BALANCE_COLUMNS} FROM ledger.accounts WHERE tenant = $1 AND starts_with(code, $2) ORDER BY code"
    );
    queries.read(Query::of(tenant, sql).with(prefix.to_owned()), rows::balance).await
}

/// The tenants with a balance on an account whose code is the prefix, a name and a day up to `day`. For each tenant these are
/// some look-ups in the primary key: one that finds the next name, and for each name the newest days, backwards. The
/// balances are in no index, which would cost every payment more than this costs.
pub(crate) async fn tenants_with_past_days(
    queries: &QueryPool,
    prefix: &str,
    day: Timestamp,
) -> Result<Vec<TenantId>, LedgerError> {
    // A digit is less than a colon: so `name/:` comes after all days of the name.
    let sql = format!(
        "SELECT b.tenant FROM ledger.books b WHERE EXISTS (
            WITH RECURSIVE names AS (
                (SELECT left(code, -10) AS name FROM ledger.accounts
                    WHERE tenant = b.number AND code >= $1 AND starts_with(code, $1) ORDER BY code LIMIT 1)
                UNION ALL
                SELECT (SELECT left(code, -10) FROM ledger.accounts
                    WHERE tenant = b.number AND code >= n.name || ':' AND starts_with(code, $1) ORDER BY code LIMIT 1)
                FROM names n WHERE n.name IS NOT NULL
            )
            SELECT FROM names n CROSS JOIN LATERAL (
                SELECT debits_posted <> credits_posted AS left_over FROM ledger.accounts
                WHERE tenant = b.number AND code >= n.name AND code <= n.name || $2
                ORDER BY code DESC LIMIT {DAYS_LOOKED_AT}
            ) day WHERE day.left_over
        )"
    );
    let query = Query::new(sql).with(prefix.to_owned()).with(day.date()).unprepared();
    queries.read(query, |row| Ok(TenantId(row.try_get(0)?))).await
}
