//! Migrating a schema: one migration at a time in a database, under the role that owns the tables.

use super::quoted;
use crate::error_text::with_causes;
use tokio_postgres::Client;

/// The role that owns every table, and migrates them.
pub const OWNER_ROLE: &str = "florin_owner";
/// The role of the server: it may not update or delete events and transfers.
pub const SERVICE_ROLE: &str = "florin_service";
/// The role of people who analyse: it may read the SQL views, and nothing else.
pub const ANALYST_ROLE: &str = "florin_analyst";

/// The key of the advisory lock that every migration takes.
const MIGRATION_LOCK: i64 = 0x666c_6f72_696e;
/// The table of each schema with the migrations that were run.
const HISTORY: &str = "schema_history";

/// The tables of one service: the schema they are in, and the migrations that make them.
pub struct Migrations {
    pub schema: &'static str,
    /// Roles that may use the schema.
    pub used_by: &'static [&'static str],
    /// What `refinery::embed_migrations!` has made of the service's files.
    pub runner: refinery::Runner,
    /// SQL that is run after the migrations, every time: what is made anew, such as functions. May be empty.
    pub afterwards: String,
}

#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    #[error("PostgreSQL refused: {}", with_causes(.0))]
    Database(#[from] tokio_postgres::Error),
    #[error("the tables cannot be migrated: {}", with_causes(.0))]
    Migration(#[from] Box<refinery::Error>),
}

impl Migrations {
    /// The version that [`Migrations::run`] brings the tables to, as [`super::schema_version`] reads it afterwards.
    pub fn latest_version(&self) -> i64 {
        let versions = self.runner.get_migrations().iter().map(|migration| i64::from(migration.version()));
        versions.max().unwrap_or_default()
    }

    /// Creates the schema unless it exists, and brings its tables up to date. The connection may act for
    /// [`OWNER_ROLE`], and is left as it was.
    pub async fn run(self, client: &mut Client) -> Result<(), MigrationError> {
        as_owner(client, async |client| {
            let schema = quoted(self.schema);
            let used_by = self.used_by.join(", ");
            client
                .batch_execute(&format!(
                    "CREATE SCHEMA IF NOT EXISTS {schema};
                    GRANT USAGE ON SCHEMA {schema} TO {used_by};
                    SET search_path = {schema}"
                ))
                .await?;
            let mut runner = self.runner;
            runner.set_migration_table_name(HISTORY);
            runner.run_async(client).await.map_err(Box::new)?;
            client.batch_execute(&self.afterwards).await?;
            client.batch_execute(&format!("GRANT SELECT ON {schema}.{HISTORY} TO {SERVICE_ROLE}")).await?;
            Ok(())
        })
        .await
    }
}

/// Does `work` as [`OWNER_ROLE`], while no other connection does the same in this database. The connection is left as it
/// was.
pub async fn as_owner<T, E: From<tokio_postgres::Error>>(
    client: &mut Client,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, E>,
) -> Result<T, E> {
    client.execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await?;
    let done = match client.batch_execute(&format!("SET ROLE {OWNER_ROLE}")).await {
        Ok(()) => work(client).await,
        Err(error) => Err(error.into()),
    };
    client.batch_execute("RESET ROLE; RESET search_path").await?;
    client.execute("SELECT pg_advisory_unlock($1)", &[&MIGRATION_LOCK]).await?;
    done
}

/// The newest migration that was run in a schema; `None` when none was.
pub async fn schema_version(client: &Client, schema: &str) -> Result<Option<i64>, tokio_postgres::Error> {
    let table = format!("{}.{HISTORY}", quoted(schema));
    if client.query_one("SELECT to_regclass($1) IS NULL", &[&table]).await?.try_get(0)? {
        return Ok(None);
    }
    let newest = format!("SELECT max(version)::int8 FROM {table}");
    client.query_one(&newest, &[]).await?.try_get(0)
}
