//! What analysts may read, and that they can do no harm.

#![allow(clippy::unwrap_used)]

mod support;

use contracts::Ledger;
use domain::SqlView;
use domain::object::{ColumnType, column};
use ledger::admin::AdmitError;
use ledger::{CommitterConfig, admin};
use platform::database::store::begin_as_owner;
use serde_json::json;
use support::filled;
use testkit::build::{Doc, Draft};
use testkit::{ManualClock, TestDatabase, tenant_id};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use types::{Clock, Kind, SeededEntropy, TenantId};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn analysts_see_sql_views_and_nothing_else() {
    let (database, schema) = filled().await;
    let analyst = database.pool(platform::database::store::ANALYST_ROLE, 1).get().await.unwrap();
    for view in ["customers", "charges", "ledger_entries", "account_balances"] {
        let rows = analyst.query(&format!("SELECT * FROM {schema}.{view}"), &[]).await.expect(view);
        assert!(!rows.is_empty(), "{view}");
    }
    let tables =
        ["books", "accounts", "transfers", "objects", "log", "revisions", "idempotency_keys", "schema_history"];
    for table in tables {
        let error = analyst.query(&format!("SELECT * FROM ledger.{table}"), &[]).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{table}");
    }
    let write = analyst.batch_execute(&format!("UPDATE {schema}.customers SET name = 'x'")).await;
    assert!(write.is_err());
    does_no_harm(&analyst).await;
}

async fn admit(owner: &mut Client, tenant: TenantId, role: &str) -> Result<(), AdmitError> {
    let work = begin_as_owner(owner).await?;
    admin::admit_analyst(&work, tenant, role).await?;
    Ok(work.commit().await?)
}

/// What every role may do in a database of PostgreSQL's, unless it is taken away.
async fn does_no_harm(analyst: &Client) {
    let locks = ["pg_advisory_lock(1)", "pg_advisory_xact_lock(1, 2)", "pg_try_advisory_lock_shared(1)"];
    let large_objects = ["lo_create(0)", "lo_creat(-1)", "lo_from_bytea(0, 'x')", "lo_get(1)"];
    let log = ["pg_logical_emit_message(false, 'a', 'b')"];
    let calls = locks.iter().chain(&large_objects).chain(&log).map(|call| format!("SELECT {call}"));
    for forbidden in
        calls.chain(["CREATE TEMPORARY TABLE mine (x int)".to_owned(), "CREATE TABLE mine (x int)".to_owned()])
    {
        let error = analyst.batch_execute(&forbidden).await.expect_err(&forbidden);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forbidden}");
    }
}

/// A role that was created for this test, and belongs to the server, which other tests use.
struct Role {
    name: String,
    superuser: Client,
}

impl Role {
    async fn create(database: &TestDatabase, name: &str) -> Role {
        let role = Role { name: format!("{name}_{}", std::process::id()), superuser: database.connect().await };
        role.superuser.batch_execute(&format!("CREATE ROLE {} LOGIN", role.name)).await.unwrap();
        role
    }

