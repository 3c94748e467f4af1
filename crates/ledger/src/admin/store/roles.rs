//! The roles of PostgreSQL that own, serve and read the books.

use platform::database::store::{ANALYST_ROLE, MigrationError, OWNER_ROLE, SERVICE_ROLE};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

/// The columns that the service may update, as it is granted in the first migration. What else it may change is too much.
const UPDATES: &[(&str, &[&str])] = &[
    ("accounts", &["debits_posted", "credits_posted", "debits_pending", "credits_pending"]),
    ("objects", &["version", "customer", "parent_kind", "parent", "status", "due", "terms", "state"]),
    ("probes", &["tried"]),
    ("idempotency_keys", &["fingerprint", "created", "status", "object_kind", "object", "version", "body"]),
];
/// The table from which it may delete.
const DELETES: &str = "idempotency_keys DELETE";

/// How long PostgreSQL keeps the rows of before for an analyst's query, or for a transaction that waits for the next one.
/// All that is changed meanwhile becomes slower to read.
const ANALYST_LIMITS: [(&str, &str); 2] =
    [("statement_timeout", "60s"), ("idle_in_transaction_session_timeout", "60s")];

/// Creates the roles that are missing, and lets `florin_owner` create schemas in this database. Does nothing if
/// all of it is there, so only the first call needs the right to create roles.
pub async fn ensure_roles(client: &Client) -> Result<(), MigrationError> {
    let limits: String = ANALYST_LIMITS
        .iter()
        .map(|(name, value)| format!("; ALTER ROLE {ANALYST_ROLE} SET {name} = '{value}'"))
        .collect();
    // From PostgreSQL 16 on who creates a role is a member of it that may grant it, and may not act for it.
    let by_set: bool =
        client.query_one("SELECT current_setting('server_version_num')::int >= 160000", &[]).await?.try_get(0)?;
    let may_act_for = format!("SELECT pg_has_role($1, '{}')", if by_set { "SET" } else { "MEMBER" });
    for (role, settings) in [(OWNER_ROLE, ""), (SERVICE_ROLE, ""), (ANALYST_ROLE, limits.as_str())] {
        if client.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&role]).await?.is_none() {
            match client.batch_execute(&format!("CREATE ROLE {role} LOGIN{settings}")).await {
                // Another process created it in the meantime.
                Err(error) if is_duplicate(&error) => {}
                created => created?,
            }
        }
        if !client.query_one(&may_act_for, &[&role]).await?.try_get::<_, bool>(0)? {
            client.batch_execute(&format!("GRANT {role} TO CURRENT_USER")).await?;
        }
    }
    let may_create = "SELECT has_database_privilege($1, current_database(), 'CREATE'), \
        quote_ident(current_database())";
    let row = client.query_one(may_create, &[&OWNER_ROLE]).await?;
    if !row.try_get::<_, bool>(0)? {
        let database: String = row.try_get(1)?;
        client.batch_execute(&format!("GRANT CREATE ON DATABASE {database} TO {OWNER_ROLE}")).await?;
    }
    close_to_public(client).await
}

/// Functions that PostgreSQL lets every role call and that are not for analysts: by a pattern of their names, with the roles
/// that keep them, and what could be done by them.
const RESERVED: &[(&str, &[&str], &str)] = &[
    // They order the writers of a tenant's books.
    ("^pg_(try_)?advisory_(xact_)?lock(_shared)?$", &[SERVICE_ROLE, OWNER_ROLE], "take locks that hold up payments"),
    ("^(lo_.*|loread|lowrite)$", &[], "fill the disk with large objects"),
    ("^pg_logical_emit_message$", &[OWNER_ROLE], "fill the write-ahead log"),
];

/// What PostgreSQL lets every role do in a database: a query that has a row if analysts may, which says whether it can be taken
/// away, and how; and what could be done.
const OWNED: &[(&str, &str)] = &[
    (
        "SELECT pg_has_role(datdba, 'USAGE'), format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', datname) FROM pg_database
            WHERE datname = current_database() AND has_database_privilege($1, oid, 'TEMPORARY')",
        "fill the disk with temporary tables",
    ),
    // Before PostgreSQL 15; and since then in a database that was made before.
    (
        "SELECT pg_has_role(nspowner, 'USAGE'), 'REVOKE CREATE ON SCHEMA public FROM PUBLIC' FROM pg_namespace
            WHERE nspname = 'public' AND has_schema_privilege($1, oid, 'CREATE')",
        "fill the disk with tables, and put functions where others look for theirs",
    ),
];

/// Takes from all roles what PostgreSQL gives to each in a new database, and what an analyst could do harm by. That needs the
/// database's owner, or for functions a superuser; without one it is only said.
async fn close_to_public(client: &Client) -> Result<(), MigrationError> {
    let superuser = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user";
    let superuser: bool = client.query_one(superuser, &[]).await?.try_get(0)?;
    for (pattern, keep, harm) in RESERVED {
        let open = "SELECT p.oid::regprocedure::text FROM pg_proc p
            WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ $2
                AND has_function_privilege($1, p.oid, 'EXECUTE')";
        let functions = client.query(open, &[&ANALYST_ROLE, pattern]).await?;
        let functions: Vec<String> = functions.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        if functions.is_empty() {
            continue;
        }
        if !superuser {
            tracing::warn!(harm, "what analysts could do; `florin migrate` as a superuser takes it away");
            continue;
        }
        let functions = functions.join(", ");
        client.batch_execute(&format!("REVOKE EXECUTE ON FUNCTION {functions} FROM PUBLIC")).await?;
        if !keep.is_empty() {
            let grant = format!("GRANT EXECUTE ON FUNCTION {functions} TO {}", keep.join(", "));
            client.batch_execute(&grant).await?;
        }
    }
    for (open, harm) in OWNED {
        let Some(row) = client.query_opt(*open, &[&ANALYST_ROLE]).await? else { continue };
        if row.try_get(0)? {
            client.batch_execute(row.try_get(1)?).await?;
        } else {
            tracing::warn!(harm, "what analysts could do; `florin migrate` as the database's owner takes it away");
        }
    }
    Ok(())
}

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
            ), has_table_privilege(t.oid, 'DELETE'), has_table_privilege(t.oid, 'TRUNCATE')
        FROM tables t ORDER BY t.name";
    let allowed =
        UPDATES.iter().flat_map(|(table, columns)| columns.iter().map(move |column| format!("{table}.{column}")));
    let rows = client.query(sql, &[&allowed.collect::<Vec<_>>()]).await?;
    let mut excessive = Vec::new();
    for row in &rows {
        let table: &str = row.try_get(0)?;
        let columns: Option<&str> = row.try_get(1)?;
        let found = [
            columns.map(|columns| format!("{table} UPDATE ({columns})")),
            row.try_get::<_, bool>(2)?.then(|| format!("{table} DELETE")),
            row.try_get::<_, bool>(3)?.then(|| format!("{table} TRUNCATE")),
        ];
        let found = found.into_iter().flatten().filter(|privilege| privilege != DELETES);
        excessive.extend(found.map(|privilege| format!("ledger.{privilege}")));
    }
    Ok((!rows.is_empty()).then_some(excessive))
}

/// People's logins that may read views without a limit of time, those of all tenants or of some: PostgreSQL does not pass a
/// role's settings on to its members. Returns the statements that set what is missing.
pub async fn unlimited_analysts(client: &Client) -> Result<Vec<String>, Error> {
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

fn is_duplicate(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(code) if *code == SqlState::DUPLICATE_OBJECT || *code == SqlState::UNIQUE_VIOLATION)
}
