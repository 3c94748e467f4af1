//! Every acknowledged commit is written exactly once, also when connections are lost or PostgreSQL is killed meanwhile.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use contracts::ledger::{CommitError, IDEMPOTENCY_LIFETIME, Ledger};
use domain::commit::{Action, Answer, Commit, Step};
use ledger::{CommitterConfig, PgLedger, verify};
use serde_json::json;
use std::time::{Duration, Instant};
use support::{charge, opened, prepared, tenant};
use testkit::build::{self, Doc, Draft};
use testkit::load::{Acknowledged, Load, Work};
use testkit::{Cut, ManualClock, TestDatabase};
use types::{Clock, Kind, SeededEntropy};

/// Every acknowledged commit is at its position, and nothing else is written: no commit twice.
async fn all_is_written(ledger: &PgLedger, database: &TestDatabase, acknowledged: &[Acknowledged]) {
    let report = verify(&database.pool(platform::database::store::SERVICE_ROLE, 1), tenant(), None).await.unwrap();
    assert!(report.is_sound(), "{report:#?}");
    assert_eq!(report.events, acknowledged.len() as u64, "one log entry for each acknowledged commit");
    for commit in acknowledged {
        let entry =
            ledger.log_entry(tenant(), commit.first_position).await.unwrap().expect("an acknowledged log entry");
        assert_eq!((entry.object, entry.version), (commit.object, commit.version));
        let record = ledger.idempotency(tenant(), &commit.key).await.unwrap().expect("its key");
        let answer = Answer::Object { status: 200, id: commit.object, version: commit.version };
        assert_eq!(record.answer, answer);
    }
    let total: i64 = acknowledged.iter().map(|commit| commit.amount).sum();
    let balances = ledger.balances(tenant(), "assets/load").await.unwrap();
    assert_eq!(balances.iter().map(|balance| balance.debits_posted).sum::<i64>(), total);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_postgresql_loses_nothing() {
    let database = prepared(TestDatabase::private().await).await;
    let ledger = opened(&database, CommitterConfig::default());
    let mut acknowledged = Vec::new();
    for work in [Work::New, Work::Changing, Work::New] {
        let load = Load::start(ledger.clone(), tenant(), 32, work);
        tokio::time::sleep(Duration::from_millis(400)).await;
        database.kill9();
        tokio::time::sleep(Duration::from_millis(100)).await;
        database.restart().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        acknowledged.extend(load.stop().await);
    }
    assert!(acknowledged.len() > 100, "only {} commits", acknowledged.len());
    all_is_written(&ledger, &database, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_connections_lose_nothing() {
    let database = prepared(TestDatabase::start().await).await;
    let ledger = opened(&database, CommitterConfig::default());
    let loads = [Work::New, Work::Changing];
    let superuser = database.connect().await;
    let mut acknowledged = Vec::new();
    let mut terminated = 0;
    let began = Instant::now();
    for (work, enough) in loads.into_iter().zip([12, 24]) {
        let load = Load::start(ledger.clone(), tenant(), 32, work);
        while terminated < enough && began.elapsed() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(31)).await;
            let rows = superuser
                .query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'florin committer' AND datname = current_database()",
                    &[],
                )
                .await
                .unwrap();
            terminated += rows.len();
        }
        acknowledged.extend(load.stop().await);
    }
    assert!(terminated >= 24 && acknowledged.len() > 30, "{terminated} terminated, {} commits", acknowledged.len());
    all_is_written(&ledger, &database, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_a_lost_try_was_written_is_found_out() {
    let database = prepared(TestDatabase::start().await).await;
    let proxy = database.proxy().await;
    let pool = proxy.pool(platform::database::store::SERVICE_ROLE, 4);
    let ledger = support::on(pool);
    let mut cuts = 0;
    // After these the committer no longer reads before it writes, except for a commit without log entries.
    for seed in 101..120 {
        ledger.commit(tenant(), charge(seed).1).await.unwrap();
    }
    for (seed, cut) in [
        (1, Cut::BeforeCommit),
        (2, Cut::AfterCommit),
        (3, Cut::DuringCommit),
        (4, Cut::AfterCommit),
        (5, Cut::BeforeCommit),
        (6, Cut::DuringCommit),
    ] {
        proxy.cut(cut);
        let unread = proxy.written_unread();
        let (doc, commit) = charge(seed);
        let committed = ledger.commit(tenant(), commit).await.expect("it is known in the end whether it is written");
        assert_eq!(proxy.written_unread(), unread + 1, "the lost try had read nothing, the next try had");
        let position = 20 + 13 * (i64::try_from(seed).unwrap() - 1);
        assert_eq!(committed.first_position, position, "{cut:?}: written once");
        assert_eq!(ledger.log_entry(tenant(), position).await.unwrap().unwrap().object, doc.id);

        // A commit without log entries is found by its key, which must not be taken for that of another commit.
        proxy.cut(cut);
        let key = format!("key {seed}");
        let begin = Draft::at(ManualClock::new().now()).key(&key, Step::Begin, Answer::Running).commit();
        ledger.commit(tenant(), begin.clone()).await.expect("the key was not used before");
        assert!(matches!(ledger.commit(tenant(), begin).await, Err(CommitError::KeyUsed(_))));
        cuts += 2;
        assert_eq!(proxy.cuts_made(), cuts);
        // A new connection remembers nothing.
        for more in 0..12 {
            ledger.commit(tenant(), charge(1_000 * seed + more).1).await.unwrap();
        }
    }
    let report = verify(&database.pool(platform::database::store::SERVICE_ROLE, 1), tenant(), None).await.unwrap();
    assert!(report.is_sound() && report.events == 19 + 6 * 13, "{report:#?}");
}

/// A try of which nothing was written is not taken for a later one that wrote other commits of the batch at the same
/// positions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_lost_tries_the_right_one_is_found() {
    of_two_lost_tries(false).await;
}

/// The same if the commit that is refused in the end has no log row of its own, but others of its batch have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_lost_tries_the_right_one_is_found_for_a_key_alone() {
    of_two_lost_tries(true).await;
}

