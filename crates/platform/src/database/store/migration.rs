//! Migrating a schema: one migration at a time in a database, under the role that owns the tables.

use super::quoted;
use crate::error_text::with_causes;
use tokio_postgres::{Client, GenericClient, Transaction};

/// The role that owns every table, and migrates them.
pub const OWNER_ROLE: &str = "florin_owner";
/// The role of the server: it may not update or delete events and transfers.
pub const SERVICE_ROLE: &str = "florin_service";
/// The role of people who analyse: it may read the SQL views, and nothing else.
pub const ANALYST_ROLE: &str = "florin_analyst";

/// The key of the advisory lock that every migration of tables takes.
pub const MIGRATION_LOCK: i64 = 0x666c_6f72_696e;
/// The table of each schema with the migrations that were run.
const HISTORY: &str = "schema_history";
/// The table of each schema that says with which releases each migration left it compatible.
const COMPATIBILITY: &str = "schema_compatibility";
/// What a line of a migration begins with that says which migration is the oldest whose releases may go on using the schema
/// after this one. Without it, no older one may.
const COMPATIBLE_FROM: &str = "-- compatible_from:";

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
    #[error("{0}")]
    TooNew(SchemaState),
}

/// How a schema stands to this release, as text for people too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaState {
    #[error("up to date")]
    Current,
    #[error("the schema {schema} is not there; run `florin migrate`")]
    Missing { schema: &'static str },
    #[error("the schema {schema} is at migration {installed}, and this release needs {known}; run `florin migrate`")]
    Behind { schema: &'static str, installed: i64, known: i64 },
    /// Of a newer release, and this one may go on using it.
    #[error(
        "the schema {schema} is at migration {installed} of a newer release; this one, which knows {known}, can use it"
    )]
    Newer { schema: &'static str, installed: i64, known: i64 },
    #[error(
        "the schema {schema} is at migration {installed} of a newer release, which only releases that know {compatible_from} can \
         use; this one knows {known}. Run the release that has migrated it, or a newer one"
    )]
    TooNew { schema: &'static str, installed: i64, known: i64, compatible_from: i64 },
}

impl SchemaState {
    pub fn is_usable(&self) -> bool {
        matches!(self, SchemaState::Current | SchemaState::Newer { .. })
    }
}

impl Migrations {
    /// The newest migration that this release knows.
    fn latest_version(&self) -> i64 {
        let versions = self.runner.get_migrations().iter().map(|migration| i64::from(migration.version()));
        versions.max().unwrap_or_default()
    }

    /// Each migration with the oldest one that it leaves the schema compatible with.
    fn compatibility(&self) -> Vec<(i64, i64)> {
        let each = self.runner.get_migrations().iter().map(|migration| {
            let version = i64::from(migration.version());
            let stated =
                migration.sql().and_then(|sql| sql.lines().find_map(|line| line.strip_prefix(COMPATIBLE_FROM)));
            (version, stated.and_then(|from| from.trim().parse().ok()).unwrap_or(version))
        });
        each.collect()
    }

    /// How the schema stands to this release.
    pub async fn state(&self, client: &impl GenericClient) -> Result<SchemaState, tokio_postgres::Error> {
        let (schema, known) = (self.schema, self.latest_version());
        let Some(installed) = schema_version(client, schema).await? else { return Ok(SchemaState::Missing { schema }) };
        if installed <= known {
            let behind = installed < known;
            return Ok(if behind { SchemaState::Behind { schema, installed, known } } else { SchemaState::Current });
        }
        // A migration that has not said so yet is compatible with nothing.
        let sql = format!(
            "SELECT max(coalesce(c.compatible_from, h.version))::int8
            FROM {0}.{HISTORY} h LEFT JOIN {0}.{COMPATIBILITY} c USING (version) WHERE h.version > $1::int8",
            quoted(schema)
        );
        let compatible_from: i64 = client.query_one(&sql, &[&known]).await?.try_get(0)?;
        Ok(if compatible_from <= known {
            SchemaState::Newer { schema, installed, known }
        } else {
            SchemaState::TooNew { schema, installed, known, compatible_from }
        })
    }

