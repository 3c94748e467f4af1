//! The log, its events, and states folded from it.

use crate::subject::Subject;
use contracts::ledger::{EventQuery, Paging};
use domain::commit::{Index, Request};
use serde_json::{Value, json};
use types::{Kind, ObjectId};

fn all() -> EventQuery {
    EventQuery::all(Paging::newest(100))
}

async fn positions(subject: &Subject, query: &EventQuery) -> (Vec<i64>, bool) {
    let page = subject.ledger.events(subject.tenant, query).await.unwrap();
    (page.items.iter().map(|entry| entry.position).collect(), page.has_more)
}

pub async fn events_page_both_ways(mut subject: Subject) {
    for number in 1..=10 {
        let mut doc = subject.doc(Kind::Charge, json!({"number": number}));
        // Every third change has no public type.
        let event = if number % 3 == 0 { None } else { Some("charge.created") };
        subject.written(subject.draft().create(&mut doc, event)).await;
    }
    let paged = |limit, starting_after, ending_before| EventQuery {
        paging: Paging { limit, starting_after, ending_before },
        ..all()
    };
    assert_eq!(positions(&subject, &all()).await, (vec![10, 8, 7, 5, 4, 2, 1], false));
    assert_eq!(positions(&subject, &paged(3, None, None)).await, (vec![10, 8, 7], true));
    assert_eq!(positions(&subject, &paged(3, Some(7), None)).await, (vec![5, 4, 2], true));
    assert_eq!(positions(&subject, &paged(3, Some(4), None)).await, (vec![2, 1], false));
    assert_eq!(positions(&subject, &paged(3, None, Some(2))).await, (vec![7, 5, 4], true));
    assert_eq!(positions(&subject, &paged(3, None, Some(5))).await, (vec![10, 8, 7], false));
}

pub async fn the_time_of_the_log_never_runs_backwards(mut subject: Subject) {
    let began = subject.now();
    let later = subject.tick();
    for time in [began, later, began] {
        subject.clock.set(time);
        let mut doc = subject.doc(Kind::Charge, json!({}));
        subject.written(subject.draft().create(&mut doc, Some("charge.created"))).await;
    }
    let page = subject.ledger.events(subject.tenant, &all()).await.unwrap();
    assert_eq!(page.items.iter().map(|entry| entry.created).collect::<Vec<_>>(), [later, later, began]);
    let until = EventQuery { created_until: Some(began), ..all() };
    assert_eq!(positions(&subject, &until).await, (vec![1], false));
    let from = EventQuery { created_from: Some(later), ..all() };
    assert_eq!(positions(&subject, &from).await, (vec![3, 2], false));
}

pub async fn events_are_filtered_by_type_time_and_object(mut subject: Subject) {
    let began = subject.now();
    let mut charge = subject.doc(Kind::Charge, json!({}));
    let mut customer = subject.doc(Kind::Customer, json!({}));
    subject.written(subject.draft().create(&mut charge, Some("charge.pending"))).await;
    let second = subject.tick();
    subject.written(subject.draft().create(&mut customer, Some("customer.created"))).await;
    subject.tick();
    subject.written(subject.draft().update(&mut charge, Some("charge.succeeded"), json!({"paid": true}))).await;
    subject.written(subject.draft().update(&mut charge, None, json!({"fee": 1}))).await;
    subject.tick();
    subject.written(subject.draft().update(&mut charge, Some("charge.refund.updated"), json!({"a": 1}))).await;

    let of_types =
        |types: &[&str]| EventQuery { types: types.iter().map(|name| (*name).to_owned()).collect(), ..all() };
    let expect = async |query: EventQuery, expected: &[i64]| {
        assert_eq!(positions(&subject, &query).await, (expected.to_vec(), false), "{query:?}");
    };
    expect(of_types(&["charge.succeeded"]), &[3]).await;
    expect(of_types(&["charge.*"]), &[5, 3, 1]).await;
    expect(of_types(&["charge.refund.*", "customer.created"]), &[5, 2]).await;
    expect(of_types(&["*"]), &[5, 3, 2, 1]).await;
    expect(of_types(&["charge"]), &[]).await;
    expect(of_types(&["charge%"]), &[]).await;
    expect(EventQuery { created_from: Some(second), ..all() }, &[5, 3, 2]).await;
    expect(EventQuery { created_until: Some(second), ..all() }, &[2, 1]).await;
    expect(EventQuery { created_from: Some(second), created_until: Some(second), ..all() }, &[2]).await;
    expect(EventQuery { created_until: Some(began), ..of_types(&["customer.*"]) }, &[]).await;
    expect(EventQuery { object: Some(charge.id), ..all() }, &[5, 3, 1]).await;
    let namesake = ObjectId::from_value(Kind::Refund, charge.id.value);
    expect(EventQuery { object: Some(namesake), ..all() }, &[]).await;
    let mut paged = EventQuery { object: Some(charge.id), ..all() };
    paged.paging = Paging { limit: 1, starting_after: None, ending_before: Some(1) };
    assert_eq!(positions(&subject, &paged).await, (vec![3], true));
}

