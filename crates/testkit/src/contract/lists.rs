//! Lists, searches, due objects.

use crate::build::Doc;
use crate::subject::Subject;
use contracts::ledger::{FieldFilter, LedgerError, ListQuery, Operator, Page, Paging, Stored};
use domain::commit::{Index, term};
use serde_json::{Value, json};
use std::time::Duration;
use types::{Kind, ObjectId, Timestamp};

fn first(limit: u32) -> Paging<ObjectId> {
    Paging::newest(limit)
}

fn all_of(kind: Kind) -> ListQuery {
    ListQuery::all(kind, first(100))
}

async fn list(subject: &Subject, query: &ListQuery) -> Page<Stored> {
    subject.ledger.list(subject.tenant, query).await.unwrap()
}

/// The attribute `number` of each object on a page, and whether there are more.
async fn numbers(subject: &Subject, query: &ListQuery) -> (Vec<i64>, bool) {
    let page = list(subject, query).await;
    let number = |stored: &Stored| {
        serde_json::from_str::<Value>(&stored.state).unwrap().get("number").and_then(Value::as_i64).unwrap()
    };
    (page.items.iter().map(number).collect(), page.has_more)
}

/// Writes objects numbered from 1, a second apart.
async fn write(subject: &mut Subject, kind: Kind, states: Vec<(Index, Value)>) -> Vec<Doc> {
    let mut docs = Vec::new();
    for (number, (index, mut state)) in (1..).zip(states) {
        state["number"] = json!(number);
        let mut doc = subject.doc(kind, state);
        doc.index = index;
        subject.written(subject.draft().create(&mut doc, None)).await;
        subject.tick();
        docs.push(doc);
    }
    docs
}

pub async fn lists_page_both_ways(mut subject: Subject) {
    let docs = write(&mut subject, Kind::Charge, vec![(Index::default(), json!({})); 10]).await;
    subject.customer().await;
    let id = |number: usize| docs[number - 1].id;
    let paged = |limit, starting_after, ending_before| ListQuery {
        paging: Paging { limit, starting_after, ending_before },
        ..all_of(Kind::Charge)
    };
    assert_eq!(numbers(&subject, &paged(3, None, None)).await, (vec![10, 9, 8], true));
    assert_eq!(numbers(&subject, &paged(3, Some(id(8)), None)).await, (vec![7, 6, 5], true));
    assert_eq!(numbers(&subject, &paged(3, Some(id(4)), None)).await, (vec![3, 2, 1], false));
    assert_eq!(numbers(&subject, &paged(3, Some(id(1)), None)).await, (vec![], false));
    assert_eq!(numbers(&subject, &paged(3, None, Some(id(1)))).await, (vec![4, 3, 2], true));
    assert_eq!(numbers(&subject, &paged(3, None, Some(id(7)))).await, (vec![10, 9, 8], false));
    assert_eq!(numbers(&subject, &paged(3, None, Some(id(10)))).await, (vec![], false));
    assert_eq!(numbers(&subject, &paged(10, None, None)).await, ((1..=10).rev().collect(), false));
    let window = numbers(&subject, &paged(2, Some(id(8)), Some(id(3)))).await;
    assert_eq!(window, (vec![5, 4], true), "between two cursors, from the older one");
    assert_eq!(list(&subject, &all_of(Kind::Refund)).await.items, []);
}

pub async fn reads_keep_no_more_bytes_than_asked_for(mut subject: Subject) {
    let large = json!({"name": "x".repeat(100_000)});
    let docs = write(&mut subject, Kind::Charge, vec![(Index::default(), large); 3]).await;
    let ids: Vec<ObjectId> = docs.iter().map(|doc| doc.id).collect();
    // How an object is stored takes some bytes beside its state.
    for (count, bytes_max, fits) in [(3, 310_000, true), (3, 290_000, false), (1, 110_000, true), (1, 90_000, false)] {
        let expected = if fits { Ok(count) } else { Err(LedgerError::TooLarge) };
        let ids = &ids[3 - count..];
        let found = subject.ledger.objects_within(subject.tenant, ids, bytes_max).await;
        assert_eq!(found.map(|found| found.len()), expected);
        let paging = Paging { limit: 3, starting_after: None, ending_before: (count == 1).then_some(docs[1].id) };
        let query = ListQuery { bytes_max, ..ListQuery::all(Kind::Charge, paging) };
        let page = subject.ledger.list(subject.tenant, &query).await;
        assert_eq!(page.map(|page| page.items.len()), expected);
    }
}

