//! What only the owner of the tables writes.

use super::{KINDS, Parameters};
use crate::api_key::ParsedKey;
use contracts::identity::Tenant;
use platform::database::store::as_owner;
use platform::database::{Client, to_sql_time};
use tokio_postgres::Error;
use tokio_postgres::types::Json;
use types::{TenantId, Timestamp};

const IS_THERE: &str = "SELECT FROM florin.tenants WHERE id = $1 AND deleted_at IS NULL";
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

/// `false` if the name is taken.
pub async fn insert_tenant(owner: &mut Client, tenant: &Tenant) -> Result<bool, Error> {
    let created = to_sql_time(tenant.created);
    as_owner(owner, async |owner| {
        let settings = Json(&tenant.settings);
        Ok(owner.execute(INSERT_TENANT, &[&tenant.id.0, &tenant.name, &created, &settings]).await? == 1)
    })
    .await
}

/// `None` if there is no such tenant; `false` if the key belongs to another one, or is revoked.
pub async fn insert_key(
    owner: &mut Client,
    tenant: TenantId,
    key: &ParsedKey,
    created: Timestamp,
) -> Result<Option<bool>, Error> {
    let kind = KINDS.iter().find(|(kind, _)| *kind == key.kind).map(|(_, name)| *name);
    let (hash, created) = (key.hash.as_slice(), to_sql_time(created));
    as_owner(owner, async |owner| {
        if owner.query_opt(IS_THERE, &[&tenant.0]).await?.is_none() {
            return Ok(None);
        }
        let added: Parameters<'_> = &[&hash, &tenant.0, &kind, &key.livemode, &key.last4, &created];
        let open: i64 = owner.query_one(INSERT_KEY, added).await?.try_get(0)?;
        Ok(Some(open > 0))
    })
    .await
}

/// `false` if there is no such key, or it is revoked already.
pub async fn revoke_key(owner: &mut Client, hash: &[u8; 32], at: Timestamp) -> Result<bool, Error> {
    let (hash, at) = (hash.as_slice(), to_sql_time(at));
    as_owner(owner, async |owner| Ok(owner.execute(REVOKE_KEY, &[&hash, &at]).await? == 1)).await
}

/// What the connection's role may do with the tables beyond reading them, as `florin.api_keys INSERT`; `None` if there are no
/// tables yet.
pub async fn excessive_privileges(client: &Client) -> Result<Option<Vec<String>>, Error> {
    let sql = "SELECT format('florin.%s %s', t.relname, p.name),
            has_table_privilege(t.oid, p.name) OR (p.of_columns AND has_any_column_privilege(t.oid, p.name))
        FROM pg_class t CROSS JOIN
            (VALUES ('INSERT', true), ('UPDATE', true), ('DELETE', false), ('TRUNCATE', false)) p (name, of_columns)
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
