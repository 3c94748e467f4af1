//! Idempotency keys.

use crate::build;
use crate::subject::Subject;
use contracts::ledger::{CommitError, FIRST_POSITION, IDEMPOTENCY_LIFETIME, IdempotencyRecord};
use domain::commit::{Answer, Step};
use serde_json::json;
use std::time::Duration;
use types::{Clock, Kind};

fn body(text: &str) -> Answer {
    Answer::Body { status: 402, body: text.to_owned() }
}

pub async fn a_key_is_used_once(mut subject: Subject) {
    let mut doc = subject.doc(Kind::Customer, json!({"name": "Ada"}));
    let answer = Answer::Object { status: 200, id: doc.id, version: 1 };
    let draft = subject.draft().create(&mut doc, Some("customer.created")).key("k1", Step::Begin, answer.clone());
    subject.written(draft).await;
    let began = subject.now();
    subject.tick();
    let record = subject.ledger.idempotency(subject.tenant, &build::identity("k1")).await.unwrap().unwrap();
    let expected = IdempotencyRecord {
        key: build::identity("k1").to_string(),
        fingerprint: build::fingerprint("k1"),
        created: began,
        answer,
    };
    assert_eq!(record, expected);
    let mut again = subject.doc(Kind::Customer, json!({"name": "Ada"}));
    let draft = subject.draft().create(&mut again, None).key("k1", Step::Begin, Answer::Running);
    assert_eq!(subject.commit(draft.commit()).await, Err(CommitError::KeyUsed(Box::new(expected))));
    assert_eq!(subject.object(again.id).await, None);
    assert_eq!(subject.ledger.idempotency(subject.tenant, &build::identity("k2")).await.unwrap(), None);
}

pub async fn a_key_is_begun_and_finished(mut subject: Subject) {
    let began = subject.now();
    let position = subject.written(subject.draft().key("k", Step::Begin, Answer::Running)).await;
    assert_eq!(position, FIRST_POSITION, "a key alone takes no position");
    subject.tick();
    let busy = subject.commit(subject.draft().key("k", Step::Begin, Answer::Running).commit()).await;
    let record = |answer| IdempotencyRecord {
        key: build::identity("k").to_string(),
        fingerprint: build::fingerprint("k"),
        created: began,
        answer,
    };
    assert_eq!(busy, Err(CommitError::KeyUsed(Box::new(record(Answer::Running)))));

    let mut foreign = subject.draft().key("k", Step::Finish, body("{}")).commit();
    if let Some(write) = foreign.idempotency.as_mut() {
        write.fingerprint = [9; 32];
    }
    assert_eq!(subject.commit(foreign).await, Err(CommitError::KeyUsed(Box::new(record(Answer::Running)))));
    let unknown = subject.draft().key("never", Step::Finish, body("{}"));
    assert!(matches!(subject.commit(unknown.commit()).await, Err(CommitError::Invalid(_))));

    let mut doc = subject.doc(Kind::Customer, json!({"name": "Ada"}));
    // However large it is.
    let declined = body(&"declined".repeat(20_000));
    let draft = subject.draft().create(&mut doc, None).key("k", Step::Finish, declined.clone());
    assert_eq!(subject.written(draft).await, FIRST_POSITION);
    let found = subject.ledger.idempotency(subject.tenant, &build::identity("k")).await.unwrap();
    assert_eq!(found, Some(record(declined.clone())));

    // What a caller may have been given stays.
    let other = subject.draft().key("k", Step::Finish, body("paid"));
    assert_eq!(subject.commit(other.commit()).await, Err(CommitError::KeyUsed(Box::new(record(declined)))));
}

pub async fn only_one_of_many_requests_gets_a_key(mut subject: Subject) {
    let mut tasks = Vec::new();
    for number in 0..30 {
        let mut doc = subject.doc(Kind::Charge, json!({"number": number}));
        let answer = Answer::Object { status: 200, id: doc.id, version: 1 };
        let draft = subject.draft().create(&mut doc, Some("charge.created")).key("same", Step::Begin, answer);
        let (ledger, tenant) = (subject.ledger.clone(), subject.tenant);
        tasks.push(tokio::spawn(async move { (doc.id, ledger.commit(tenant, draft.commit()).await) }));
    }
    let mut written = Vec::new();
    let mut recorded = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            (id, Ok(_)) => written.push(id),
            (_, Err(CommitError::KeyUsed(record))) => recorded.push(record.answer),
            (_, Err(error)) => panic!("{error}"),
        }
    }
    assert_eq!(written.len(), 1);
    let expected = Answer::Object { status: 200, id: written[0], version: 1 };
    assert!(recorded.iter().all(|answer| *answer == expected), "all get the record of the one that was written");
}

pub async fn old_keys_are_forgotten(subject: Subject) {
    let first = subject.now();
    subject.written(subject.draft().key("old", Step::Begin, body("one"))).await;
    subject.written(subject.draft().key("running", Step::Begin, Answer::Running)).await;
    subject.clock.advance(IDEMPOTENCY_LIFETIME);
    let used = subject.commit(subject.draft().key("old", Step::Begin, body("two")).commit()).await;
    assert!(matches!(used, Err(CommitError::KeyUsed(_))), "it is just 30 days old");
    let now = subject.clock.advance(Duration::from_millis(1));
    assert_eq!(subject.ledger.idempotency(subject.tenant, &build::identity("old")).await.unwrap(), None);
    subject.written(subject.draft().key("old", Step::Begin, body("two"))).await;
    let record = subject.ledger.idempotency(subject.tenant, &build::identity("old")).await.unwrap().unwrap();
    assert_eq!((record.created, record.answer), (now, body("two")));

    subject.written(subject.draft().key("young", Step::Begin, body("three"))).await;
    let forget = async |before| while subject.ledger.forget_idempotency(before).await.unwrap() {};
    let known = async |key| subject.ledger.idempotency(subject.tenant, &build::identity(key)).await.unwrap().is_some();
    forget(now).await;
    forget(first).await;
    assert!(known("old").await && known("young").await);
    let later = subject.clock.advance(Duration::from_millis(1));
    forget(later).await;
    assert!(!known("old").await && !known("young").await);

    // Of a request that is not answered it is not known what it has done.
    assert!(known("running").await);
    let again = subject.draft().key("running", Step::Begin, Answer::Running);
    assert!(matches!(subject.commit(again.commit()).await, Err(CommitError::KeyUsed(_))));
    subject.written(subject.draft().key("running", Step::Finish, body("done"))).await;
    assert!(!known("running").await, "it is answered, and old");
    forget(later).await;
    subject.written(subject.draft().key("running", Step::Begin, body("new"))).await;
    assert_eq!(subject.clock.now(), later);
}
