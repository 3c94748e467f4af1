//! A clean database for each test, on one PostgreSQL server for all tests of a process.

mod postgres;
mod proxy;
mod store;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use postgres::PostgresServer;
pub use proxy::{Cut, Proxy};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

/// A database that only one test uses.
pub struct TestDatabase {
    server: Option<Arc<PostgresServer>>,
    /// The server, if the tests did not start it.
    external: Option<Config>,
    name: String,
}

static SHARED: OnceCell<Arc<PostgresServer>> = OnceCell::const_new();
static COUNTER: AtomicU32 = AtomicU32::new(0);

impl TestDatabase {
    /// A fresh database on the server that the tests of this process share, or on the one that
    /// `FLORIN_TEST_DATABASE_URL` names (as a user who may create databases).
    pub async fn start() -> Self {
        match std::env::var("FLORIN_TEST_DATABASE_URL") {
            Ok(url) => {
                let config: Config = url.parse().expect("FLORIN_TEST_DATABASE_URL is a PostgreSQL URL");
                Self::create(None, Some(config)).await
            }
            Err(_) => {
                let shared = SHARED.get_or_init(|| async { Arc::new(PostgresServer::start(false).await) }).await;
                Self::create(Some(Arc::clone(shared)), None).await
            }
        }
    }

    /// A fresh database on a durable server of its own, to be killed and started again.
    pub async fn private() -> Self {
        let server = Arc::new(PostgresServer::start(true).await);
        Self::create(Some(server), None).await
    }

    async fn create(server: Option<Arc<PostgresServer>>, external: Option<Config>) -> Self {
        let number = COUNTER.fetch_add(1, Ordering::SeqCst);
        let name = format!("florin_test_{}_{number}", std::process::id());
        let database = TestDatabase { server, external, name };
        store::create_database(&connect(&database.server_config()).await, &database.name).await;
        database
    }

    fn server_config(&self) -> Config {
        match (&self.server, &self.external) {
            (Some(server), _) => server.config(),
            (None, Some(config)) => config.clone(),
            (None, None) => unreachable!("a database is on some server"),
        }
    }

    /// How the superuser connects.
    pub fn config(&self) -> Config {
        let mut config = self.server_config();
        config.dbname(&self.name);
        config
    }

    /// The same as a connection string.
    pub fn url(&self) -> String {
        match &self.server {
            Some(server) => format!("host={} user=postgres dbname={}", server.socket_dir().display(), self.name),
            None => {
                let url = std::env::var("FLORIN_TEST_DATABASE_URL").unwrap_or_default();
                let mut parts: Vec<&str> = url.split('/').collect();
                parts.pop();
                format!("{}/{}", parts.join("/"), self.name)
            }
        }
    }

    /// A connection as the superuser.
    pub async fn connect(&self) -> Client {
        connect(&self.config()).await
    }

    /// Connections of a role.
    pub fn pool(&self, role: &str, size: usize) -> Pool {
        self.impatient_pool(role, size, "30s")
    }

    /// The same, with a limit on the time of a statement: `200ms`.
    pub fn impatient_pool(&self, role: &str, size: usize, statement_timeout: &str) -> Pool {
        let mut config = self.config();
        match &self.server {
            // It trusts all, so the role logs in itself: a superuser who acts for it would be more than it is.
            Some(_) => _ = config.user(role).options(format!("-c statement_timeout={statement_timeout}")),
            None => _ = config.options(format!("-c role={role} -c statement_timeout={statement_timeout}")),
        }
        pool_of(config, size)
    }

    /// A proxy for connections to the server, which can cut them. Not for an external server.
    pub async fn proxy(&self) -> Proxy {
        Proxy::start(self.own_server().socket_dir().join(".s.PGSQL.5432"), self.config()).await
    }

    fn own_server(&self) -> &PostgresServer {
        self.server.as_ref().expect("the tests started the server")
    }

    /// Kills the server as a power failure would, without any warning. Only on a private server.
    pub fn kill9(&self) {
        self.own_server().kill9();
    }

    /// Starts the server again after it was killed, and waits until it answers.
    pub async fn restart(&self) {
        self.own_server().restart().await;
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // A server that the tests started is removed as a whole; on an external one nothing may be left behind.
        let Some(config) = self.external.clone() else { return };
        let name = self.name.clone();
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async { store::drop_database(&connect(&config).await, &name).await });
        });
        let _ = dropping.join();
    }
}

fn pool_of(mut config: Config, size: usize) -> Pool {
    config.connect_timeout(std::time::Duration::from_secs(5));
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(config, NoTls, recycling);
    Pool::builder(manager).max_size(size).build().expect("a pool")
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("the test's PostgreSQL answers");
    tokio::spawn(connection);
    client
}