pub async fn lists_are_filtered_by_index(mut subject: Subject) {
    let (ada, bo) = (subject.customer().await.id, subject.customer().await.id);
    let (intent, other) = (subject.doc(Kind::PaymentIntent, json!({})).id, subject.doc(Kind::Charge, json!({})).id);
    let index = |customer, parent, status: &str| Index {
        customer: Some(customer),
        parent,
        status: Some(status.to_owned()),
        ..Index::default()
    };
    // An id of another kind with the same value is another id.
    let namesake = ObjectId::from_value(Kind::SetupIntent, intent.value);
    let states = vec![
        (index(ada, Some(intent), "paid"), json!({})),
        (index(ada, Some(other), "open"), json!({})),
        (index(bo, Some(intent), "open"), json!({})),
        (index(bo, Some(namesake), "paid"), json!({})),
        (Index::default(), json!({})),
    ];
    let began = subject.now();
    let docs = write(&mut subject, Kind::Charge, states).await;
    let of = |change: &dyn Fn(&mut ListQuery)| {
        let mut query = all_of(Kind::Charge);
        change(&mut query);
        query
    };
    let expect = async |query: ListQuery, expected: &[i64]| {
        assert_eq!(numbers(&subject, &query).await, (expected.to_vec(), false), "{query:?}");
    };
    expect(of(&|query| query.customer = Some(ada)), &[2, 1]).await;
    expect(of(&|query| query.parents = vec![intent]), &[3, 1]).await;
    expect(of(&|query| query.parents = vec![intent, other]), &[3, 2, 1]).await;
    expect(of(&|query| query.parents = vec![namesake, other]), &[4, 2]).await;
    expect(of(&|query| query.status = Some("open".to_owned())), &[3, 2]).await;
    expect(of(&|query| query.status = Some("nul\0".to_owned())), &[]).await;
    expect(
        of(&|query| {
            query.customer = Some(bo);
            query.status = Some("paid".to_owned());
        }),
        &[4],
    )
    .await;
    let second = |number| Some(began.plus(Duration::from_secs(number)));
    expect(of(&|query| query.created_from = second(3)), &[5, 4]).await;
    expect(of(&|query| query.created_until = second(1)), &[2, 1]).await;
    expect(
        of(&|query| {
            query.created_from = second(1);
            query.created_until = second(1);
        }),
        &[2],
    )
    .await;
    expect(of(&|query| query.created_from = Some(Timestamp::from_millis(-1))), &[5, 4, 3, 2, 1]).await;
    expect(of(&|query| query.created_from = Some(Timestamp::from_millis(i64::MAX))), &[]).await;
    expect(of(&|query| query.created_until = Some(Timestamp::from_millis(i64::MAX))), &[5, 4, 3, 2, 1]).await;

    let stored = subject.object(docs[0].id).await.unwrap();
    assert_eq!(stored.index, docs[0].index);
    let mut moved = docs[0].clone();
    moved.index = index(bo, Some(intent), "gone");
    subject.written(subject.draft().update(&mut moved, None, json!({}))).await;
    let query = of(&|query| query.customer = Some(bo));
    assert_eq!(numbers(&subject, &query).await.0, [4, 3, 1], "a list follows the index");
}

pub async fn searches_compare_attributes(mut subject: Subject) {
    let states = [
        json!({"metadata": {"order": "A-1", "size": "12"}, "amount": 500, "paid": true}),
        json!({"metadata": {"order": "a-10"}, "amount": 1500, "note": "50% _off_"}),
        json!({"metadata": {"order": "B-2", "size": "nine"}, "amount": 500, "tags": ["red", "blue"]}),
        json!({"amount": -3, "metadata": {"drop": "'; DELETE FROM x; --"}}),
    ];
    write(&mut subject, Kind::Charge, states.into_iter().map(|state| (Index::default(), state)).collect()).await;
    let filter = |path: &[&str], operator, value: &str, negated| FieldFilter {
        path: path.iter().map(|key| (*key).to_owned()).collect(),
        operator,
        value: value.to_owned(),
        negated,
        indexed: false,
    };
    use Operator::*;
    let order: &[&str] = &["metadata", "order"];
    let size: &[&str] = &["metadata", "size"];
    let amount: &[&str] = &["amount"];
    let cases: Vec<(&[&str], Operator, &str, Vec<i64>)> = vec![
        (order, Equal, "A-1", vec![1]),
        (order, Equal, "a-1", vec![]),
        (order, Contains, "A-1", vec![2, 1]),
        (order, Contains, "%", vec![]),
        (&["note"], Contains, "0% _", vec![2]),
        (order, Exists, "", vec![3, 2, 1]),
        (&["metadata"], Exists, "", vec![4, 3, 2, 1]),
        (&["nothing"], Exists, "", vec![]),
        (amount, Equal, "500", vec![3, 1]),
        (amount, Greater, "500", vec![2]),
        (amount, GreaterOrEqual, "500", vec![3, 2, 1]),
        (amount, GreaterOrEqual, "499.5", vec![3, 2, 1]),
        (amount, Less, "0", vec![4]),
        (amount, LessOrEqual, "-3", vec![4]),
        (amount, Greater, "much", vec![]),
        (amount, Greater, "1e1", vec![]),
        (size, Greater, "9", vec![1]),
        (&["paid"], Equal, "true", vec![1]),
        (&["tags", "1"], Equal, "blue", vec![3]),
        (&["metadata", "drop"], Equal, "'; DELETE FROM x; --", vec![4]),
        (&["metadata", "'; DELETE FROM x; --"], Exists, "", vec![]),
        (order, Equal, "nul\0", vec![]),
        (&["nul\0"], Exists, "", vec![]),
    ];
    for (path, operator, value, expected) in cases {
        let mut query = all_of(Kind::Charge);
        query.fields = vec![filter(path, operator, value, false)];
        assert_eq!(numbers(&subject, &query).await, (expected.clone(), false), "{query:?}");
        query.fields[0].negated = true;
        let others: Vec<i64> = (1..=4).rev().filter(|number| !expected.contains(number)).collect();
        assert_eq!(numbers(&subject, &query).await, (others, false), "{query:?}");
    }
    let mut query = all_of(Kind::Charge);
    query.fields = vec![filter(amount, Equal, "500", false), filter(order, Contains, "b", true)];
    assert_eq!(numbers(&subject, &query).await.0, [1], "all of them");
    query.any_field = true;
    query.fields = vec![filter(amount, Less, "0", false), filter(order, Contains, "b", false)];
    assert_eq!(numbers(&subject, &query).await.0, [4, 3], "any of them");
    query.paging.limit = 1;
    assert_eq!(numbers(&subject, &query).await, (vec![4], true));
}

