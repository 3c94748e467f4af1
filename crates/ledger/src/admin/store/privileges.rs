//! What roles may do with the books, compared with what they should.

use super::roles::{ANALYST_LIMITS, LOCKS};
use platform::database::store::{ANALYST_ROLE, OWNER_ROLE, SERVICE_ROLE};
use tokio_postgres::{Client, Error, GenericClient};

/// The columns that the service may update, as it is granted in the first migration. What else it may change is too much.
const UPDATES: &[(&str, &[&str])] = &[
    ("accounts", &["debits_posted", "credits_posted", "debits_pending", "credits_pending"]),
    ("objects", &["version", "customer", "parent_kind", "parent", "status", "due", "terms", "state"]),
    ("probes", &["tried"]),
    ("idempotency_keys", &["fingerprint", "created", "status", "object_kind", "object", "version", "body"]),
];
/// The tables to which it may add rows.
const INSERTS: &[&str] = &["accounts", "transfers", "log", "objects", "revisions", "idempotency_keys", "probes"];
/// The table from which it may delete.
const DELETES: &str = "idempotency_keys DELETE";

/// What the connection's role may do with the ledger's tables that the service must not, as `ledger.log DELETE` or
/// `ledger.log UPDATE (hash)`; `None` if there are no tables yet.
pub async fn excessive_privileges(client: &Client) -> Result<Option<Vec<String>>, Error> {
    let sql = "WITH tables AS (
            SELECT oid, relname::text AS name FROM pg_class
            WHERE relnamespace = to_regnamespace('ledger') AND relkind IN ('r', 'p')
        )
        SELECT t.name, (
                SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a
                WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
                    AND has_column_privilege(t.oid, a.attnum, 'UPDATE') AND t.name || '.' || a.attname <> ALL($1)
            ), has_table_privilege(t.oid, 'DELETE'), has_table_privilege(t.oid, 'TRUNCATE'),
            has_table_privilege(t.oid, 'TRIGGER'),
            t.name <> ALL($2) AND (has_table_privilege(t.oid, 'INSERT') OR has_any_column_privilege(t.oid, 'INSERT'))
        FROM tables t ORDER BY t.name";
    let allowed =
        UPDATES.iter().flat_map(|(table, columns)| columns.iter().map(move |column| format!("{table}.{column}")));
    let rows = client.query(sql, &[&allowed.collect::<Vec<_>>(), &INSERTS]).await?;
    let mut excessive = Vec::new();
    for row in &rows {
        let table: &str = row.try_get(0)?;
        let columns: Option<&str> = row.try_get(1)?;
        let found = [
            columns.map(|columns| format!("{table} UPDATE ({columns})")),
            row.try_get::<_, bool>(2)?.then(|| format!("{table} DELETE")),
            row.try_get::<_, bool>(3)?.then(|| format!("{table} TRUNCATE")),
            row.try_get::<_, bool>(4)?.then(|| format!("{table} TRIGGER")),
            row.try_get::<_, bool>(5)?.then(|| format!("{table} INSERT")),
        ];
        let found = found.into_iter().flatten().filter(|privilege| privilege != DELETES);
        excessive.extend(found.map(|privilege| format!("ledger.{privilege}")));
    }
    Ok((!rows.is_empty()).then_some(excessive))
}

/// What the connection's role lacks of what the service needs, as `ledger.log INSERT`; `None` if there are no tables yet.
pub async fn lacking_privileges(client: &Client) -> Result<Option<Vec<String>>, Error> {
    let all = "SELECT count(*) > 0 FROM pg_class WHERE relnamespace = to_regnamespace('ledger') AND relkind = 'r'";
    if !client.query_one(all, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    let updates = UPDATES.iter().flat_map(|(table, columns)| columns.iter().map(move |column| (*table, *column)));
    let (tables, columns): (Vec<&str>, Vec<&str>) = updates.unzip();
    let sql = format!(
        "SELECT name FROM (
            SELECT 0, 'USAGE of the schema ledger' WHERE NOT has_schema_privilege('ledger', 'USAGE')
            UNION ALL SELECT 1, format('ledger.%s SELECT', relname) FROM pg_class
            WHERE relnamespace = 'ledger'::regnamespace AND relkind = 'r' AND NOT has_table_privilege(oid, 'SELECT')
            UNION ALL SELECT 2, format('ledger.%s INSERT', relname) FROM pg_class
            WHERE relnamespace = 'ledger'::regnamespace AND relname = ANY($1) AND NOT has_table_privilege(oid, 'INSERT')
            UNION ALL SELECT 3, format('ledger.%s UPDATE (%s)', c.relname, a.attname)
            FROM UNNEST($2::text[], $3::text[]) u (name, column_name)
            JOIN pg_class c ON c.relnamespace = 'ledger'::regnamespace AND c.relname = u.name
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = u.column_name
            WHERE NOT has_column_privilege(c.oid, a.attnum, 'UPDATE')
            UNION ALL SELECT 4, 'ledger.{DELETES}' FROM pg_class
            WHERE relnamespace = 'ledger'::regnamespace AND relname || ' DELETE' = '{DELETES}'
                AND NOT has_table_privilege(oid, 'DELETE')
            UNION ALL SELECT 5, oid::regprocedure || ' EXECUTE' FROM pg_proc
            WHERE (pronamespace = 'ledger'::regnamespace OR (pronamespace = 'pg_catalog'::regnamespace AND proname ~ $4))
                AND NOT has_function_privilege(oid, 'EXECUTE')
        ) lacking (step, name) ORDER BY step, name"
    );
    let rows = client.query(&sql, &[&INSERTS, &tables, &columns, &LOCKS]).await?;
    rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map(Some)
}

/// People's logins that may read views without a limit of time, those of all tenants or of some: PostgreSQL does not pass a
/// role's settings on to its members. Returns the statements that set what is missing.
pub async fn unlimited_analysts(client: &impl GenericClient) -> Result<Vec<String>, Error> {
    let sql = "SELECT format('ALTER ROLE %I SET %s = %L', r.rolname, s.name, s.value) FROM pg_roles r CROSS JOIN UNNEST($4::text[], $5::text[]) s (name, value)
        WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> $3 AND (pg_has_role(r.oid, $1, 'MEMBER') OR EXISTS (
                SELECT FROM pg_namespace n CROSS JOIN aclexplode(n.nspacl) a JOIN pg_roles g ON g.oid = a.grantee
                WHERE n.nspname ~ '^t_[0-9a-f]{32}$' AND g.rolname <> $3 AND pg_has_role(r.oid, g.oid, 'MEMBER')))
            AND NOT pg_has_role(r.oid, $2, 'MEMBER') AND NOT EXISTS (
                SELECT FROM pg_db_role_setting d JOIN pg_database b ON b.datname = current_database()
                CROSS JOIN UNNEST(d.setconfig) c (setting)
                WHERE d.setrole IN (0, r.oid) AND d.setdatabase IN (0, b.oid)
                    AND starts_with(c.setting, s.name || '=') AND c.setting <> s.name || '=0')
        ORDER BY 1";
    let (names, values): (Vec<&str>, Vec<&str>) = ANALYST_LIMITS.into_iter().unzip();
    let rows = client.query(sql, &[&ANALYST_ROLE, &OWNER_ROLE, &SERVICE_ROLE, &names, &values]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}
