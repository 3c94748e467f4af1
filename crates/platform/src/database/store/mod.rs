//! What can be asked of any PostgreSQL server, and migrations.

pub(super) mod leadership;
mod migration;

pub use migration::{
    ANALYST_ROLE, MIGRATION_LOCK, MigrationError, Migrations, OWNER_ROLE, SERVICE_ROLE, SchemaState, begin_as_owner,
};

use super::{DatabaseError, from_sql_time};
use tokio_postgres::Client;
use types::Timestamp;

/// What a server says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// `server_version_num`: 150018 is 15.18.
    pub version_num: i32,
    /// `server_version`, as text for people.
    pub version: String,
    /// Those of `fsync`, `full_page_writes` and `synchronous_commit` that are off, for this role in this database. Each
    /// has to be on if a commit is to survive a power failure.
    pub off: Vec<String>,
    /// The role that the connection acts for.
    pub role: String,
    pub superuser: bool,
}

/// A round trip that reads nothing.
pub async fn ping(client: &Client) -> Result<(), DatabaseError> {
    client.simple_query("SELECT 1").await?;
    Ok(())
}

/// Which process of PostgreSQL serves the connection.
pub(super) async fn backend(client: &Client) -> Result<i32, DatabaseError> {
    let rows = client.query_typed("SELECT pg_backend_pid()", &[]).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
}

pub(super) async fn begin(client: &Client) -> Result<(), DatabaseError> {
    Ok(client.batch_execute("BEGIN").await?)
}

pub(super) async fn roll_back(client: &Client) -> Result<(), DatabaseError> {
    Ok(client.batch_execute("ROLLBACK").await?)
}

/// What time it is by the server's clock, in one round trip.
pub async fn time(client: &Client) -> Result<Timestamp, DatabaseError> {
    let rows = client.query_typed("SELECT clock_timestamp()", &[]).await?;
    let time = rows.first().map(|row| row.try_get(0)).transpose()?;
    Ok(time.map(from_sql_time).unwrap_or_default())
}

impl ServerFacts {
    /// Whether a commit survives a power failure.
    pub fn is_durable(&self) -> bool {
        self.off.is_empty()
    }
}

pub async fn server_facts(client: &Client) -> Result<ServerFacts, DatabaseError> {
    const FACTS: &str = "SELECT current_setting('server_version_num')::int4, current_setting('server_version'), \
        ARRAY(SELECT name FROM pg_settings WHERE setting = 'off' \
            AND name IN ('fsync', 'full_page_writes', 'synchronous_commit') ORDER BY name), \
        current_user::text, \
        (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)";
    let row = client.query_one(FACTS, &[]).await?;
    Ok(ServerFacts {
        version_num: row.try_get(0)?,
        version: row.try_get(1)?,
        off: row.try_get(2)?,
        role: row.try_get(3)?,
        superuser: row.try_get::<_, Option<bool>>(4)?.unwrap_or(false),
    })
}

/// Creates a database unless it exists. Needs CREATEDB.
pub async fn ensure_database(client: &Client, database: &str) -> Result<(), DatabaseError> {
    if client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&database]).await?.is_none() {
        client
            .batch_execute(&format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", quoted(database)))
            .await?;
    }
    Ok(())
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    #[test]
    fn quotes_identifiers() {
        assert_eq!(super::quoted(r#"a"b"#), r#""a""b""#);
    }
}