pub async fn indexed_attributes_are_found_by_their_terms(mut subject: Subject) {
    let index = |order: &str| Index { terms: vec![term(["metadata", "order"], order)], ..Index::default() };
    let state = |order: &str| json!({"metadata": {"order": order}, "amount": 5});
    let rows = ["A-1", "A-2", "A-1", "it's \"quoted\", {braced}"].map(|order| (index(order), state(order)));
    let docs = write(&mut subject, Kind::PaymentIntent, rows.to_vec()).await;
    assert_eq!(subject.object(docs[0].id).await.unwrap().index, docs[0].index);
    let search = |order: &str, amount: &str, any_field| {
        let filter = |path: &[&str], value: &str, indexed| FieldFilter {
            path: path.iter().map(|key| (*key).to_owned()).collect(),
            operator: Operator::Equal,
            value: value.to_owned(),
            negated: false,
            indexed,
        };
        let fields = vec![filter(&["metadata", "order"], order, true), filter(&["amount"], amount, false)];
        ListQuery { fields, any_field, ..all_of(Kind::PaymentIntent) }
    };
    assert_eq!(numbers(&subject, &search("A-1", "5", false)).await.0, [3, 1]);
    assert_eq!(numbers(&subject, &search("A-2", "6", true)).await.0, [2]);
    assert_eq!(numbers(&subject, &search("A-2", "5", true)).await.0, [4, 3, 2, 1]);
    assert_eq!(numbers(&subject, &search("it's \"quoted\", {braced}", "5", false)).await.0, [4]);
    assert_eq!(numbers(&subject, &search("A-3", "5", false)).await, (vec![], false));
    let mut moved = docs[0].clone();
    moved.index = index("A-3");
    let change = json!({"metadata": {"order": "A-3"}});
    subject.written(subject.draft().update(&mut moved, None, change)).await;
    assert_eq!(numbers(&subject, &search("A-1", "5", false)).await.0, [3], "a search follows the index");
    assert_eq!(numbers(&subject, &search("A-3", "5", false)).await.0, [1]);
}

pub async fn due_objects_come_in_order(mut subject: Subject) {
    let now = subject.now();
    let after = |seconds| Some(now.plus(Duration::from_secs(seconds)));
    let index = |due| Index { due, ..Index::default() };
    let docs = write(
        &mut subject,
        Kind::Attempt,
        vec![
            (index(after(30)), json!({})),
            (index(after(10)), json!({})),
            (index(None), json!({})),
            (index(after(20)), json!({})),
        ],
    )
    .await;
    let due = async |seconds, limit| -> Vec<ObjectId> {
        let at = now.plus(Duration::from_secs(seconds));
        let due = subject.ledger.due(now..=at, None, limit).await.unwrap();
        assert!(due.iter().all(|due| due.tenant == subject.tenant));
        due.iter().map(|due| due.stored.id).collect()
    };
    assert!(due(9, 10).await.is_empty());
    assert_eq!(due(10, 10).await, [docs[1].id]);
    assert_eq!(due(60, 10).await, [docs[1].id, docs[3].id, docs[0].id]);
    assert_eq!(due(60, 2).await, [docs[1].id, docs[3].id]);
    let at = now.plus(Duration::from_secs(60));
    let first = subject.ledger.due(now..=at, None, 1).await.unwrap();
    let others = subject.ledger.due(now..=at, first.last(), 10).await.unwrap();
    assert_eq!(others.iter().map(|due| due.stored.id).collect::<Vec<_>>(), [docs[3].id, docs[0].id]);
    let late = subject.ledger.due(now.plus(Duration::from_millis(10_001))..=at, None, 10).await.unwrap();
    assert_eq!(late.iter().map(|due| due.stored.id).collect::<Vec<_>>(), [docs[3].id, docs[0].id]);
    let mut done = docs[1].clone();
    done.index.due = None;
    subject.written(subject.draft().update(&mut done, None, json!({}))).await;
    assert_eq!(due(60, 10).await, [docs[3].id, docs[0].id]);
}
