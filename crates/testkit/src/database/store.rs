//! Creates and drops databases.

use tokio_postgres::Client;

/// Whether the server answers.
pub(super) async fn answers(client: &Client) -> bool {
    client.simple_query("SELECT 1").await.is_ok()
}

/// Creates an empty database; one of the same name, left by a killed run, is dropped first.
pub(super) async fn create_database(client: &Client, name: &str) {
    drop_database(client, name).await;
    let sql = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
    client.batch_execute(&sql).await.expect("a database can be created");
}

pub(super) async fn drop_database(client: &Client, name: &str) {
    let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    client.batch_execute(&sql).await.expect("a database can be dropped");
}
