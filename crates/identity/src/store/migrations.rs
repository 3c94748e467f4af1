//! The schema `florin`: tenants and their keys.

use platform::database::Client;
use platform::database::store::{MigrationError, Migrations, SERVICE_ROLE};

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

/// The version that [`migrate`] brings the schema `florin` to.
pub fn latest_version() -> i64 {
    migrations().latest_version()
}