    async fn drop(self) {
        self.superuser.batch_execute(&format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_analyst_of_one_tenant_sees_no_other_one() {
    let (database, schema) = filled().await;
    let other = tenant_id(1);
    support::prepare(&database, other).await;
    let ledger = support::open(&database, ManualClock::new(), CommitterConfig::default());
    support::fill(ledger.as_ref(), other).await;
    let ada = Role::create(&database, "of_one_tenant").await;
    let mut owner = database.connect().await;
    for wrong in ["florin_analyst", "florin_service", "postgres", "no such role"] {
        assert!(admit(&mut owner, other, wrong).await.is_err(), "{wrong}");
    }
    assert!(admit(&mut owner, tenant_id(9), &ada.name).await.is_err(), "no such tenant");
    owner.batch_execute(&format!("GRANT pg_read_all_data TO {}", ada.name)).await.unwrap();
    let refused = admit(&mut owner, other, &ada.name).await;
    assert!(matches!(refused, Err(admin::AdmitError::ReadsAll(_))), "{refused:?}");
    owner.batch_execute(&format!("REVOKE pg_read_all_data FROM {}", ada.name)).await.unwrap();
    admit(&mut owner, other, &ada.name).await.unwrap();

    let analyst = database.pool(&ada.name, 1).get().await.unwrap();
    analyst.batch_execute(&format!("SET search_path = {}, ledger", other.schema())).await.unwrap();
    for view in ["customers", "charges", "ledger_entries", "account_balances"] {
        assert!(!analyst.query(&format!("SELECT * FROM {view}"), &[]).await.expect(view).is_empty(), "{view}");
        let error = analyst.query(&format!("SELECT * FROM {schema}.{view}"), &[]).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{view}");
    }
    for table in ["books", "accounts", "transfers", "objects", "log"] {
        let error = analyst.query(&format!("SELECT * FROM ledger.{table}"), &[]).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{table}");
    }
    does_no_harm(&analyst).await;
    let reset = format!("ALTER VIEW {}.charges RESET (security_barrier)", other.schema());
    assert_eq!(admin::open_views(&owner).await.unwrap(), [""; 0]);
    owner.batch_execute(&reset).await.unwrap();
    assert_eq!(admin::open_views(&owner).await.unwrap(), [format!("{}.charges", other.schema())]);

    // A release makes views anew, or others.
    const COLUMNS: &[domain::object::Column] = &[column("amount", ColumnType::Text)];
    let views = [("charges", Kind::Charge), ("refunds", Kind::Refund)].map(|(name, kind)| SqlView {
        kind,
        name,
        columns: COLUMNS,
        hidden: &[],
    });
    support::open_books(&mut owner, other, &views).await;
    analyst.batch_execute("SELECT amount FROM charges; SELECT amount FROM refunds").await.unwrap();
    let unlimited = admin::unlimited_analysts(&owner).await.unwrap();
    assert_eq!(unlimited.iter().filter(|statement| statement.contains(&ada.name)).count(), 2, "{unlimited:?}");
    ada.drop().await;
}

/// A function with next to no cost is called before a view's own conditions, with what the view would have left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_condition_of_a_query_sees_what_a_view_leaves_out() {
    let (database, schema) = filled().await;
    let other = tenant_id(1);
    support::prepare(&database, other).await;
    let ledger = support::open(&database, ManualClock::new(), CommitterConfig::default());
    let now = ManualClock::new().now();
    let mut doc = Doc::new(Kind::Charge, now, &mut SeededEntropy::new(3), json!({"amount": 1}));
    doc.index.status = Some("secret".to_owned());
    ledger.commit(other, Draft::at(now).create(&mut doc, None).commit()).await.unwrap();
    let superuser = database.connect().await;
    superuser
        .batch_execute(
            "CREATE FUNCTION public.peeks(seen text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
            $$ BEGIN IF seen = 'secret' THEN RAISE EXCEPTION 'seen: %', seen; END IF; RETURN true; END $$;
            GRANT USAGE ON SCHEMA public TO florin_analyst",
        )
        .await
        .unwrap();
    let analyst = database.pool(platform::database::store::ANALYST_ROLE, 1).get().await.unwrap();
    // As the tables may be read when they are large, or their statistics old.
    analyst.batch_execute("SET enable_indexscan = off; SET enable_bitmapscan = off").await.unwrap();
    let peek = |schema: &str| format!("SELECT * FROM {schema}.charges WHERE public.peeks(status)");
    assert!(analyst.query(&peek(&other.schema()), &[]).await.is_err(), "the function is called");
    assert_eq!(analyst.query(&peek(&schema), &[]).await.expect("only with the tenant's own").len(), 5);
}

/// An index finds a row by its id, although the view is a barrier: what compares ids tells nothing of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_are_read_by_the_index() {
    let (database, schema) = filled().await;
    let analyst = database.pool(platform::database::store::ANALYST_ROLE, 1).get().await.unwrap();
    analyst.batch_execute(&format!("SET search_path = {schema}, ledger; SET enable_seqscan = off")).await.unwrap();
    for condition in ["uuid = id_value('ch_0351LhKqi8uPmVyRDwq143')", "uuid >= first_id(now() - interval '30 days')"] {
        let sql = format!("EXPLAIN SELECT id FROM charges WHERE {condition}");
        let plan: Vec<String> = analyst.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        let by_id = plan
            .lines()
            .any(|line| line.contains("Index Cond") && (line.contains("id = '") || line.contains("id >= ")));
        assert!(by_id, "{plan}");
    }
}

/// Where the administrator is no superuser, what only one can do is left undone, and the rest is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_who_is_no_superuser_prepares_a_database() {
    let (database, _) = filled().await;
    let deployer = Role::create(&database, "deployer").await;
    let name: String = deployer.superuser.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    deployer
        .superuser
        .batch_execute(&format!(
            "ALTER ROLE {0} CREATEROLE; GRANT florin_owner, florin_service, florin_analyst TO {0};
            ALTER DATABASE {name} OWNER TO {0}; GRANT TEMPORARY ON DATABASE {name} TO PUBLIC;
            ALTER SCHEMA public OWNER TO pg_database_owner; GRANT ALL ON SCHEMA public TO PUBLIC;
            GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC",
            deployer.name
        ))
        .await
        .unwrap();
    let mut client = database.pool(&deployer.name, 1).get().await.unwrap();
    admin::ensure_roles(&client).await.unwrap();
    admin::migrate(&mut client).await.unwrap();
    support::open_books(&mut client, support::tenant(), support::VIEWS).await;
    let analyst = database.pool(platform::database::store::ANALYST_ROLE, 1).get().await.unwrap();
    // The second may be done in a database of before PostgreSQL 15.
    for create in ["CREATE TEMPORARY TABLE mine (x int)", "CREATE TABLE public.mine (x int)"] {
        let error = analyst.batch_execute(create).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{create}");
    }
    analyst.batch_execute("SELECT lo_create(0)").await.expect("only a superuser can take that away");
    admin::ensure_roles(&deployer.superuser).await.unwrap();
    assert!(analyst.batch_execute("SELECT lo_create(0)").await.is_err());
    let back = format!("ALTER DATABASE {name} OWNER TO postgres");
    deployer.superuser.batch_execute(&back).await.unwrap();
    deployer.drop().await;
}

