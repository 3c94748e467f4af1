//! All SQL of this crate.

pub(crate) mod admin;
pub(crate) mod migrations;

use contracts::identity::{Caller, IdentityError, KeyKind, Tenant};
use platform::database::{Lease, Pool, from_sql_time, with_causes};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};
use types::TenantId;

pub(crate) struct Store {
    pool: Pool,
}

const TENANT: &str = "SELECT id, name, created, settings FROM florin.tenants WHERE id = $1 AND deleted_at IS NULL";
const TENANTS: &str = "SELECT id, name, created, settings FROM florin.tenants WHERE deleted_at IS NULL ORDER BY id";
const CALLER: &str = "SELECT t.id, t.name, t.created, t.settings, k.kind, k.livemode,
        extract(epoch FROM k.expires_at)::float8 - extract(epoch FROM now())::float8
    FROM florin.api_keys k JOIN florin.tenants t ON t.id = k.tenant
    WHERE k.hash = $1 AND (k.expires_at IS NULL OR k.expires_at > now()) AND t.deleted_at IS NULL";
type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

fn failed(error: impl std::error::Error + 'static) -> IdentityError {
    IdentityError::Unavailable(with_causes(&error))
}

impl Store {
    pub fn new(pool: Pool) -> Self {
        Store { pool }
    }

    async fn query(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, IdentityError> {
        let connection = Lease::of(&self.pool).await.map_err(failed)?;
        let found = async { connection.query(&connection.prepare_cached(sql).await?, parameters).await };
        match connection.answered(found).await {
            Ok(found) => {
                connection.give_back();
                found.map_err(failed)
            }
            Err(silent) => {
                connection.close();
                Err(failed(silent))
            }
        }
    }

    pub async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, IdentityError> {
        self.query(TENANT, &[&id.0]).await?.first().map(tenant).transpose()
    }

    pub async fn tenants(&self) -> Result<Vec<Tenant>, IdentityError> {
        self.query(TENANTS, &[]).await?.iter().map(tenant).collect()
    }

    /// Whose key it is, and for how long it still works if it has an end.
    pub async fn caller(&self, hash: &[u8; 32]) -> Result<Option<(Caller, Option<Duration>)>, IdentityError> {
        self.query(CALLER, &[&hash.as_slice()]).await?.first().map(caller).transpose()
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

fn caller(row: &Row) -> Result<(Caller, Option<Duration>), IdentityError> {
    let key = key_kind(row.try_get(4).map_err(failed)?)?;
    let caller = Caller { tenant: Arc::new(tenant(row)?), key, livemode: row.try_get(5).map_err(failed)? };
    let left: Option<f64> = row.try_get(6).map_err(failed)?;
    // What is too far away for a duration is no end.
    Ok((caller, left.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok())))
}

fn key_kind(stored: &str) -> Result<KeyKind, IdentityError> {
    let kind = KeyKind::ALL.into_iter().find(|kind| kind.name() == stored);
    kind.ok_or_else(|| IdentityError::Unavailable(format!("unknown kind of key: {stored}")))
}
