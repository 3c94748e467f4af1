//! Migrations, and the books of each tenant.

use super::views::{self, Views};
use domain::SqlView;
use platform::database::store::{ANALYST_ROLE, MigrationError, Migrations, OWNER_ROLE, SERVICE_ROLE, SchemaState};
use platform::database::with_causes;
use std::collections::HashSet;
use tokio_postgres::{Client, Error, GenericClient, Transaction};
use types::TenantId;

mod embedded {
    refinery::embed_migrations!("migrations");
}

fn migrations() -> Migrations {
    let runner = embedded::migrations::runner();
    Migrations { schema: "ledger", used_by: &[SERVICE_ROLE, ANALYST_ROLE], runner, afterwards: views::functions() }
}

/// Brings the tables, and the functions that the SQL views use, up to date.
pub async fn migrate(client: &mut Client) -> Result<(), MigrationError> {
    migrations().run(client).await
}

/// How the schema `ledger` stands to this release.
pub async fn schema_state(client: &impl GenericClient) -> Result<SchemaState, tokio_postgres::Error> {
    migrations().state(client).await
}

/// Opens a tenant's books unless they are open. Creates its SQL views if their definitions have changed: one for each
/// kind of object in `kinds`, with those columns. The tables must be there already.
pub async fn open_books(work: &Transaction<'_>, tenant: TenantId, kinds: &[SqlView]) -> Result<(), Error> {
    let opened = "INSERT INTO ledger.books (tenant) VALUES ($1) ON CONFLICT (tenant) DO NOTHING";
    work.execute(opened, &[&tenant.0]).await?;
    // One after the other; payments do not wait for that.
    let books = "SELECT number, views FROM ledger.books WHERE tenant = $1 FOR NO KEY UPDATE";
    let row = work.query_one(books, &[&tenant.0]).await?;
    let (number, made): (i32, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    let views = Views::of(tenant, number, kinds);
    if made != Some(views.digest()) {
        views.create(work).await?;
        let done = "UPDATE ledger.books SET views = $2 WHERE tenant = $1";
        work.execute(done, &[&tenant.0, &views.digest()]).await?;
    }
    Ok(())
}

/// Why a role was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    #[error("there is no role {0:?} in PostgreSQL; create it first, with a password and limits of time")]
    NoSuchRole(String),
    #[error("the role {0:?} may read the views of all tenants already; take that away from it first")]
    ReadsAll(String),
    #[error("the tenant {0} has no books; run `florin migrate`")]
    NoBooks(TenantId),
    #[error("PostgreSQL refused: {}", with_causes(.0))]
    Database(#[from] Error),
}

/// Lets a role read the SQL views of a tenant, those of later releases included.
pub async fn admit_analyst(work: &Transaction<'_>, tenant: TenantId, role: &str) -> Result<(), AdmitError> {
    let found = "SELECT quote_ident(rolname), rolsuper OR EXISTS (
            SELECT FROM UNNEST($2::text[]) r (name) WHERE pg_has_role(pg_roles.oid, r.name, 'MEMBER')
        ) FROM pg_roles WHERE rolname = $1";
    let all: &[&str] = &[ANALYST_ROLE, SERVICE_ROLE, OWNER_ROLE, "pg_read_all_data"];
    let Some(row) = work.query_opt(found, &[&role, &all]).await? else {
        return Err(AdmitError::NoSuchRole(role.to_owned()));
    };
    let (quoted, reads_all): (String, bool) = (row.try_get(0)?, row.try_get(1)?);
    if reads_all {
        return Err(AdmitError::ReadsAll(role.to_owned()));
    }
    let schema = tenant.schema();
    if work.query_one("SELECT to_regnamespace($1) IS NULL", &[&schema]).await?.try_get(0)? {
        return Err(AdmitError::NoBooks(tenant));
    }
    // A view that a later release makes anew is granted as it is made.
    let admit = format!(
        "GRANT USAGE ON SCHEMA {schema}, ledger TO {quoted};
        GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {quoted};
        ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {quoted}"
    );
    Ok(work.batch_execute(&admit).await?)
}

/// The tenants whose books are open, with the SQL views that [`open_books`] would create.
pub async fn opened(client: &impl GenericClient, kinds: &[SqlView]) -> Result<HashSet<TenantId>, Error> {
    let mut opened = HashSet::new();
    for row in client.query("SELECT tenant, number, views FROM ledger.books", &[]).await? {
        let tenant = TenantId(row.try_get(0)?);
        if row.try_get::<_, Option<i64>>(2)? == Some(Views::of(tenant, row.try_get(1)?, kinds).digest()) {
            opened.insert(tenant);
        }
    }
    Ok(opened)
}
