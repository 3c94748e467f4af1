//! What only the owner of the tables writes.

use super::{Parameters, TENANTS};
use crate::admin_error::AdminError;
use crate::api_key::ParsedKey;
use crate::key_record::KeyRecord;
use contracts::identity::Tenant;
use platform::database::{Client, GenericClient, Transaction, from_sql_time, to_sql_time};
use std::time::SystemTime;
use tokio_postgres::types::Json;
use tokio_postgres::{Error, Row};
use types::{TenantId, Timestamp};

const IS_THERE: &str = "SELECT FROM florin.tenants WHERE id = $1 AND deleted_at IS NULL";
const INSERT_TENANT: &str = "INSERT INTO florin.tenants (id, name, created, settings) VALUES ($1, $2, $3, $4)
    ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING";
/// Counts the keys of the tenant with this hash that have no end: 1 or 0.
const INSERT_KEY: &str = "WITH added AS (
        INSERT INTO florin.api_keys (hash, tenant, kind, livemode, last4, created) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (hash) DO NOTHING
        RETURNING hash
    )
    SELECT (SELECT count(*) FROM added)
        + (SELECT count(*) FROM florin.api_keys WHERE hash = $1 AND tenant = $2 AND expires_at IS NULL)";
/// A key's id: enough of its hash that no two have the same.
const KEY_ID: &str = "('key_' || left(encode(hash, 'hex'), 16))";
const KEY: &str = "tenant, kind, livemode, last4, created, expires_at";

/// The service may only read the table, and readers neither take such a lock nor wait for it.
const LOCK: &str = "DO $$ BEGIN
        IF to_regclass('florin.tenants') IS NOT NULL THEN
            LOCK TABLE florin.tenants IN SHARE ROW EXCLUSIVE MODE;
        END IF;
    EXCEPTION WHEN lock_not_available THEN
        RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE = format(
            'nothing was done: tenants and keys are locked by the session with the process id %s, which pg_stat_activity describes',
            (SELECT string_agg(DISTINCT pid::text, ', ') FROM pg_locks
            WHERE relation = 'florin.tenants'::regclass AND granted AND mode NOT IN ('AccessShareLock', 'RowShareLock')));
    END $$";

pub async fn lock(work: &Transaction<'_>) -> Result<(), Error> {
    work.batch_execute(LOCK).await
}

/// `false` if the name is taken.
pub async fn insert_tenant(work: &Transaction<'_>, tenant: &Tenant) -> Result<bool, Error> {
    let (created, settings) = (to_sql_time(tenant.created), Json(&tenant.settings));
    Ok(work.execute(INSERT_TENANT, &[&tenant.id.0, &tenant.name, &created, &settings]).await? == 1)
}

/// `None` if there is no such tenant; `false` if the key belongs to another one, or has an end.
pub async fn insert_key(
    work: &Transaction<'_>,
    tenant: TenantId,
    key: &ParsedKey,
    created: Timestamp,
) -> Result<Option<bool>, Error> {
    let (hash, created) = (key.hash.as_slice(), to_sql_time(created));
    if work.query_opt(IS_THERE, &[&tenant.0]).await?.is_none() {
        return Ok(None);
    }
    let added: Parameters<'_> = &[&hash, &tenant.0, &key.kind.name(), &key.livemode, &key.last4, &created];
    let open: i64 = work.query_one(INSERT_KEY, added).await?.try_get(0)?;
    Ok(Some(open > 0))
}

pub async fn tenants(client: &impl GenericClient) -> Result<Vec<Tenant>, AdminError> {
    Ok(client.query(TENANTS, &[]).await?.iter().map(super::tenant).collect::<Result<_, _>>()?)
}

pub async fn keys(work: &Transaction<'_>, tenant: TenantId) -> Result<Vec<KeyRecord>, AdminError> {
    let sql = format!("SELECT {KEY_ID}, {KEY} FROM florin.api_keys WHERE tenant = $1 ORDER BY created, hash");
    work.query(&sql, &[&tenant.0]).await?.iter().map(key_record).collect()
}

pub async fn key(work: &Transaction<'_>, id: &str) -> Result<Option<KeyRecord>, AdminError> {
    let sql = format!("SELECT {KEY_ID}, {KEY} FROM florin.api_keys WHERE {KEY_ID} = $1");
    work.query_opt(&sql, &[&id]).await?.as_ref().map(key_record).transpose()
}

/// `false` if there is no such key.
pub async fn expire_key(work: &Transaction<'_>, id: &str, at: Timestamp) -> Result<bool, Error> {
    let sql = format!("UPDATE florin.api_keys SET expires_at = least(expires_at, $2) WHERE {KEY_ID} = $1");
    Ok(work.execute(&sql, &[&id, &to_sql_time(at)]).await? == 1)
}

fn key_record(row: &Row) -> Result<KeyRecord, AdminError> {
    let expires: Option<SystemTime> = row.try_get(6)?;
    Ok(KeyRecord {
        id: row.try_get(0)?,
        tenant: TenantId(row.try_get(1)?),
        kind: super::key_kind(row.try_get(2)?)?,
        livemode: row.try_get(3)?,
        last4: row.try_get(4)?,
        created: from_sql_time(row.try_get(5)?),
        expires: expires.map(from_sql_time),
    })
}

/// What the connection's role may do with the tables beyond reading them, as `florin.api_keys INSERT`; `None` if there are no
/// tables yet.
pub async fn excessive_privileges(client: &Client) -> Result<Option<Vec<String>>, Error> {
    let sql = "SELECT format('florin.%s %s', t.relname, p.name),
            has_table_privilege(t.oid, p.name) OR (p.of_columns AND has_any_column_privilege(t.oid, p.name))
        FROM pg_class t CROSS JOIN
            (VALUES ('INSERT', true), ('UPDATE', true), ('DELETE', false), ('TRUNCATE', false), ('TRIGGER', false)) p (name, of_columns)
        WHERE t.relnamespace = to_regnamespace('florin') AND t.relkind IN ('r', 'p') ORDER BY 1";
    let rows = client.query(sql, &[]).await?;
    let mut excessive = Vec::new();
    for row in &rows {
        if row.try_get(1)? {
            excessive.push(row.try_get(0)?);
        }
    }
    Ok((!rows.is_empty()).then_some(excessive))
}

/// What the connection's role lacks of what the service needs; `None` if there are no tables yet.
pub async fn lacking_privileges(client: &Client) -> Result<Option<Vec<String>>, Error> {
    let sql = "SELECT format('florin.%s SELECT', relname), has_table_privilege(oid, 'SELECT')
        FROM pg_class WHERE relnamespace = to_regnamespace('florin') AND relkind IN ('r', 'p')
        UNION ALL SELECT 'USAGE of the schema florin', has_schema_privilege(oid, 'USAGE')
        FROM pg_namespace WHERE nspname = 'florin' ORDER BY 1";
    let rows = client.query(sql, &[]).await?;
    let mut lacking = Vec::new();
    for row in &rows {
        if !row.try_get::<_, bool>(1)? {
            lacking.push(row.try_get(0)?);
        }
    }
    Ok((rows.len() > 1).then_some(lacking))
}
