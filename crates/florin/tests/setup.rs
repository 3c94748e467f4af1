//! The first day with a database of one's own: roles, migrations, tenants, keys, and the server, as docs/operations.md says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

mod support;

use platform::database::store::MIGRATION_LOCK;
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};
use support::site::{Site, key_of, pays};
use support::{Server, eventually, florin, json, run, text};

/// The owner had to be a member of all three roles, which no page said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_migrates_and_creates_tenants_and_is_nothing_else() {
    let site = Site::new().await;
    site.sql("CREATE ROLE deploy LOGIN").await;
    site.configure(None, Some("deploy"));
    let refused = site.refused(&["migrate"]);
    for part in ["deploy cannot migrate", "there is no role florin_owner", "florin migrate --print-roles"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let sql = site.printed_roles();
    site.sql(&sql).await;
    site.sql(&sql).await;
    let refused = site.refused(&["migrate"]);
    assert!(refused.contains("it may not act for florin_owner"), "{refused}");

    site.configure(None, Some("stranger"));
    let stranger = run(site.place(), &["migrate"]);
    assert_eq!(stranger.status.code(), Some(2), "{}", text(&stranger));
    assert!(text(&stranger).contains(".s.PGSQL.5432: ") && text(&stranger).contains("stranger"), "{}", text(&stranger));

    let address = site.configure(None, Some("florin_owner"));
    site.done(&["migrate"]);
    let migrated = site.done(&["migrate"]);
    assert!(!migrated.contains("analysts"), "nothing is left to take away: {migrated}");
    site.sql("GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC").await;
    let migrated = site.done(&["migrate"]);
    assert!(migrated.contains("analysts could fill the disk with large objects"), "{migrated}");
    let acme = json(site.place(), &["tenants", "create", "Acme"]);
    site.done(&["tenants", "list"]);
    site.done(&["ledger", "verify"]);
    let more =
        "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname LIKE 'florin%'";
    assert_eq!(site.number(more).await, 0, "Florin's roles are members of none");
    assert_eq!(site.number("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'florin%' AND rolsuper").await, 0);

    std::fs::remove_file(site.place().join("florin.toml")).unwrap();
    let service = site.database.url().replace("user=postgres", "user=florin_service");
    let mut command = florin(site.place());
    command
        .arg("serve")
        .env("FLORIN_DATABASE_URL", service)
        .env("FLORIN_SERVER_LISTEN", &address)
        .stderr(Stdio::null());
    let server = Server::other(command, &address);
    assert_eq!(pays(&address, key_of(&acme)), 200);
    assert_eq!(server.stop(), Some(0));
}

/// An administrator who may create roles and owns the database needs no SQL at all, also from PostgreSQL 16 on, where who
/// creates a role does not act for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_who_creates_roles_migrates_at_once() {
    let site = Site::new().await;
    let name: String = site.superuser.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    site.sql(&format!("CREATE ROLE admin LOGIN CREATEROLE NOINHERIT; ALTER DATABASE {name} OWNER TO admin")).await;
    site.configure(None, Some("admin"));
    site.done(&["migrate"]);
    site.done(&["migrate"]);
    site.done(&["tenants", "create", "Acme"]);
    let owners =
        "SELECT count(*) FROM pg_tables WHERE schemaname IN ('florin', 'ledger') AND tableowner <> 'florin_owner'";
    assert_eq!(site.number(owners).await, 0);
    // A member of the role who does not inherit its rights, among them the one to the lock that migrations take.
    site.sql(
        "REVOKE EXECUTE ON FUNCTION pg_advisory_xact_lock(bigint), pg_advisory_lock(bigint) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION pg_advisory_xact_lock(bigint), pg_advisory_lock(bigint) TO florin_owner;
        CREATE ROLE deploy LOGIN NOINHERIT; GRANT florin_owner TO deploy",
    )
    .await;
    site.configure(None, Some("deploy"));
    site.done(&["migrate"]);
    site.done(&["tenants", "create", "Beta"]);

    // In development such an administrator acts for the server's role too.
    let url = site.database.url().replace("user=postgres", "user=admin");
    let dev = Server::dev_with(site.place(), &[], &[("DATABASE_URL", &url)]);
    assert_eq!(pays(dev.address(), dev.secret_key()), 200);
    assert_eq!(dev.stop(), Some(0));
}

