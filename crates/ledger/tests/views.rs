//! The SQL views and functions that analysts use: see `docs/sql.md`.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use contracts::Ledger;
use domain::SqlView;
use domain::object::{ColumnType, column};
use ledger::CommitterConfig;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use testkit::build::{Doc, Draft};
use testkit::{ManualClock, TestDatabase};
use tokio_postgres::Client;
use types::{Clock, Entropy, Kind, ObjectId, SeededEntropy};
use uuid::Uuid;

async fn filled() -> (TestDatabase, Client, Vec<Doc>) {
    let database = TestDatabase::start().await;
    let tenant = support::tenant();
    support::prepare(&database, tenant).await;
    let ledger = support::open(&database, ManualClock::new(), CommitterConfig::default());
    let docs = support::fill(ledger.as_ref(), tenant).await;
    let client = database.connect().await;
    client.batch_execute(&format!("SET search_path = {}, ledger", tenant.schema())).await.unwrap();
    (database, client, docs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_are_shown_as_everywhere() {
    let (_database, client, _) = filled().await;
    let mut entropy = SeededEntropy::new(3);
    let mut values: Vec<Uuid> = vec![Uuid::nil(), Uuid::max(), Uuid::from_u128(61), Uuid::from_u128(62)];
    values.extend((0..300).map(|_| Uuid::from_u64_pair(entropy.next_u64(), entropy.next_u64())));
    let sql = "SELECT object_id($1, id), id_value(object_id($1, id)), id_value(base62(id)) FROM UNNEST($2::uuid[]) id";
    for kind in Kind::ALL {
        let rows = client.query(sql, &[&kind.code(), &values]).await.unwrap();
        for (row, value) in rows.iter().zip(&values) {
            assert_eq!(row.get::<_, String>(0), ObjectId::from_value(*kind, *value).to_string());
            assert_eq!((row.get::<_, Uuid>(1), row.get::<_, Uuid>(2)), (*value, *value));
        }
    }
    let moment = "SELECT first_id($1), id_time(first_id($1))";
    let time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_000);
    let row = client.query_one(moment, &[&time]).await.unwrap();
    assert_eq!(row.get::<_, Uuid>(0).to_string(), "018bcfe5-6800-0000-0000-000000000000");
    assert_eq!(row.get::<_, SystemTime>(1), time);
    for wrong in ["", "pi_", "pi_123", "zzzzzzzzzzzzzzzzzzzzzz", "pi_0000000000000000000 00"] {
        assert!(client.query("SELECT id_value($1)", &[&wrong]).await.is_err(), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_have_ordinary_columns() {
    let (_database, client, docs) = filled().await;
    let (customer, charge) = (&docs[6], &docs[7]);
    let sql = "SELECT id, created, version, status, customer, parent, amount, paid, captured_at, state::text, uuid,
            customer_uuid
        FROM charges WHERE uuid = id_value($1)";
    let row = client.query_one(sql, &[&charge.id.to_string()]).await.unwrap();
    let now = UNIX_EPOCH + Duration::from_millis(ManualClock::new().now().millis().unsigned_abs());
    assert_eq!(row.get::<_, String>(0), charge.id.to_string());
    assert_eq!(row.get::<_, SystemTime>(1), now);
    assert_eq!((row.get::<_, i32>(2), row.get::<_, String>(3)), (2, "done".to_owned()));
    assert_eq!(row.get::<_, String>(4), customer.id.to_string());
    assert_eq!(row.get::<_, Option<String>>(5), None);
    assert_eq!((row.get::<_, i64>(6), row.get::<_, bool>(7)), (103, true));
    assert_eq!(row.get::<_, SystemTime>(8), now);
    let state: serde_json::Value = serde_json::from_str(row.get(9)).unwrap();
    assert_eq!(state, charge.state);
    assert_eq!((row.get::<_, Uuid>(10), row.get::<_, Uuid>(11)), (charge.id.value, customer.id.value));
    let names = client.query("SELECT name FROM customers ORDER BY id", &[]).await.unwrap();
    assert_eq!(names.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_add_up_to_balances() {
    let (_database, client, _) = filled().await;
    let sql = "SELECT b.account, b.balance, b.debits_posted, b.credits_posted, b.debits_pending,
            coalesce(sum(e.amount) FILTER (WHERE e.side = 'debit' AND e.entry = 'posted'), 0)::bigint,
            coalesce(sum(e.amount) FILTER (WHERE e.side = 'credit' AND e.entry = 'posted'), 0)::bigint
        FROM account_balances b LEFT JOIN ledger_entries e ON e.account = b.account
        GROUP BY b.account, b.balance, b.debits_posted, b.credits_posted, b.debits_pending ORDER BY b.account";
    let rows = client.query(sql, &[]).await.unwrap();
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert_eq!(row.get::<_, i64>(2), row.get::<_, i64>(5));
        assert_eq!(row.get::<_, i64>(3), row.get::<_, i64>(6));
        assert_eq!(row.get::<_, i64>(1), 250, "assets by debits, liabilities by credits");
    }
    assert_eq!(rows[0].get::<_, i64>(4), 152, "one hold is open, of another a part");
}

/// A new release may have other columns. Views of analysts that depend on the SQL views stay if no column has changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_follow_their_columns() {
    let (_database, mut client, _) = filled().await;
    let tenant = support::tenant();
    const COLUMNS: &[domain::object::Column] = &[column("amount", ColumnType::Text)];
    let fewer = [SqlView { kind: Kind::Charge, name: "charges", columns: COLUMNS, hidden: &[] }];
    support::open_books(&mut client, tenant, &fewer).await;
    client.batch_execute(&format!("SET search_path = {}, ledger", tenant.schema())).await.unwrap();
    let row = client.query_one("SELECT amount FROM charges ORDER BY id LIMIT 1", &[]).await.unwrap();
    assert!(row.try_get::<_, String>(0).is_ok(), "the column has its new type");
    assert!(client.query("SELECT paid FROM charges", &[]).await.is_err());
    client.batch_execute("CREATE VIEW mine AS SELECT amount FROM charges").await.unwrap();
    support::open_books(&mut client, tenant, &fewer).await;
    client.batch_execute(&format!("SELECT * FROM {}.mine", tenant.schema())).await.unwrap();
}

/// A column showed the whole of an attribute of which the state left a part out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_does_not_show_what_the_state_leaves_out() {
    let (database, mut client, _) = filled().await;
    let tenant = support::tenant();
    const COLUMNS: &[domain::object::Column] = &[column("next_action", ColumnType::Json)];
    let view = SqlView { kind: Kind::Charge, name: "charges", columns: COLUMNS, hidden: &[&["next_action", "secret"]] };
    support::open_books(&mut client, tenant, &[view]).await;
    let ledger = support::open(&database, ManualClock::new(), CommitterConfig::default());
    let now = ManualClock::new().now();
    let state = serde_json::json!({"next_action": {"secret": "s", "type": "redirect"}});
    let mut doc = Doc::new(Kind::Charge, now, &mut SeededEntropy::new(99), state);
    ledger.commit(tenant, Draft::at(now).create(&mut doc, None).commit()).await.unwrap();
    let sql = format!("SELECT next_action::text FROM {}.charges WHERE id = $1", tenant.schema());
    let row = client.query_one(&sql, &[&doc.id.to_string()]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "{\"type\": \"redirect\"}");
}
