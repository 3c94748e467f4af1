//! Every shape of query that lists and events can make.

use super::books::Books;
use contracts::ledger::{EventQuery, FieldFilter, ListQuery, Operator, Paging};
use std::time::Duration;
use types::{Kind, Timestamp};

/// All combinations of one choice for each attribute: `of` says how many choices the attribute has that comes next.
fn combinations(of: &[usize]) -> Vec<Vec<usize>> {
    of.iter().fold(vec![Vec::new()], |chosen, choices| {
        let longer = |one: Vec<usize>| (0..*choices).map(move |choice| [one.as_slice(), &[choice]].concat());
        chosen.into_iter().flat_map(longer).collect()
    })
}

/// Bounds on the time of creation: none, both, and what nothing fulfils.
fn periods(books: &Books) -> [(Option<Timestamp>, Option<Timestamp>); 3] {
    let (early, late) = (books.began.plus(Duration::from_secs(9)), books.began.plus(Duration::from_secs(30)));
    let never = books.ended.plus(Duration::from_secs(400 * 86_400));
    [(None, None), (Some(early), Some(late)), (Some(never), None)]
}

pub fn events(books: &Books) -> Vec<EventQuery> {
    let types: [&[&str]; 9] = [
        &[],
        &["charge.succeeded"],
        &["charge.failed"],
        &["charge.lost"],
        &["charge.failed", "charge.succeeded", "refund.created"],
        &["charge.*"],
        &["refund.*", "charge.updated"],
        &["payout.*"],
        &["*"],
    ];
    let objects = [None, Some(books.changed), Some(books.intents[0])];
    let cursors = [(None, None), (Some(60), None), (None, Some(40)), (None, Some(1)), (Some(1), None)];
    let periods = periods(books);
    let shapes = combinations(&[types.len(), objects.len(), cursors.len(), periods.len()]);
    let query = |choice: &Vec<usize>| EventQuery {
        types: types[choice[0]].iter().map(|name| (*name).to_owned()).collect(),
        object: objects[choice[1]],
        paging: Paging { limit: 100, starting_after: cursors[choice[2]].0, ending_before: cursors[choice[2]].1 },
        created_from: periods[choice[3]].0,
        created_until: periods[choice[3]].1,
    };
    shapes.iter().map(query).collect()
}

pub fn lists(books: &Books) -> Vec<ListQuery> {
    let order = FieldFilter::equal(&["metadata", "order"], "order 11").indexed();
    let plan = FieldFilter::equal(&["metadata", "plan"], "common").indexed();
    let other = |path: &[&str], operator, value: &str| FieldFilter { operator, ..FieldFilter::equal(path, value) };
    let note = other(&["note"], Operator::Contains, "ORDER 1");
    let fields: [(Vec<FieldFilter>, bool); 10] = [
        (vec![], false),
        (vec![order.clone()], false),
        (vec![plan.clone()], false),
        (vec![FieldFilter::equal(&["metadata", "order"], "order none").indexed()], false),
        (vec![plan.clone(), order.clone()], false),
        (vec![plan.clone(), note.clone()], false),
        (vec![order.clone(), note.clone()], true),
        (vec![FieldFilter { negated: true, ..plan }], false),
        (vec![other(&["amount"], Operator::GreaterOrEqual, "48")], false),
        (vec![other(&["nothing"], Operator::Exists, "")], false),
    ];
    let customers = [None, Some(books.customer)];
    let parents: [&[_]; 3] = [&[], &books.intents[..1], &books.intents[1..4]];
    let statuses = [None, Some("succeeded"), Some("failed")];
    let cursors = [(None, None), (Some(30), None), (None, Some(20))];
    let periods = periods(books);
    let shapes =
        combinations(&[fields.len(), customers.len(), parents.len(), statuses.len(), cursors.len(), periods.len()]);
    let query = |choice: &Vec<usize>| ListQuery {
        kind: Kind::Charge,
        fields: fields[choice[0]].0.clone(),
        any_field: fields[choice[0]].1,
        bytes_max: usize::MAX,
        customer: customers[choice[1]],
        parents: parents[choice[2]].to_vec(),
        status: statuses[choice[3]].map(str::to_owned),
        paging: Paging {
            limit: 10,
            starting_after: cursors[choice[4]].0.map(|at: usize| books.charges[at]),
            ending_before: cursors[choice[4]].1.map(|at: usize| books.charges[at]),
        },
        created_from: periods[choice[5]].0,
        created_until: periods[choice[5]].1,
    };
    shapes.iter().map(query).collect()
}

/// Whether a tenant with many rows finds the page without looking through them: what is asked for is in an index, or
/// most objects fulfil it.
pub fn is_indexed(query: &ListQuery) -> bool {
    let common = |field: &FieldFilter| field.indexed && !field.negated;
    query.fields.iter().all(common) && !query.any_field && query.status.as_deref() != Some("failed")
}