/// Half a tenant was left, and then no server started.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_is_created_as_a_whole_or_not_at_all() {
    let site = Site::migrated().await;
    let name: String = site.superuser.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    site.sql(&format!("REVOKE CREATE ON DATABASE {name} FROM florin_owner")).await;
    site.refused(&["tenants", "create", "Acme"]);
    assert_eq!(site.tenants().await, 0);
    site.sql(&format!("GRANT CREATE ON DATABASE {name} TO florin_owner")).await;

    // A key that was not seen is of no use to its owner.
    let nowhere = site.place().join("none/key");
    let nowhere = nowhere.to_str().unwrap();
    let beside = site.place().join("beside");
    for arguments in [
        &["tenants", "create", "Acme", "--secret-key-file", nowhere][..],
        &["tenants", "create", "Acme", "--secret-key-file", beside.to_str().unwrap()],
        &["tenants", "create", "Acme", "--json"],
    ] {
        for output in ["/dev/full", "/dev/null"] {
            let mut command = florin(site.place());
            let file = std::fs::OpenOptions::new().write(true).open(output).unwrap();
            let refused = command.args(arguments).stdout(file).output().unwrap();
            assert_eq!(refused.status.code(), Some(2), "{arguments:?} > {output}: {}", text(&refused));
            assert_eq!(site.tenants().await, 0, "{arguments:?} > {output}");
            assert!(!beside.exists(), "{arguments:?} > {output}");
        }
    }
    let mut gone = florin(site.place()).args(["tenants", "create", "Acme"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(gone.stdout.take());
    assert_eq!(gone.wait().unwrap().code(), Some(2));
    assert_eq!(site.tenants().await, 0);

    let file = site.place().join("key");
    let shown = site.done(&["tenants", "create", "Acme", "--secret-key-file", file.to_str().unwrap()]);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let key = std::fs::read_to_string(&file).unwrap();
    assert!(key.starts_with("sk_test_") && !shown.contains("sk_test_") && shown.contains("pk_test_"), "{shown}");
    let again = site.refused(&["tenants", "create", "Acme"]);
    assert!(again.contains("already") && again.contains("florin keys create"), "{again}");
    let mut gone = florin(site.place());
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let other = site.place().join("other");
    let refused = gone.args(["keys", "create", "Acme", "--secret-key-file"]).arg(&other).stdout(full).status().unwrap();
    assert!(!refused.success() && !other.exists(), "no file is left of a key that is not kept");
    let taken = site.refused(&["keys", "create", "Acme", "--secret-key-file", file.to_str().unwrap()]);
    assert!(taken.contains("--secret-key-file"), "{taken}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), key, "a key is not overwritten");
    assert_eq!(site.tenants().await, 3);
}

/// A lost key was the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_made_rolled_and_revoked() {
    let site = Site::migrated().await;
    let address = site.configure(Some("florin_service"), Some("florin_owner"));
    let acme = json(site.place(), &["tenants", "create", "Acme"]);
    let other = json(site.place(), &["tenants", "create", "Other"]);
    let server = site.serve(&address);
    assert_eq!(pays(&address, key_of(&acme)), 200);
    let listed = json(site.place(), &["keys", "list", "Acme"]);
    let secret = listed.as_array().unwrap().iter().find(|key| key["kind"] == "secret").unwrap();
    assert!(key_of(&acme).ends_with(secret["last4"].as_str().unwrap()) && secret["expires_at"].is_null());
    assert!(!text(&run(site.place(), &["keys", "list", "Acme"])).contains("sk_test_"));

    let id = secret["id"].as_str().unwrap();
    let rolled = json(site.place(), &["keys", "roll", id, "--expires-in", "24h"]);
    assert_eq!(rolled["replaces"]["id"], secret["id"]);
    let left = rolled["replaces"]["expires_at"].as_i64().unwrap() - secret["created"].as_i64().unwrap();
    assert!((86_400..86_700).contains(&left), "{left}");
    assert_eq!((pays(&address, key_of(&acme)), pays(&address, key_of(&rolled))), (200, 200));
    assert!(site.refused(&["keys", "roll", id, "--expires-in", "now"]).contains("has an end already"));
    // Another administrator's work that does not end; reading goes on.
    site.sql("BEGIN; LOCK TABLE florin.tenants IN SHARE ROW EXCLUSIVE MODE").await;
    let locked = site.refused(&["keys", "revoke", id]);
    let holder = format!("process id {}", site.number("SELECT pg_backend_pid()::bigint").await);
    assert!(locked.contains("nothing was done") && locked.contains(&holder), "{locked}");
    site.done(&["keys", "list", "Acme"]);
    site.done(&["tenants", "list"]);
    site.sql("ROLLBACK").await;
    // Locks that the service may take keep no key from being revoked.
    site.sql(&format!("SET ROLE florin_service; SELECT pg_advisory_lock({MIGRATION_LOCK})")).await;
    site.done(&["keys", "revoke", id]);
    site.sql(&format!("RESET ROLE; SELECT pg_advisory_unlock({MIGRATION_LOCK})")).await;
    eventually("the key does not work any more", || pays(&address, key_of(&acme)) == 401);
    assert_eq!((pays(&address, key_of(&rolled)), pays(&address, key_of(&other))), (200, 200));

    let made = json(site.place(), &["keys", "create", "Acme", "--live"]);
    assert!(key_of(&made).starts_with("sk_live_"));
    assert!(made["tenant"] == acme["id"] && pays(&address, key_of(&made)) == 200);
    let publishable = json(site.place(), &["keys", "create", "Acme", "--publishable"]);
    assert!(publishable["publishable_key"].as_str().unwrap().starts_with("pk_test_"));
    let listed = json(site.place(), &["keys", "list", "Acme"]);
    let last = listed.as_array().unwrap().iter().rfind(|key| key["kind"] == "publishable").unwrap();
    let file = site.place().join("publishable");
    let roll = ["keys", "roll", last["id"].as_str().unwrap(), "--expires-in", "now", "--secret-key-file"];
    let refused = site.refused(&[&roll[..], &[file.to_str().unwrap()]].concat());
    assert!(refused.contains("--secret-key-file") && !file.exists(), "{refused}");
    let said = text(&run(site.place(), &["keys", "roll", roll[2], "--expires-in", "24h"]));
    assert!(said.contains(&format!("\n{} works until 20", roll[2])), "{said}");
    let unknown = site.refused(&["keys", "revoke", "key_0000000000000000"]);
    assert!(unknown.contains("there is no key"), "{unknown}");
    assert_eq!(server.stop(), Some(0));
}

/// The views of one tenant, or its books, kept every tenant's server from starting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_broken_tenant_stops_no_other() {
    let site = Site::migrated().await;
    let address = site.configure(Some("florin_service"), Some("florin_owner"));
    let keys: Vec<String> = ["Old views", "No views", "No books", "Well"]
        .iter()
        .map(|name| key_of(&json(site.place(), &["tenants", "create", name])).to_owned())
        .collect();
    let schema = "SELECT 't_' || replace(id::text, '-', '') FROM florin.tenants WHERE name = 'No views'";
    let schema: String = site.superuser.query_one(schema, &[]).await.unwrap().get(0);
    site.sql(&format!(
        "ALTER SCHEMA {schema} OWNER TO postgres;
        UPDATE ledger.books SET views = 1;
        DELETE FROM ledger.books WHERE tenant = (SELECT id FROM florin.tenants WHERE name = 'No books')"
    ))
    .await;
    let server = site.serve(&address);
    let statuses: Vec<u16> = keys.iter().map(|key| pays(&address, key)).collect();
    assert!(statuses[0] == 200 && statuses[1] == 200 && statuses[3] == 200 && statuses[2] >= 500, "{statuses:?}");
    assert_eq!(server.stop(), Some(0));
    assert!(site.log().contains("No books") && site.log().contains("No views"), "{}", site.log());

    let migrated: Output = run(site.place(), &["migrate"]);
    let said = text(&migrated);
    assert_eq!(migrated.status.code(), Some(1), "{said}");
    assert!(said.contains("FAILED: No views") && said.matches("FAILED").count() == 1, "{said}");
    assert_eq!(site.number("SELECT count(*) FROM ledger.books WHERE views = 1").await, 1);
    let server = site.serve(&address);
    assert_eq!(pays(&address, &keys[2]), 200, "its books are open again");
    assert_eq!(server.stop(), Some(0));
}

