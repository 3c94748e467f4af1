//! Positions, versions, all or nothing.

use crate::build::{self, Doc, Draft};
use crate::subject::Subject;
use contracts::ledger::{CommitError, EventQuery, FIRST_POSITION, LedgerError, Paging};
use domain::commit::{Action, Commit, Index};
use serde_json::json;
use std::collections::BTreeSet;
use types::{Clock, Currency, Kind, ObjectId, TenantId};
use uuid::Uuid;

pub async fn positions_have_no_gap_under_load(mut subject: Subject) {
    const COMMITS: usize = 200;
    let cash = build::open_account("assets/cash");
    let owed = build::open_account("liabilities/owed");
    let mut tasks = Vec::new();
    for number in 0..COMMITS {
        let mut doc = subject.doc(Kind::Charge, json!({"number": number}));
        let now = subject.now();
        let moved = build::transfer(now, &mut subject.entropy, Action::Post, (&cash, &owed), 1 + number as i64, doc.id);
        let mut draft = subject.draft().create(&mut doc, Some("charge.created")).transfer(moved);
        // Some commits have more than one log entry.
        for _ in 0..number % 3 {
            draft = draft.update(&mut doc, None, json!({"touched": true}));
        }
        let (ledger, tenant) = (subject.ledger.clone(), subject.tenant);
        tasks.push(tokio::spawn(async move {
            let commit = draft.commit();
            let entries = commit.entries.len() as i64;
            (ledger.commit(tenant, commit).await.unwrap().first_position, entries)
        }));
    }
    let mut taken = BTreeSet::new();
    for task in tasks {
        let (first, entries) = task.await.unwrap();
        for position in first..first + entries {
            assert!(taken.insert(position), "position {position} was used twice");
        }
    }
    assert_eq!(taken.first(), Some(&FIRST_POSITION));
    assert_eq!(taken.last().copied(), Some(taken.len() as i64), "there is a gap");
    let total = (1..=COMMITS as i64).sum::<i64>();
    assert_eq!(subject.balance("assets/cash").await.debits_posted, total);
    assert_eq!(subject.balance("liabilities/owed").await.credit_balance(), total);
}

pub async fn commits_are_answered_with_their_positions(mut subject: Subject) {
    let mut one = subject.doc(Kind::Customer, json!({"name": "Ada"}));
    let mut two = subject.doc(Kind::Customer, json!({"name": "Bo"}));
    let draft = subject.draft().create(&mut one, Some("customer.created")).create(&mut two, None);
    assert_eq!(subject.written(draft).await, FIRST_POSITION);
    let draft = subject.draft().update(&mut one, Some("customer.updated"), json!({"name": "Ann"}));
    assert_eq!(subject.written(draft).await, 3);
    let stored = subject.object(one.id).await.unwrap();
    assert_eq!((stored.version, stored.state), (2, r#"{"name":"Ann"}"#.to_owned()));
    let missing = ObjectId::from_value(Kind::Charge, one.id.value);
    let found = subject.ledger.objects(subject.tenant, &[two.id, missing, one.id, two.id]).await.unwrap();
    let ids: Vec<_> = found.iter().map(|stored| stored.as_ref().map(|stored| stored.id)).collect();
    assert_eq!(ids, [Some(two.id), None, Some(one.id), Some(two.id)], "in the order of the ids");
    assert_eq!(subject.ledger.log_entry(subject.tenant, 2).await.unwrap().unwrap().object, two.id);
    assert_eq!(subject.ledger.log_entry(subject.tenant, 4).await.unwrap(), None);
}

pub async fn a_stale_version_is_a_conflict(mut subject: Subject) {
    let mut doc = subject.customer().await;
    let mut stale = doc.clone();
    subject.written(subject.draft().update(&mut doc, None, json!({"name": "Ann"}))).await;
    let late = subject.draft().update(&mut stale, None, json!({"name": "Eve"}));
    let conflict = subject.commit(late.commit()).await.unwrap_err();
    assert_eq!(conflict, CommitError::VersionConflict { id: doc.id, expected: 1, found: 2 });
    let mut unknown = subject.doc(Kind::Customer, json!({}));
    unknown.version = 4;
    let update = subject.draft().update(&mut unknown, None, json!({"name": "Eve"}));
    let conflict = subject.commit(update.commit()).await.unwrap_err();
    assert_eq!(conflict, CommitError::VersionConflict { id: unknown.id, expected: 4, found: 0 });
    assert_eq!(subject.object(doc.id).await.unwrap().state, r#"{"name":"Ann"}"#);
}

pub async fn only_one_of_many_creates_an_object(mut subject: Subject) {
    let doc = subject.doc(Kind::Customer, json!({"name": "Ada"}));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let draft = subject.draft().create(&mut doc.clone(), Some("customer.created"));
            let (ledger, tenant) = (subject.ledger.clone(), subject.tenant);
            tokio::spawn(async move { ledger.commit(tenant, draft.commit()).await })
        })
        .collect();
    let mut created = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => created += 1,
            Err(error) => {
                assert_eq!(error, CommitError::VersionConflict { id: doc.id, expected: 0, found: 1 });
            }
        }
    }
    assert_eq!(created, 1);
}

