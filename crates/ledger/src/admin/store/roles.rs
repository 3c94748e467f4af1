//! The roles of PostgreSQL that own, serve and read the books.

use platform::database::store::{ANALYST_ROLE, MigrationError, OWNER_ROLE, SERVICE_ROLE};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// Creates the roles that are missing, and lets `florin_owner` create schemas in this database. Does nothing if
/// all of it is there, so only the first call needs the right to create roles.
pub async fn ensure_roles(client: &Client) -> Result<(), MigrationError> {
    for (role, login) in [(OWNER_ROLE, "LOGIN"), (SERVICE_ROLE, "LOGIN"), (ANALYST_ROLE, "NOLOGIN")] {
        if client.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&role]).await?.is_none() {
            match client.batch_execute(&format!("CREATE ROLE {role} {login}")).await {
                // Another process created it in the meantime.
                Err(error) if is_duplicate(&error) => {}
                created => created?,
            }
        }
        if !client.query_one("SELECT pg_has_role($1, 'MEMBER')", &[&role]).await?.try_get::<_, bool>(0)? {
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
    reserve_advisory_locks(client).await
}

/// Advisory locks order the writers of a tenant's books, and PostgreSQL lets every role take any of them: one that does
/// could hold up a tenant's payments. Only the service and the owner keep that right in this database. Taking it from the
/// others needs a superuser; without one it is only said.
async fn reserve_advisory_locks(client: &Client) -> Result<(), MigrationError> {
    let free = "SELECT p.oid::regprocedure::text FROM pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ '^pg_(try_)?advisory_(xact_)?lock(_shared)?$'
            AND has_function_privilege($1, p.oid, 'EXECUTE')";
    let functions = client.query(free, &[&ANALYST_ROLE]).await?;
    if functions.is_empty() {
        return Ok(());
    }
    let superuser = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user";
    if !client.query_one(superuser, &[]).await?.try_get::<_, bool>(0)? {
        tracing::warn!(
            "analysts may take advisory locks and so hold up payments; `florin migrate` as a superuser takes that away"
        );
        return Ok(());
    }
    let functions: Vec<String> = functions.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let functions = functions.join(", ");
    let reserve = format!(
        "REVOKE EXECUTE ON FUNCTION {functions} FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION {functions} TO {SERVICE_ROLE}, {OWNER_ROLE}"
    );
    Ok(client.batch_execute(&reserve).await?)
}

fn is_duplicate(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(code) if *code == SqlState::DUPLICATE_OBJECT || *code == SqlState::UNIQUE_VIOLATION)
}
