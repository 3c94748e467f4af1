//! The schema `florin`: tenants and their keys.

use platform::database::store::{MigrationError, Migrations, SERVICE_ROLE, SchemaState};
use platform::database::{Client, GenericClient};

mod embedded {
    refinery::embed_migrations!("migrations");
}

fn migrations() -> Migrations {
    let runner = embedded::migrations::runner();
    Migrations { schema: "florin", used_by: &[SERVICE_ROLE], runner, afterwards: String::new() }
}

/// Creates the schema `florin` or brings it up to date. The connection may act for `florin_owner`.
pub async fn migrate(client: &mut Client) -> Result<(), MigrationError> {
    migrations().run(client).await
}

/// How the schema `florin` stands to this release.
pub async fn schema_state(client: &impl GenericClient) -> Result<SchemaState, tokio_postgres::Error> {
    migrations().state(client).await
}