pub async fn what_a_commit_relies_on_must_not_have_changed(mut subject: Subject) {
    let mut customer = subject.customer().await;
    let mut card = subject.doc(Kind::PaymentMethod, json!({"brand": "visa"}));
    subject.written(subject.draft().create(&mut card, None).rely_on(&customer)).await;
    let seen = customer.clone();
    subject.written(subject.draft().update(&mut customer, None, json!({"deleted": true}))).await;
    let mut stale = card.clone();
    let attach = subject.draft().update(&mut stale, None, json!({"customer": "it"})).rely_on(&seen);
    let conflict = CommitError::VersionConflict { id: customer.id, expected: 1, found: 2 };
    assert_eq!(subject.commit(attach.commit()).await, Err(conflict));
    let never = subject.doc(Kind::Customer, json!({}));
    let relied =
        subject.draft().update(&mut card.clone(), None, json!({})).rely_on(&Doc { version: 3, ..never.clone() });
    let conflict = CommitError::VersionConflict { id: never.id, expected: 3, found: 0 };
    assert_eq!(subject.commit(relied.commit()).await, Err(conflict));
    let draft = subject.draft().update(&mut card.clone(), None, json!({})).rely_on(&never);
    assert!(matches!(subject.commit(draft.commit()).await, Err(CommitError::Invalid(_))));
    // Of an object that it writes itself, a commit may have seen another version before.
    let draft = subject.draft().update(&mut card.clone(), None, json!({})).rely_on(&Doc { version: 2, ..card.clone() });
    let conflict = CommitError::VersionConflict { id: card.id, expected: 2, found: 1 };
    assert_eq!(subject.commit(draft.commit()).await, Err(conflict));

    // Of many that replace what the others rely on, no two agree with each other.
    for round in 0..10 {
        let (mut one, mut other) = (subject.customer().await, subject.customer().await);
        let (seen_one, seen_other) = (one.clone(), other.clone());
        let first = subject.draft().update(&mut one, None, json!({"round": round})).rely_on(&seen_other);
        let second = subject.draft().update(&mut other, None, json!({"round": round})).rely_on(&seen_one);
        let both = tokio::join!(subject.commit(first.commit()), subject.commit(second.commit()));
        assert_eq!(usize::from(both.0.is_ok()) + usize::from(both.1.is_ok()), 1, "{both:?}");
    }
}

pub async fn a_rejected_commit_leaves_nothing(mut subject: Subject) {
    let mut doc = subject.customer().await;
    let mut stale = doc.clone();
    subject.written(subject.draft().update(&mut doc, None, json!({"name": "Ann"}))).await;
    let mut fresh = subject.doc(Kind::Charge, json!({"amount": 5}));
    let (from, to) = (build::open_account("assets/a"), build::open_account("liabilities/b"));
    let now = subject.now();
    let moved = build::transfer(now, &mut subject.entropy, Action::Post, (&from, &to), 5, fresh.id);
    let draft = subject
        .draft()
        .create(&mut fresh, Some("charge.created"))
        .update(&mut stale, None, json!({"name": "Eve"}))
        .transfer(moved)
        .key("key", domain::commit::Step::Begin, domain::commit::Answer::Running);
    assert!(matches!(subject.commit(draft.commit()).await, Err(CommitError::VersionConflict { .. })));
    assert_eq!(subject.object(fresh.id).await, None);
    assert_eq!(subject.ledger.balances(subject.tenant, "").await.unwrap(), []);
    assert_eq!(subject.ledger.idempotency(subject.tenant, &build::identity("key")).await.unwrap(), None);
    assert_eq!(subject.ledger.log_entry(subject.tenant, 3).await.unwrap(), None);
    let draft = subject.draft().update(&mut doc, None, json!({"name": "Bo"}));
    assert_eq!(subject.written(draft).await, 3, "a rejected commit takes no position");
}