/// A query of an analyst keeps PostgreSQL from forgetting what is changed meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn analysts_have_limits_of_time() {
    let (database, _) = filled().await;
    let superuser = database.connect().await;
    // Roles belong to the server, which other tests use.
    let login = format!("ada_{}", std::process::id());
    let limits = async || -> Vec<String> {
        let sql = "SELECT rolconfig FROM pg_roles WHERE rolname = 'florin_analyst'";
        superuser.query_one(sql, &[]).await.unwrap().get(0)
    };
    assert_eq!(limits().await, ["statement_timeout=60s", "idle_in_transaction_session_timeout=60s"]);
    let pool = database.pool(platform::database::store::SERVICE_ROLE, 1);
    let service = pool.get().await.unwrap();
    let unlimited = async || -> Vec<String> {
        let found = ledger::admin::unlimited_analysts(&**service).await.unwrap();
        found.into_iter().filter(|statement| statement.contains(&login)).collect()
    };
    superuser.batch_execute(&format!("CREATE ROLE {login} LOGIN IN ROLE florin_analyst")).await.unwrap();
    let missing = unlimited().await;
    assert_eq!(missing.len(), 2, "{missing:?}");
    superuser.batch_execute(&missing.join(";")).await.unwrap();
    assert_eq!(unlimited().await, [""; 0]);
    superuser.batch_execute(&format!("ALTER ROLE {login} SET statement_timeout = 0")).await.unwrap();
    assert_eq!(unlimited().await, [format!("ALTER ROLE {login} SET statement_timeout = '60s'")]);
    superuser.batch_execute(&format!("ALTER ROLE {login} SET statement_timeout = '5min'")).await.unwrap();
    assert_eq!(unlimited().await, [""; 0]);
    // What the administrator has chosen stays.
    superuser.batch_execute("ALTER ROLE florin_analyst SET statement_timeout = '2min'").await.unwrap();
    ledger::admin::ensure_roles(&superuser).await.unwrap();
    assert_eq!(limits().await, ["statement_timeout=2min", "idle_in_transaction_session_timeout=60s"]);
    superuser
        .batch_execute(&format!("DROP ROLE {login}; ALTER ROLE florin_analyst SET statement_timeout = '60s'"))
        .await
        .unwrap();
}
