//! `florin doctor` finds the faults of the database that docs/operations.md names: each is planted in a PostgreSQL that is set
//! up well.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use support::site::Site;
use support::{florin, json, pooler, text};

/// What it says, by check: result, what was found, advice.
fn examined(site: &Site) -> BTreeMap<String, [String; 3]> {
    // No PostgreSQL is installed on such a machine.
    let output = florin(site.place()).args(["doctor", "--json"]).env("PATH", "/nowhere").output().unwrap();
    let checks: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    let field = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
    let all: BTreeMap<String, [String; 3]> = checks
        .iter()
        .map(|check| (field(check, "name"), ["result", "found", "advice"].map(|name| field(check, name))))
        .collect();
    let broken = all.values().any(|[result, ..]| result == "broken");
    assert_eq!(output.status.code(), Some(if broken { 5 } else { 0 }), "{}", text(&output));
    for (name, [result, _, advice]) in &all {
        assert_eq!(advice.is_empty(), result == "ok" || result == "skipped", "{name}");
    }
    all
}

/// The names of the checks that found something, beside the one of this test's own PostgreSQL, which does without `fsync`.
fn found(all: &BTreeMap<String, [String; 3]>) -> Vec<&str> {
    assert!(all["durability"][2].contains("turn on what is off: fsync"), "{all:?}");
    let wrong = all
        .iter()
        .filter(|(name, [result, ..])| *name != "durability" && !["ok", "skipped"].contains(&result.as_str()));
    wrong.map(|(name, _)| name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_finds_what_is_wrong_in_the_database() {
    let site = Site::migrated().await;
    json(site.place(), &["tenants", "create", "Acme"]);
    let well = examined(&site);
    assert_eq!(found(&well), [""; 0], "{well:#?}");
    assert_eq!(well["postgresql"][0], "skipped");
    let database: String = site.superuser.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);

    let roles = site.printed_roles();
    let of_the_tenant = "SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^t_[0-9a-f]{32}$'";
    let schema: String = site.superuser.query_one(of_the_tenant, &[]).await.unwrap().get(0);
    let [no_barrier, barrier] =
        ["RESET", "SET"].map(|what| format!("ALTER VIEW {schema}.charges {what} (security_barrier)"));
    for (fault, undo, check, says) in [
        (
            "GRANT UPDATE (entries) ON ledger.log TO florin_service",
            "REVOKE UPDATE (entries) ON ledger.log FROM florin_service",
            "privileges",
            "ledger.log UPDATE (entries)",
        ),
        (
            "GRANT DELETE ON ledger.transfers TO florin_service",
            "REVOKE DELETE ON ledger.transfers FROM florin_service",
            "privileges",
            "ledger.transfers DELETE",
        ),
        (
            "GRANT TRIGGER ON ledger.log TO florin_service",
            "REVOKE TRIGGER ON ledger.log FROM florin_service",
            "privileges",
            "ledger.log TRIGGER",
        ),
        (
            "GRANT INSERT ON ledger.books TO florin_service",
            "REVOKE INSERT ON ledger.books FROM florin_service",
            "privileges",
            "ledger.books INSERT",
        ),
        (
            "GRANT florin_owner TO florin_service",
            "REVOKE florin_owner FROM florin_service",
            "privileges",
            "may act for florin_owner",
        ),
        (
            "ALTER ROLE florin_service NOINHERIT; GRANT florin_owner TO florin_service",
            "ALTER ROLE florin_service INHERIT; REVOKE florin_owner FROM florin_service",
            "privileges",
            "may act for florin_owner",
        ),
        (
            "GRANT pg_write_all_data TO florin_service",
            "REVOKE pg_write_all_data FROM florin_service",
            "privileges",
            "may act for pg_write_all_data",
        ),
        (
            "ALTER ROLE florin_service CREATEROLE",
            "ALTER ROLE florin_service NOCREATEROLE",
            "privileges",
            "may create roles",
        ),
        (
            "ALTER ROLE florin_service SUPERUSER",
            "ALTER ROLE florin_service NOSUPERUSER",
            "privileges",
            "is a superuser",
        ),
        (
            "GRANT CREATE ON SCHEMA ledger TO florin_service",
            "REVOKE CREATE ON SCHEMA ledger FROM florin_service",
            "privileges",
            "may create in the schema ledger",
        ),
        (
            "ALTER DATABASE \"$\" OWNER TO florin_service",
            "ALTER DATABASE \"$\" OWNER TO postgres",
            "privileges",
            "owns the database",
        ),
        (
            "REVOKE INSERT ON ledger.log FROM florin_service",
            "GRANT INSERT ON ledger.log TO florin_service",
            "rights",
            "ledger.log INSERT",
        ),
        (
            "REVOKE UPDATE (due) ON ledger.objects FROM florin_service",
            "GRANT UPDATE (due) ON ledger.objects TO florin_service",
            "rights",
            "ledger.objects UPDATE (due)",
        ),
        (
            "REVOKE DELETE ON ledger.idempotency_keys FROM florin_service",
            "GRANT DELETE ON ledger.idempotency_keys TO florin_service",
            "rights",
            "ledger.idempotency_keys DELETE",
        ),
        (
            "REVOKE SELECT ON florin.api_keys FROM florin_service",
            "GRANT SELECT ON florin.api_keys TO florin_service",
            "rights",
            "florin.api_keys SELECT",
        ),
        (
            "REVOKE EXECUTE ON FUNCTION pg_try_advisory_xact_lock(int, int) FROM florin_service",
            roles.as_str(),
            "rights",
            "pg_try_advisory_xact_lock(integer,integer) EXECUTE",
        ),
        (
            "GRANT DELETE ON ledger.log TO florin_analyst",
            "REVOKE DELETE ON ledger.log FROM florin_analyst",
            "others",
            "florin_analyst may DELETE ledger.log",
        ),
        (
            "GRANT INSERT (hash) ON florin.api_keys TO florin_analyst",
            "REVOKE INSERT (hash) ON florin.api_keys FROM florin_analyst",
            "others",
            "florin_analyst may INSERT florin.api_keys",
        ),
        ("CREATE ROLE bo LOGIN; GRANT florin_service TO bo", "DROP ROLE bo", "others", "bo may act for florin_service"),
        (
            "CREATE ROLE bo LOGIN; GRANT pg_write_all_data TO bo",
            "DROP ROLE bo",
            "others",
            "bo may act for pg_write_all_data",
        ),
        (
            "CREATE FUNCTION ledger.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DROP FUNCTION ledger.mine()",
            "owner",
            "ledger.mine() belongs to postgres",
        ),
        (
            "CREATE VIEW florin.mine AS SELECT 1; CREATE SCHEMA t_00000000000000000000000000000000",
            "DROP VIEW florin.mine; DROP SCHEMA t_00000000000000000000000000000000",
            "owner",
            "florin.mine belongs to postgres, the schema t_0",
        ),
        (
            "ALTER ROLE florin_service SET default_transaction_read_only = on",
            "ALTER ROLE florin_service RESET ALL",
            "primary",
            "read-only",
        ),
        (
            "ALTER ROLE florin_service CONNECTION LIMIT 20",
            "ALTER ROLE florin_service CONNECTION LIMIT -1",
            "capacity",
            "45 connections for each process; PostgreSQL allows 20",
        ),
        ("UPDATE ledger.books SET views = views + 1", "UPDATE ledger.books SET views = views - 1", "tenants", "Acme"),
        (
            "UPDATE ledger.schema_history SET version = 9",
            "UPDATE ledger.schema_history SET version = 1",
            "schema",
            "migration 9 of a newer release",
        ),
        (
            "REVOKE CREATE ON DATABASE \"$\" FROM florin_owner",
            "GRANT CREATE ON DATABASE \"$\" TO florin_owner",
            "owner",
            "florin_owner may not create schemas",
        ),
        ("ALTER ROLE florin_owner NOLOGIN", "ALTER ROLE florin_owner LOGIN", "owner", "not permitted to log in"),
        (
            "GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC",
            "REVOKE EXECUTE ON FUNCTION lo_create(oid) FROM PUBLIC",
            "public",
            "analysts could fill the disk with large objects",
        ),
        (&no_barrier, &barrier, "views", ".charges"),
        ("CREATE ROLE ada LOGIN; GRANT florin_analyst TO ada", "DROP ROLE ada", "analysts", "no limit of time"),
    ] {
        site.sql(&fault.replace('$', &database)).await;
        let all = examined(&site);
        site.sql(&if undo == roles { roles.clone() } else { undo.replace('$', &database) }).await;
        assert!(found(&all).contains(&check), "{fault}: {all:#?}");
        assert!(all[check][1].contains(says), "{fault}: {all:#?}");
    }
    let again = examined(&site);
    assert_eq!(found(&again), [""; 0], "{again:#?}");
    // Owning a table cannot be undone as simply: what the owner was granted goes with it.
    site.sql("ALTER TABLE ledger.log OWNER TO florin_service").await;
    assert!(examined(&site)["privileges"][1].contains("owns ledger.log"));
    site.sql("ALTER TABLE ledger.log OWNER TO florin_owner").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_finds_what_is_wrong_on_the_way_to_the_database() {
    let site = Site::migrated().await;
    let url = site.database.url().replace("user=postgres", "user=florin_service");
    let owner_url = site.database.url().replace("user=postgres", "user=florin_owner");
    let configure = |url: &str, owner_url: &str| {
        let config = format!("[database]\nurl = \"{url}\"\nowner_url = \"{owner_url}\"\n");
        std::fs::write(site.place().join("florin.toml"), config).unwrap();
    };
    let (socket, name) =
        url.strip_prefix("host=").and_then(|rest| rest.split_once(" user=florin_service dbname=")).unwrap();
    let pooled = pooler::start(&std::path::Path::new(socket).join(".s.PGSQL.5432"), "florin_service", name);
    let (host, port) = pooled.split_once(':').unwrap();
    configure(&format!("host={host} port={port} user=florin_service dbname={name}"), &owner_url);
    let all = examined(&site);
    assert!(all["pooling"][0] == "broken" && all["pooling"][1].contains("after each transaction"), "{all:#?}");

    let elsewhere = owner_url.replace(&format!("dbname={name}"), "dbname=postgres");
    site.sql("GRANT CREATE ON DATABASE postgres TO florin_owner").await;
    configure(&url, &elsewhere);
    let all = examined(&site);
    assert!(all["owner"][0] == "broken" && all["owner"][1].contains("two databases"), "{all:#?}");

    configure("host=127.0.0.1 port=1 user=florin_service", &owner_url);
    let all = examined(&site);
    assert!(all["database"][0] == "broken" && all["database"][1].contains("127.0.0.1:1"), "{all:#?}");
    assert_eq!(all["owner"][0], "ok", "it is tried all the same");
    configure(&url, "host=127.0.0.1 port=1 user=florin_owner");
    assert!(examined(&site)["owner"][1].contains("127.0.0.1:1"));
    configure(&url, "");
    assert!(examined(&site)["owner"][1].contains("owner_url is not set"));
    configure(&url, &url);
    assert!(examined(&site)["owner"][1].contains("may not act for florin_owner"));

    // As in development: the login is not the server's role, whose own rights are looked at all the same.
    configure(&format!("{} options='-c role=florin_service'", site.database.url()), &owner_url);
    assert_eq!(examined(&site)["privileges"][0], "warning");
    site.sql("GRANT DELETE ON ledger.log TO florin_service").await;
    let all = examined(&site);
    assert!(all["privileges"][0] == "broken" && all["privileges"][1].contains("ledger.log DELETE"), "{all:#?}");

    // A database that is not found is not one that is well.
    std::fs::write(site.place().join("florin.toml"), "").unwrap();
    std::fs::create_dir(site.place().join(".florin")).unwrap();
    std::fs::write(site.place().join(".florin/state.json"), "{").unwrap();
    let all = examined(&site);
    assert!(all["database"][0] == "broken" && all["database"][1].contains("state.json cannot be read"), "{all:#?}");
}
