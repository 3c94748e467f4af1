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
    Ok(())
}

fn is_duplicate(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(code) if *code == SqlState::DUPLICATE_OBJECT || *code == SqlState::UNIQUE_VIOLATION)
}
