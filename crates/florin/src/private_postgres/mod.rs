//! A private PostgreSQL for `florin dev`: it is found on the machine, has its files in the data directory, is reached by a
//! Unix socket that no other user can reach, and starts and stops with the server.

mod cluster;
pub mod installations;
mod os_user;
mod supervisor;

pub use cluster::remove;
pub use os_user::run_as;

use cluster::Cluster;
use platform::database::store::{self, OWNER_ROLE};
use platform::database::{DatabaseUrl, connect};
use std::path::{Path, PathBuf};
use std::time::Duration;
use supervisor::Supervisor;

/// The database of the server.
const DATABASE: &str = "florin";

/// A running private PostgreSQL.
pub struct PrivatePostgres {
    supervisor: Supervisor,
    /// The directory of the Unix socket.
    socket: PathBuf,
    /// For instance `15.18`.
    pub version: String,
    /// Under the service's role, which cannot change what is in the log.
    pub url: DatabaseUrl,
    /// Under the role that owns the tables.
    pub owner_url: DatabaseUrl,
}

impl PrivatePostgres {
    /// Starts the PostgreSQL of a data directory, which this process must have locked; creates it at the first start.
    /// Migrations create the service's role later.
    pub async fn start(directory: &Path, service_role: &str) -> anyhow::Result<PrivatePostgres> {
        let cluster = Cluster::open(directory).await?;
        let socket = cluster.socket.clone();
        let version = cluster.installation.version.clone();
        let url = cluster.url(service_role, DATABASE);
        let owner_url = cluster.url(OWNER_ROLE, DATABASE);
        let maintenance_url = cluster.url(OWNER_ROLE, "postgres");
        let supervisor = Supervisor::start(cluster, &directory.join("postgres.log")).await?;
        let private = PrivatePostgres { supervisor, socket, version, url, owner_url };
        if let Err(error) = create_database(&maintenance_url).await {
            private.stop().await;
            return Err(error);
        }
        Ok(private)
    }

    /// Stops PostgreSQL; returns when it has ended.
    pub async fn stop(self) {
        self.supervisor.stop().await;
        // It may be in /tmp. The next start makes it again.
        let _ = std::fs::remove_dir(&self.socket);
    }
}

/// Creates the database of the server unless it exists.
async fn create_database(maintenance_url: &DatabaseUrl) -> anyhow::Result<()> {
    let maintenance = connect(maintenance_url, Duration::from_secs(5)).await?;
    Ok(store::ensure_database(&maintenance, DATABASE).await?)
}