pub async fn a_commit_that_contradicts_itself_is_rejected(mut subject: Subject) {
    let mut doc = subject.doc(Kind::Charge, json!({"amount": 5}));
    let valid = subject.draft().create(&mut doc, Some("charge.created")).commit();
    let (from, to) = (build::open_account("assets/a"), build::open_account("liabilities/b"));
    let now = subject.now();
    let moved = build::transfer(now, &mut subject.entropy, Action::Post, (&from, &to), 5, doc.id);
    let mut euros = to.clone();
    euros.currency = "eur".parse().unwrap();
    type Spoil = Box<dyn Fn(&mut Commit)>;
    let mut wrong: Vec<(&str, Spoil)> = vec![
        ("empty", Box::new(|commit| *commit = Draft::at(commit.at).commit())),
        ("no log entry", Box::new(|commit| commit.entries.clear())),
        ("a log entry too few", Box::new(|commit| commit.objects[0].version = 2)),
        ("a gap in versions", Box::new(|commit| commit.entries[0].version = 2)),
        ("written twice", Box::new(|commit| commit.objects.push(commit.objects[0].clone()))),
        ("an object is missing", Box::new(|commit| commit.objects.clear())),
        ("a negative base", Box::new(|commit| commit.objects[0].base = -1)),
        (
            "a customer that is a charge",
            Box::new(|commit| {
                let customer = Some(commit.objects[0].id);
                commit.objects[0].index = Index { customer, ..Index::default() };
            }),
        ),
    ];
    for amount in [0, -1, i64::MIN] {
        let mut moved = moved.clone();
        moved.amount = amount;
        wrong.push(("an amount", Box::new(move |commit| commit.transfers.push(moved.clone()))));
    }
    let mut to_itself = moved.clone();
    to_itself.credit = to_itself.debit.clone();
    wrong.push(("to itself", Box::new(move |commit| commit.transfers.push(to_itself.clone()))));
    let mut mixed = moved.clone();
    mixed.credit = euros;
    wrong.push(("two currencies", Box::new(move |commit| commit.transfers.push(mixed.clone()))));
    let mut void = moved.clone();
    void.action = Action::VoidHold { hold: Uuid::from_u128(1) };
    wrong.push(("a void of money", Box::new(move |commit| commit.transfers.push(void.clone()))));
    let twice = moved.clone();
    wrong.push(("a transfer twice", Box::new(move |commit| commit.transfers.extend([twice.clone(), twice.clone()]))));
    for (what, spoil) in wrong {
        let mut commit = valid.clone();
        spoil(&mut commit);
        let rejected = subject.commit(commit).await;
        assert!(matches!(rejected, Err(CommitError::Invalid(_))), "{what}: {rejected:?}");
    }
    assert_eq!(subject.commit(valid).await.unwrap().first_position, 1);
    assert_eq!(moved.debit.currency, Currency::USD);
}

pub async fn texts_that_cannot_be_stored_are_rejected(mut subject: Subject) {
    let mut others = Vec::new();
    for number in 0..20 {
        let mut doc = subject.doc(Kind::Customer, json!({"number": number}));
        others.push(subject.draft().create(&mut doc, None).commit());
    }
    let mut poison = Vec::new();
    for state in [r#"{"a":"\u0000"}"#, "\0"] {
        let mut doc = subject.doc(Kind::Customer, json!({}));
        let mut commit = subject.draft().create(&mut doc, None).commit();
        commit.objects[0].state = state.to_owned();
        poison.push(commit);
    }
    let poisoned = poison.len();
    let mixed: Vec<Commit> = poison.into_iter().chain(others).collect();
    let tasks: Vec<_> = mixed
        .into_iter()
        .map(|commit| {
            let (ledger, tenant) = (subject.ledger.clone(), subject.tenant);
            tokio::spawn(async move { ledger.commit(tenant, commit).await })
        })
        .collect();
    for (number, task) in tasks.into_iter().enumerate() {
        let answer = task.await.unwrap();
        let rejected = matches!(answer, Err(CommitError::Invalid(_)));
        assert_eq!(rejected, number < poisoned, "commit {number}: {answer:?}");
    }
    let types = vec!["\0*".to_owned(), "\0".to_owned()];
    let query = EventQuery { types, ..EventQuery::all(Paging::newest(100)) };
    assert_eq!(subject.ledger.events(subject.tenant, &query).await.unwrap().items, []);
    assert_eq!(subject.ledger.idempotency(subject.tenant, &build::identity("\0")).await.unwrap(), None);
}

pub async fn books_of_unknown_tenants_are_not_found(mut subject: Subject) {
    let unknown = TenantId::new(subject.clock.now(), &mut subject.entropy);
    let doc = subject.customer().await;
    let ledger = &subject.ledger;
    let error = LedgerError::NoSuchTenant(unknown);
    assert_eq!(ledger.objects(unknown, &[doc.id]).await, Err(error.clone()));
    assert_eq!(ledger.balances(unknown, "").await, Err(error.clone()));
    assert_eq!(ledger.log_entry(unknown, 1).await, Err(error));
    let mut mine = doc.clone();
    let draft = subject.draft().update(&mut mine, None, json!({"name": "Eve"}));
    assert!(matches!(ledger.commit(unknown, draft.commit()).await, Err(CommitError::Invalid(_))));
}

pub async fn a_clock_that_cannot_be_trusted_writes_nothing(mut subject: Subject) {
    let mut doc = subject.doc(Kind::Customer, json!({}));
    let commit = subject.draft().create(&mut doc, Some("customer.created")).commit();
    subject.clock.doubt(true);
    assert!(matches!(subject.commit(commit.clone()).await, Err(CommitError::Clock(_))));
    assert_eq!(subject.object(doc.id).await, None);
    subject.clock.doubt(false);
    assert_eq!(subject.commit(commit).await.unwrap().first_position, FIRST_POSITION);
}