    /// Creates the schema unless it exists, and brings its tables up to date; one of a newer release is left as it is. The
    /// connection may act for [`OWNER_ROLE`], and is left as it was.
    pub async fn run(self, client: &mut Client) -> Result<(), MigrationError> {
        as_owner(client, async |client| {
            match self.state(client).await? {
                SchemaState::Newer { .. } => return Ok(()),
                state @ SchemaState::TooNew { .. } => return Err(MigrationError::TooNew(state)),
                _ => {}
            }
            let compatibility = self.compatibility();
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
            client
                .batch_execute(&format!(
                    "CREATE TABLE IF NOT EXISTS {schema}.{COMPATIBILITY} (version int PRIMARY KEY, compatible_from int NOT NULL);
                    GRANT SELECT ON {schema}.{HISTORY}, {schema}.{COMPATIBILITY} TO {SERVICE_ROLE}"
                ))
                .await?;
            let (versions, from): (Vec<i64>, Vec<i64>) = compatibility.into_iter().unzip();
            let stated = format!(
                "INSERT INTO {schema}.{COMPATIBILITY} SELECT * FROM UNNEST($1::int8[], $2::int8[])
                ON CONFLICT (version) DO UPDATE SET compatible_from = excluded.compatible_from"
            );
            client.execute(&stated, &[&versions, &from]).await?;
            Ok(())
        })
        .await
    }
}

/// Does `work` as [`OWNER_ROLE`], while no other connection acts for it in this database. The connection is left as it was.
async fn as_owner(
    client: &mut Client,
    work: impl AsyncFnOnce(&mut Client) -> Result<(), MigrationError>,
) -> Result<(), MigrationError> {
    // The role first: it may take the lock, which is not everyone's to take.
    client.batch_execute(&format!("SET ROLE {OWNER_ROLE}")).await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await?;
    let done = work(client).await;
    let back = format!("SELECT pg_advisory_unlock({MIGRATION_LOCK}); RESET ROLE; RESET search_path");
    let left = client.batch_execute(&back).await;
    done?;
    Ok(left?)
}

/// Begins a transaction that acts for [`OWNER_ROLE`]; it waits five seconds for a lock, and no longer. It takes none that the
/// service may take: a service that was taken over must not be able to keep its keys from being revoked. The connection may act
/// for that role, and is left as it was. What is not committed leaves nothing behind.
pub async fn begin_as_owner(client: &mut Client) -> Result<Transaction<'_>, tokio_postgres::Error> {
    let work = client.transaction().await?;
    work.batch_execute(&format!("SET LOCAL ROLE {OWNER_ROLE}; SET LOCAL lock_timeout = '5s'")).await?;
    Ok(work)
}

/// The newest migration that was run in a schema; `None` when none was.
async fn schema_version(client: &impl GenericClient, schema: &str) -> Result<Option<i64>, tokio_postgres::Error> {
    let table = format!("{}.{HISTORY}", quoted(schema));
    if client.query_one("SELECT to_regclass($1) IS NULL", &[&table]).await?.try_get(0)? {
        return Ok(None);
    }
    let newest = format!("SELECT max(version)::int8 FROM {table}");
    client.query_one(&newest, &[]).await?.try_get(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use refinery::Migration;

    #[test]
    fn a_migration_that_does_not_say_so_is_compatible_with_no_older_release() {
        let each = [
            ("V1__a", "-- compatible_from: 1\nSELECT 1"),
            ("V2__b", "-- What it is for.\n-- compatible_from: 1\nSELECT 1"),
            ("V3__c", "SELECT 1"),
            ("V4__d", "-- compatible_from: three\nSELECT 1"),
        ];
        let each = each.map(|(name, sql)| Migration::unapplied(name, sql).unwrap());
        let runner = refinery::Runner::new(&each);
        let migrations = Migrations { schema: "x", used_by: &[], runner, afterwards: String::new() };
        assert_eq!(migrations.compatibility(), [(1, 1), (2, 1), (3, 3), (4, 4)]);
        assert_eq!(migrations.latest_version(), 4);
    }
}
