//! The numbers that stand for tenants in all tables.

use super::query::{Query, QueryPool};
use contracts::ledger::LedgerError;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use types::TenantId;

/// The numbers that were read before. They never change.
#[derive(Default)]
pub(crate) struct TenantNumbers(RwLock<HashMap<TenantId, i32>>);

impl TenantNumbers {
    pub async fn get(&self, queries: &QueryPool, tenant: TenantId) -> Result<i32, LedgerError> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).copied();
        if let Some(number) = known {
            return Ok(number);
        }
        let query = Query::new("SELECT number FROM ledger.books WHERE tenant = $1").with(tenant.0);
        let found: Vec<i32> = queries.read(query, |row| Ok(row.try_get(0)?)).await?;
        let number = found.first().copied().ok_or(LedgerError::NoSuchTenant(tenant))?;
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(tenant, number);
        Ok(number)
    }
}