async fn of_two_lost_tries(key_alone: bool) {
    let database = prepared(TestDatabase::start().await).await;
    let proxy = database.proxy().await;
    let pool = proxy.pool(platform::database::store::SERVICE_ROLE, 4);
    let ledger = support::on(pool);
    let keyed = |seed: u64, key: &str| {
        let (doc, commit) = charge(seed);
        let answer = Answer::Object { status: 200, id: doc.id, version: 1 };
        (doc, Draft(commit).key(key, Step::Begin, answer).commit())
    };
    let (first, commit) = keyed(1, "used");
    ledger.commit(tenant(), commit).await.unwrap();
    let holder = support::hold_the_lock(&database).await;
    let (doc, mut repeated) = keyed(3, "used");
    if key_alone {
        repeated = Commit { entries: Vec::new(), objects: Vec::new(), ..repeated };
    }
    let batch = [keyed(2, "new"), (doc, repeated), charge(4)];
    let answers: Vec<_> = batch
        .iter()
        .map(|(_, commit)| {
            let (ledger, commit) = (ledger.clone(), commit.clone());
            tokio::spawn(async move { ledger.commit(tenant(), commit).await })
        })
        .collect();
    // They wait together for the lock, in any order.
    tokio::time::sleep(Duration::from_millis(400)).await;
    // The first try never reaches PostgreSQL. The second is refused, because of the used key. The answer to the third, in
    // which the used key was noticed, is lost.
    proxy.cut_in_turn([Some(Cut::BeforeCommit), None, Some(Cut::AfterCommit)]);
    drop(holder);
    let mut found = Vec::new();
    for answer in answers {
        found.push(answer.await.unwrap());
    }
    assert_eq!(proxy.cuts_made(), 2);
    let mut positions = Vec::new();
    for ((doc, _), answer) in batch.iter().zip(&found) {
        let stored = ledger.objects(tenant(), &[doc.id]).await.unwrap();
        assert_eq!(stored[0].is_some(), answer.is_ok(), "{answer:?}");
        positions.extend(answer.as_ref().ok().map(|committed| committed.first_position));
    }
    let Err(CommitError::KeyUsed(record)) = &found[1] else { panic!("{found:?}") };
    assert_eq!(record.answer, Answer::Object { status: 200, id: first.id, version: 1 });
    positions.sort_unstable();
    assert_eq!(positions, [2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_lost_under_load_lose_nothing() {
    let database = prepared(TestDatabase::start().await).await;
    let proxy = database.proxy().await;
    let pool = proxy.pool(platform::database::store::SERVICE_ROLE, 4);
    let ledger = support::on(pool);
    let mut acknowledged = Vec::new();
    let began = Instant::now();
    for (work, enough) in [(Work::New, 12), (Work::Changing, 24)] {
        let load = Load::start(ledger.clone(), tenant(), 32, work);
        let mut cuts = [Cut::AfterCommit, Cut::BeforeCommit, Cut::DuringCommit].into_iter().cycle();
        while proxy.cuts_made() < enough && began.elapsed() < Duration::from_secs(40) {
            // Two in a row: the try after a lost one is lost too.
            proxy.cut_in_turn([cuts.next(), cuts.next()]);
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        acknowledged.extend(load.stop().await);
    }
    assert!(proxy.cuts_made() >= 24 && acknowledged.len() > 30, "{} cuts", proxy.cuts_made());
    all_is_written(&ledger, &database, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_one_log() {
    let database = prepared(TestDatabase::start().await).await;
    let ledgers: Vec<_> = (0..3).map(|_| opened(&database, CommitterConfig::default())).collect();
    let mut acknowledged = Vec::new();
    // Each alone for a while, so that it uses what it remembers; then all at the same time.
    let turns = [&ledgers[..1], &ledgers[1..2], &ledgers[2..], &ledgers[..], &ledgers[..]];
    for (turn, work) in turns.into_iter().zip([Work::New, Work::New, Work::New, Work::New, Work::Changing]) {
        let loads: Vec<_> = turn.iter().map(|ledger| Load::start(ledger.clone(), tenant(), 8, work)).collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        for load in loads {
            acknowledged.extend(load.stop().await);
        }
    }
    all_is_written(&ledgers[0], &database, &acknowledged).await;
}

/// A row that is to be changed and is not there: a key that another process forgets at the same moment, or a fault. Then
/// nothing of the batch is written, and it is read again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_not_there_when_it_is_changed_is_noticed() {
    let database = prepared(TestDatabase::start().await).await;
    let clock = ManualClock::new();
    let ledger = support::open(&database, clock.clone(), CommitterConfig::default());
    let superuser = database.connect().await;
    let skip_once = "CREATE FUNCTION skip_once() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
            RETURN CASE WHEN nextval('skipped') = 1 THEN NULL ELSE NEW END;
        END $$";
    superuser.batch_execute(skip_once).await.unwrap();
    let accounts = (&build::open_account("assets/a"), &build::open_account("liabilities/b"));
    let mut entropy = SeededEntropy::new(9);
    for table in ["objects", "accounts", "idempotency_keys"] {
        let now = clock.now();
        let mut doc = Doc::new(Kind::Charge, now, &mut entropy, json!({"amount": 1}));
        let mut moved = || build::transfer(now, &mut entropy, Action::Post, accounts, 7, doc.id);
        let answer = |body: &str| Answer::Body { status: 200, body: body.to_owned() };
        let (first, second) = (moved(), moved());
        let create = Draft::at(now).create(&mut doc, None).transfer(first).key("key", Step::Begin, answer("old"));
        ledger.commit(tenant(), create.commit()).await.unwrap();
        let before = ledger.balances(tenant(), "assets/a").await.unwrap()[0].debits_posted;
        let later = clock.advance(IDEMPOTENCY_LIFETIME + Duration::from_secs(1));
        let trigger = format!(
            "DROP SEQUENCE IF EXISTS skipped; CREATE SEQUENCE skipped;
            CREATE TRIGGER skipped BEFORE UPDATE ON ledger.{table} FOR EACH ROW EXECUTE FUNCTION skip_once()"
        );
        superuser.batch_execute(&trigger).await.unwrap();
        let change = Draft::at(later).update(&mut doc, None, json!({"amount": 2})).transfer(second);
        // A key that is there already would be a reason by itself to read the batch again.
        let with_key = table == "idempotency_keys";
        let change = if with_key { change.key("key", Step::Begin, answer("new")) } else { change };
        ledger.commit(tenant(), change.commit()).await.unwrap();
        superuser.batch_execute(&format!("DROP TRIGGER skipped ON ledger.{table}")).await.unwrap();
        let skipped: i64 = superuser.query_one("SELECT last_value FROM skipped", &[]).await.unwrap().get(0);
        assert!(skipped > 1, "{table}: the change was skipped, and made again");
        let stored = ledger.objects(tenant(), &[doc.id]).await.unwrap().pop().flatten().unwrap();
        assert_eq!((stored.version, stored.state.as_str()), (2, r#"{"amount":2}"#), "{table}");
        assert_eq!(ledger.balances(tenant(), "assets/a").await.unwrap()[0].debits_posted, before + 7, "{table}");
        if with_key {
            let record = ledger.idempotency(tenant(), &build::identity("key")).await.unwrap().expect("the key is kept");
            assert_eq!(record.answer, answer("new"));
        }
        clock.advance(IDEMPOTENCY_LIFETIME + Duration::from_secs(1));
    }
    let report = verify(&database.pool(platform::database::store::SERVICE_ROLE, 1), tenant(), None).await.unwrap();
    assert!(report.is_sound(), "{report:#?}");
}
