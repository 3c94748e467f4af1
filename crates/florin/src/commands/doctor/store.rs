//! What is asked of PostgreSQL.

use platform::database::Client;
use platform::database::store::{OWNER_ROLE, SERVICE_ROLE};
use std::time::SystemTime;
use tokio_postgres::Error;

/// Florin's schemas with tables.
const SCHEMAS: &[&str] = &["florin", "ledger"];

/// Whether the server is a standby, and whether transactions are read-only.
pub async fn is_standby(client: &Client) -> Result<(bool, bool), Error> {
    let sql = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean";
    let row = client.query_one(sql, &[]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Whether what the server sets for a session holds.
pub async fn plans_as_asked(client: &Client) -> Result<bool, Error> {
    client.query_one("SELECT NOT current_setting('enable_seqscan')::boolean", &[]).await?.try_get(0)
}

/// How many connections this role may have, and how many are in use by all.
pub async fn connections(client: &Client) -> Result<(i64, i64), Error> {
    let sql = "SELECT least(
            current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint,
            (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
            (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())),
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')";
    let row = client.query_one(sql, &[]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Which server and which database it is.
pub async fn place(client: &Client) -> Result<(SystemTime, u32), Error> {
    let sql = "SELECT pg_postmaster_start_time(), oid FROM pg_database WHERE datname = current_database()";
    let row = client.query_one(sql, &[]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// The user who is logged in, whichever role the connection acts for.
pub async fn login(client: &Client) -> Result<String, Error> {
    client.query_one("SELECT session_user::text", &[]).await?.try_get(0)
}

/// By what the user who is logged in could change what was written, whatever the tables' privileges say.
pub async fn powers(client: &Client) -> Result<Vec<String>, Error> {
    let sql = "SELECT power FROM (
            SELECT 'is a superuser' FROM pg_roles WHERE rolname = session_user AND rolsuper
            UNION ALL SELECT 'may create roles' FROM pg_roles WHERE rolname = session_user AND rolcreaterole AND NOT rolsuper
            UNION ALL SELECT 'may act for ' || r.rolname FROM pg_roles r, pg_roles me
            WHERE me.rolname = session_user AND NOT me.rolsuper AND r.oid <> me.oid
                AND r.rolname = ANY ($1) AND pg_has_role(me.oid, r.oid, 'MEMBER')
            UNION ALL SELECT 'owns the database' FROM pg_database d, pg_roles me
            WHERE d.datname = current_database() AND me.rolname = session_user AND NOT me.rolsuper
                AND pg_has_role(me.oid, d.datdba, 'MEMBER')
            UNION ALL SELECT 'owns the schema ' || n.nspname FROM pg_namespace n, pg_roles me
            WHERE n.nspname = ANY ($2) AND me.rolname = session_user AND NOT me.rolsuper AND n.nspowner = me.oid
            UNION ALL SELECT 'owns ' || c.oid::regclass FROM pg_class c, pg_roles me
            WHERE c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = ANY ($2)) AND c.relkind IN ('r', 'p')
                AND me.rolname = session_user AND NOT me.rolsuper AND c.relowner = me.oid
            UNION ALL SELECT 'may create in the schema ' || n.nspname FROM pg_namespace n, pg_roles me
            WHERE n.nspname = ANY ($2) AND me.rolname = session_user AND NOT me.rolsuper AND n.nspowner <> me.oid
                AND has_schema_privilege(me.oid, n.oid, 'CREATE')
        ) found (power)";
    let dangerous: &[&str] =
        &[OWNER_ROLE, "pg_write_all_data", "pg_write_server_files", "pg_execute_server_program", "pg_database_owner"];
    client.query(sql, &[&dangerous, &SCHEMAS]).await?.iter().map(|row| row.try_get(0)).collect()
}

/// Which roles, or PUBLIC, may write tables beside their owner and the server, as `ada may DELETE ledger.log`.
pub async fn other_writers(client: &Client) -> Result<Vec<String>, Error> {
    let sql = "WITH granted AS (
            SELECT c.oid AS table, a.grantee, a.privilege_type, c.relowner FROM pg_class c, aclexplode(c.relacl) a
            WHERE c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = ANY ($1))
            UNION SELECT c.oid, a.grantee, a.privilege_type, c.relowner
            FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
            WHERE c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = ANY ($1))
        )
        SELECT DISTINCT format('%s may %s %s', coalesce(r.rolname, 'PUBLIC'), g.privilege_type, g.table::regclass)
        FROM granted g LEFT JOIN pg_roles r ON r.oid = g.grantee
        WHERE g.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER') AND g.grantee <> g.relowner
            AND coalesce(r.rolname, '') <> $2 ORDER BY 1";
    client.query(sql, &[&SCHEMAS, &SERVICE_ROLE]).await?.iter().map(|row| row.try_get(0)).collect()
}

/// People's and programs' logins that may act for the server's role, or write every table, without being superusers. The login
/// of this connection is looked at by itself.
pub async fn other_actors(client: &Client) -> Result<Vec<String>, Error> {
    let sql = "SELECT format('%s may act for %s', r.rolname, g.rolname) FROM pg_roles r CROSS JOIN pg_roles g
        WHERE r.rolcanlogin AND NOT r.rolsuper AND r.oid <> g.oid AND r.rolname <> ALL ($1) AND r.rolname <> session_user
            AND g.rolname = ANY ($2) AND (pg_has_role(r.oid, g.oid, 'USAGE') OR pg_has_role(r.oid, g.oid,
                CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END))
        ORDER BY 1";
    let (own, powerful): (&[&str], &[&str]) = (&[OWNER_ROLE, SERVICE_ROLE], &[SERVICE_ROLE, "pg_write_all_data"]);
    client.query(sql, &[&own, &powerful]).await?.iter().map(|row| row.try_get(0)).collect()
}

/// What in Florin's schemas is not the owner's, and so cannot be migrated, as `ledger.log belongs to ada`.
pub async fn not_owned(client: &Client) -> Result<Vec<String>, Error> {
    let sql = "WITH florin AS (
            SELECT oid, nspname, nspowner FROM pg_namespace WHERE nspname = ANY ($1) OR nspname ~ '^t_[0-9a-f]{32}$'
        )
        SELECT format('%s belongs to %s', name, pg_get_userbyid(owner)) FROM (
            SELECT 'the schema ' || nspname, nspowner FROM florin
            UNION ALL SELECT f.nspname || '.' || c.relname, c.relowner FROM pg_class c JOIN florin f ON f.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
            UNION ALL SELECT f.nspname || '.' || p.proname || '()', p.proowner FROM pg_proc p JOIN florin f ON f.oid = p.pronamespace
        ) found (name, owner) WHERE owner <> coalesce(to_regrole($2)::oid, 0) ORDER BY 1";
    client.query(sql, &[&SCHEMAS, &OWNER_ROLE]).await?.iter().map(|row| row.try_get(0)).collect()
}