pub async fn the_log_names_the_request(mut subject: Subject) {
    let mut doc = subject.doc(Kind::Customer, json!({"name": "Ada"}));
    let mut commit = subject.draft().create(&mut doc, Some("customer.created")).commit();
    commit.request = Some(Request { id: "req_1".to_owned(), idempotency_key: Some("key".to_owned()) });
    subject.commit(commit).await.unwrap();
    let created = subject.now();
    subject.tick();
    subject.written(subject.draft().update(&mut doc, None, json!({"name": null}))).await;
    let entry = subject.ledger.log_entry(subject.tenant, 1).await.unwrap().unwrap();
    assert_eq!((entry.position, entry.created, entry.object, entry.version), (1, created, doc.id, 1));
    assert_eq!(entry.event_type.as_deref(), Some("customer.created"));
    assert_eq!((entry.request_id.as_deref(), entry.idempotency_key.as_deref()), (Some("req_1"), Some("key")));
    assert_eq!((&*entry.state, entry.before), (r#"{"name":"Ada"}"#, None));
    let entry = subject.ledger.log_entry(subject.tenant, 2).await.unwrap().unwrap();
    assert_eq!((entry.event_type, entry.request_id, entry.idempotency_key), (None, None, None));
    assert_eq!((&*entry.state, entry.before.as_deref()), ("{}", Some(r#"{"name":"Ada"}"#)));
}

/// Several versions in one commit, some of them with a public type; then a second such commit.
pub async fn entries_have_the_states_before_and_after(mut subject: Subject) {
    let mut doc = subject.doc(Kind::Customer, json!({"a": 1}));
    let draft = subject.draft().create(&mut doc, Some("customer.created"));
    let draft = draft.update(&mut doc, None, json!({"a": 2}));
    subject.written(draft.update(&mut doc, Some("customer.updated"), json!({"b": 3}))).await;
    let draft = subject.draft().update(&mut doc, None, json!({"a": 4}));
    subject.written(draft.update(&mut doc, Some("customer.deleted"), json!({"a": null, "c": 5}))).await;
    let page = subject.ledger.events(subject.tenant, &all()).await.unwrap();
    let states: Vec<_> =
        page.items.iter().map(|entry| (entry.version, entry.before.as_deref(), &*entry.state)).collect();
    assert_eq!(
        states,
        [
            (5, Some(r#"{"a":4,"b":3}"#), r#"{"b":3,"c":5}"#),
            (3, Some(r#"{"a":2}"#), r#"{"a":2,"b":3}"#),
            (1, None, r#"{"a":1}"#),
        ]
    );
    let entry = subject.ledger.log_entry(subject.tenant, 4).await.unwrap().unwrap();
    assert_eq!((entry.before.as_deref(), &*entry.state), (Some(r#"{"a":2,"b":3}"#), r#"{"a":4,"b":3}"#));
}

pub async fn past_states_are_folded(mut subject: Subject) {
    let mut doc = subject.doc(Kind::PaymentIntent, json!({"status": "new", "metadata": {"a": "1"}}));
    let mut other = subject.doc(Kind::Customer, json!({"name": "Ada"}));
    doc.index.status = Some("new".to_owned());
    subject.written(subject.draft().create(&mut doc, None).create(&mut other, None)).await;
    subject.written(subject.draft().update(&mut doc, None, json!({"status": "paid", "amount": 9}))).await;
    subject.written(subject.draft().update(&mut doc, None, json!({"metadata": {"a": null, "b": "2"}}))).await;
    let missing = ObjectId::from_value(Kind::Charge, doc.id.value);
    let at =
        [(doc.id, 3), (doc.id, 1), (other.id, 1), (doc.id, 2), (doc.id, 4), (doc.id, 0), (missing, 1), (doc.id, -1)];
    let states = subject.ledger.objects_at(subject.tenant, &at).await.unwrap();
    let shown: Vec<Option<Value>> = states
        .iter()
        .map(|stored| stored.as_ref().map(|stored| serde_json::from_str(&stored.state).unwrap()))
        .collect();
    assert_eq!(
        shown,
        [
            Some(json!({"status": "paid", "metadata": {"b": "2"}, "amount": 9})),
            Some(json!({"status": "new", "metadata": {"a": "1"}})),
            Some(json!({"name": "Ada"})),
            Some(json!({"status": "paid", "metadata": {"a": "1"}, "amount": 9})),
            None,
            None,
            None,
            None,
        ]
    );
    let third = states[0].as_ref().unwrap();
    assert_eq!((third.id, third.version, &third.index), (doc.id, 3, &Index::default()));
    assert_eq!(subject.ledger.objects_at(subject.tenant, &[]).await.unwrap(), []);
}
