//! A PostgreSQL of one's own, and Florin set up on it as docs/operations.md says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

use super::{Server, call, directory, florin, free_address, run, text};
use std::path::Path;
use tempfile::TempDir;
use testkit::TestDatabase;
use tokio_postgres::Client;

/// A PostgreSQL of its own, in which an administrator has run nothing yet, and a directory with the configuration.
pub struct Site {
    pub database: TestDatabase,
    pub superuser: Client,
    place: TempDir,
}

impl Site {
    pub async fn new() -> Site {
        let database = TestDatabase::private().await;
        let superuser = database.connect().await;
        Site { database, superuser, place: directory() }
    }

    /// With the roles, made by the SQL that is printed.
    pub async fn with_roles() -> Site {
        let site = Site::new().await;
        site.sql(&site.printed_roles()).await;
        site
    }

    /// The same with the tables, for tenants.
    pub async fn migrated() -> Site {
        let site = Site::with_roles().await;
        site.configure(Some("florin_service"), Some("florin_owner"));
        site.done(&["migrate"]);
        site
    }

    pub fn place(&self) -> &Path {
        self.place.path()
    }

    pub async fn sql(&self, statements: &str) {
        self.superuser.batch_execute(statements).await.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    }

    pub async fn number(&self, sql: &str) -> i64 {
        self.superuser.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// As an administrator runs it: without a configuration.
    pub fn printed_roles(&self) -> String {
        let printed = run(self.place(), &["migrate", "--print-roles"]);
        assert!(printed.status.success(), "{}", text(&printed));
        String::from_utf8(printed.stdout).unwrap()
    }

    /// The users that the server and its owner log in as.
    pub fn configure(&self, service: Option<&str>, owner: Option<&str>) -> String {
        let address = free_address();
        let url = |user: &str| self.database.url().replace("user=postgres", &format!("user={user}"));
        let mut config = format!("[server]\nlisten = \"{address}\"\n[database]\n");
        for (key, user) in [("url", service), ("owner_url", owner)] {
            config += &user.map(|user| format!("{key} = \"{}\"\n", url(user))).unwrap_or_default();
        }
        std::fs::write(self.place().join("florin.toml"), config).unwrap();
        address
    }

    pub fn done(&self, arguments: &[&str]) -> String {
        let output = run(self.place(), arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
        text(&output)
    }

    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = run(self.place(), arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", text(&output));
        text(&output)
    }

    /// `florin serve`, which logs to `serve.log`.
    pub fn serve(&self, address: &str) -> Server {
        let mut command = florin(self.place());
        let log = std::fs::File::create(self.place().join("serve.log")).unwrap();
        command.arg("serve").stderr(log);
        Server::other(command, address)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.place().join("serve.log")).unwrap()
    }

    pub async fn tenants(&self) -> i64 {
        self.number("SELECT (SELECT count(*) FROM florin.tenants) + (SELECT count(*) FROM florin.api_keys)").await
    }
}

/// The status of a payment with this key.
pub fn pays(address: &str, key: &str) -> u16 {
    let body = "amount=4200&currency=usd&payment_method=pm_card_visa&payment_method_types[]=card&confirm=true";
    call(address, key, ["POST", "/v1/payment_intents"], "", body).map_or(0, |(status, _)| status)
}

pub fn key_of(tenant: &serde_json::Value) -> &str {
    tenant["secret_key"].as_str().unwrap()
}
