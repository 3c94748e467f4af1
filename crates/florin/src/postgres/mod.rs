//! A private PostgreSQL for `florin dev`: found on the machine, created in the data directory, reached by a Unix socket
//! that nobody else can enter, started and stopped with the server.

mod account;
pub mod binaries;
mod cluster;
mod server;

use cluster::{Cluster, OWNER};
use server::{Server, socket_url};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use account::run_as;
pub use cluster::remove;

/// The database that everything is in.
const DATABASE: &str = "florin";

/// A running private PostgreSQL.
pub struct Embedded {
    server: Server,
    /// The socket's directory, for `psql -h`.
    pub socket: PathBuf,
    /// For instance `15.18`.
    pub version: String,
    /// The service's role, which cannot change what is in the log.
    pub url: String,
    /// The role that owns the tables.
    pub owner_url: String,
}

impl Embedded {
    /// Starts the PostgreSQL of a data directory, which this process must have locked; creates it at the first start.
    ///
    /// The service's role need not exist yet: migrations create it.
    pub async fn start(directory: &Path, service_role: &str) -> anyhow::Result<Embedded> {
        let cluster = Cluster::open(directory).await?;
        let socket = cluster.socket.clone();
        let version = cluster.binaries.version.clone();
        let server = Server::start(cluster, &directory.join("postgres.log")).await?;
        let embedded = Embedded {
            server,
            url: socket_url(&socket, service_role, DATABASE),
            owner_url: socket_url(&socket, OWNER, DATABASE),
            socket,
            version,
        };
        if let Err(error) = embedded.prepare().await {
            embedded.stop().await;
            return Err(error);
        }
        Ok(embedded)
    }

    async fn prepare(&self) -> anyhow::Result<()> {
        use platform::database::{connect, store};
        let maintenance = connect(&socket_url(&self.socket, OWNER, "postgres"), Duration::from_secs(5)).await?;
        store::ensure_database(&maintenance, DATABASE).await?;
        Ok(())
    }

    /// Stops PostgreSQL; returns when it has ended.
    pub async fn stop(self) {
        self.server.stop().await;
        // It may be in /tmp; it is made again at the next start.
        let _ = std::fs::remove_dir(&self.socket);
    }
}