/// During a rolling upgrade, and after a rollback, a release finds the schema of a newer one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_used_while_it_is_compatible() {
    let site = Site::migrated().await;
    let address = site.configure(Some("florin_service"), Some("florin_owner"));
    let acme = json(site.place(), &["tenants", "create", "Acme"]);
    let migrate = |schema: &str, version: i32, stated: Option<i32>| {
        let stated = stated.map(|from| format!("INSERT INTO {schema}.schema_compatibility VALUES ({version}, {from})"));
        format!(
            "INSERT INTO {schema}.schema_history SELECT {version}, 'later', applied_on, '1' FROM {schema}.schema_history LIMIT 1;
            {}",
            stated.unwrap_or_default()
        )
    };
    site.sql(&format!("{}; {}", migrate("ledger", 2, Some(1)), migrate("florin", 2, Some(1)))).await;
    site.sql("UPDATE ledger.books SET views = 1").await;
    let server = site.serve(&address);
    assert_eq!(pays(&address, key_of(&acme)), 200);
    assert_eq!(server.stop(), Some(0));
    assert!(site.log().contains("of a newer release"), "{}", site.log());
    let migrated = site.done(&["migrate"]);
    assert!(migrated.contains("nothing was changed"), "{migrated}");
    assert_eq!(
        site.number("SELECT count(*) FROM ledger.books WHERE views = 1").await,
        1,
        "the newer release's views stay"
    );

    // The migration after that is for releases that know the second one; and one that died before it had said so.
    for (schema, stated) in [("ledger", Some(2)), ("florin", None)] {
        site.sql(&migrate(schema, 3, stated)).await;
        for arguments in
            [&["serve"][..], &["serve", "--migrate"], &["migrate"], &["tenants", "create", "Beta"], &["doctor"]]
        {
            let refused = site.refused(arguments);
            let expected = format!("the schema {schema} is at migration 3 of a newer release");
            assert!(refused.contains(&expected) && refused.contains("this one knows 1"), "{arguments:?}: {refused}");
            assert!(!refused.contains("run `florin migrate`"), "{refused}");
        }
        site.sql(&format!("DELETE FROM {schema}.schema_history WHERE version = 3")).await;
    }
    site.sql("DELETE FROM ledger.schema_history WHERE version = 2; UPDATE ledger.schema_history SET version = 0").await;
    let refused = site.refused(&["serve"]);
    assert!(refused.contains("migration 0") && refused.contains("needs 1; run `florin migrate`"), "{refused}");
}
