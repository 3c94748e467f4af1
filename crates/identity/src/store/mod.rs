//! All SQL of this crate.

pub(crate) mod migrations;

use crate::api_key::ParsedKey;
use contracts::identity::{Caller, IdentityError, KeyKind, Tenant};
use platform::database::{Pool, from_sql_time, to_sql_time, with_causes};
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};
use types::{TenantId, Timestamp};

pub(crate) struct Store {
    pool: Pool,
}

const TENANT: &str = "SELECT id, name, created, settings FROM florin.tenants WHERE id = $1 AND deleted_at IS NULL";
const TENANT_BY_NAME: &str =
    "SELECT id, name, created, settings FROM florin.tenants WHERE name = $1 AND deleted_at IS NULL";
const TENANTS: &str = "SELECT id, name, created, settings FROM florin.tenants WHERE deleted_at IS NULL ORDER BY id";
const CALLER: &str = "SELECT t.id, t.name, t.created, t.settings, k.kind, k.livemode
    FROM florin.api_keys k JOIN florin.tenants t ON t.id = k.tenant
    WHERE k.hash = $1 AND k.revoked_at IS NULL AND t.deleted_at IS NULL";
const INSERT_TENANT: &str = "INSERT INTO florin.tenants (id, name, created, settings) VALUES ($1, $2, $3, $4)
    ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING";
/// Counts the keys of the tenant with this hash that are not revoked: 1 or 0.
const INSERT_KEY: &str = "WITH added AS (
        INSERT INTO florin.api_keys (hash, tenant, kind, livemode, last4, created) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (hash) DO NOTHING
        RETURNING hash
    )
    SELECT (SELECT count(*) FROM added)
        + (SELECT count(*) FROM florin.api_keys WHERE hash = $1 AND tenant = $2 AND revoked_at IS NULL)";
const REVOKE_KEY: &str = "UPDATE florin.api_keys SET revoked_at = $2 WHERE hash = $1 AND revoked_at IS NULL";

/// The kinds of keys as they are stored.
const KINDS: &[(KeyKind, &str)] = &[(KeyKind::Secret, "secret"), (KeyKind::Publishable, "publishable")];

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

fn failed(error: impl std::error::Error + 'static) -> IdentityError {
    IdentityError(with_causes(&error))
}

impl Store {
    pub fn new(pool: Pool) -> Self {
        Store { pool }
    }

    async fn query(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, IdentityError> {
        let connection = self.pool.get().await.map_err(failed)?;
        let statement = connection.prepare_cached(sql).await.map_err(failed)?;
        connection.query(&statement, parameters).await.map_err(failed)
    }

    async fn execute(&self, sql: &str, parameters: Parameters<'_>) -> Result<u64, IdentityError> {
        let connection = self.pool.get().await.map_err(failed)?;
        connection.execute(sql, parameters).await.map_err(failed)
    }

    pub async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, IdentityError> {
        self.query(TENANT, &[&id.0]).await?.first().map(tenant).transpose()
    }

    pub async fn tenant_by_name(&self, name: &str) -> Result<Option<Tenant>, IdentityError> {
        self.query(TENANT_BY_NAME, &[&name]).await?.first().map(tenant).transpose()
    }

    pub async fn tenants(&self) -> Result<Vec<Tenant>, IdentityError> {
        self.query(TENANTS, &[]).await?.iter().map(tenant).collect()
    }

    pub async fn caller(&self, hash: &[u8; 32]) -> Result<Option<Caller>, IdentityError> {
        self.query(CALLER, &[&hash.as_slice()]).await?.first().map(caller).transpose()
    }

    /// `false` if the name is taken.
    pub async fn insert_tenant(&self, tenant: &Tenant) -> Result<bool, IdentityError> {
        let created = to_sql_time(tenant.created);
        let inserted =
            self.execute(INSERT_TENANT, &[&tenant.id.0, &tenant.name, &created, &Json(&tenant.settings)]).await?;
        Ok(inserted == 1)
    }

    /// `false` if the key belongs to another tenant, or is revoked.
    pub async fn insert_key(
        &self,
        tenant: TenantId,
        key: &ParsedKey,
        created: Timestamp,
    ) -> Result<bool, IdentityError> {
        let kind = KINDS.iter().find(|(kind, _)| *kind == key.kind).map(|(_, name)| *name);
        let hash = key.hash.as_slice();
        let parameters: Parameters<'_> = &[&hash, &tenant.0, &kind, &key.livemode, &key.last4, &to_sql_time(created)];
        let rows = self.query(INSERT_KEY, parameters).await?;
        let open: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(failed)?;
        Ok(open > 0)
    }

    /// `false` if there is no such key, or it is revoked already.
    pub async fn revoke_key(&self, hash: &[u8; 32], at: Timestamp) -> Result<bool, IdentityError> {
        Ok(self.execute(REVOKE_KEY, &[&hash.as_slice(), &to_sql_time(at)]).await? == 1)
    }
}

fn tenant(row: &Row) -> Result<Tenant, IdentityError> {
    Ok(Tenant {
        id: TenantId(row.try_get(0).map_err(failed)?),
        name: row.try_get(1).map_err(failed)?,
        created: from_sql_time(row.try_get(2).map_err(failed)?),
        settings: row.try_get::<_, Json<_>>(3).map_err(failed)?.0,
    })
}

fn caller(row: &Row) -> Result<Caller, IdentityError> {
    let stored: &str = row.try_get(4).map_err(failed)?;
    let kind = KINDS.iter().find(|(_, name)| *name == stored).map(|(kind, _)| *kind);
    let key = kind.ok_or_else(|| IdentityError(format!("unknown kind of key: {stored}")))?;
    Ok(Caller { tenant: Arc::new(tenant(row)?), key, livemode: row.try_get(5).map_err(failed)? })
}
