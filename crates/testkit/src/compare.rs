//! Two ledgers are given the same random commits and questions, and must give the same answers.

use crate::build::{self, Doc, Draft};
use crate::contract::Subject;
use contracts::ledger::{
    CommitError, Committed, EventQuery, FieldFilter, ListQuery, LogEntry, Operator, Page, Paging, Stored,
};
use domain::account::{Account, Rule};
use domain::commit::{Action, Answer, Commit, Step, term};
use domain::patch;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;
use types::{Entropy, Kind, ObjectId, SeededEntropy, Timestamp};
use uuid::Uuid;

/// Gives both ledgers `rounds` batches of commits, the same for the same seed, and compares all answers on the way.
/// Says how many commits went through.
pub async fn same_answers(seed: u64, rounds: u32, one: &Subject, other: &Subject) -> usize {
    let mut world = World::new(seed, one.clock.as_ref());
    let mut accepted = 0;
    for subject in [one, other] {
        // Whoever is asked for the first time may have to look things up, and commits would overtake each other.
        subject.ledger.balances(subject.tenant, "").await.unwrap();
    }
    for round in 0..rounds {
        let now = one.clock.advance(Duration::from_millis(world.below(3) * 700));
        other.clock.set(now);
        let size = 1 + world.below(12);
        let batch: Vec<Commit> = (0..size).map(|_| world.commit(now)).collect();
        let answers = answers(one, &batch).await;
        let theirs = self::answers(other, &batch).await;
        for ((commit, answer), their) in batch.iter().zip(&answers).zip(&theirs) {
            assert_eq!(answer, their, "seed {seed}, round {round}, of {commit:#?}");
        }
        accepted += answers.iter().filter(|answer| answer.is_ok()).count();
        world.learn(one).await;
        compare_reads(&mut world, one, other, &format!("seed {seed}, round {round}")).await;
    }
    accepted
}

/// All of a batch at once, in its order.
async fn answers(subject: &Subject, batch: &[Commit]) -> Vec<Result<Committed, CommitError>> {
    let commits = batch.iter().map(|commit| subject.ledger.commit(subject.tenant, commit.clone()));
    join_all(commits).await.into_iter().map(|answer| answer.map_err(without_words)).collect()
}

/// What people are told may be put differently.
fn without_words(error: CommitError) -> CommitError {
    match error {
        CommitError::Invalid(_) => CommitError::Invalid(String::new()),
        CommitError::Hold(_) => CommitError::Hold(String::new()),
        other => other,
    }
}

const KINDS: [Kind; 3] = [Kind::Customer, Kind::PaymentIntent, Kind::Charge];
/// The attribute that can be found by its terms.
const WORD: [&str; 2] = ["metadata", "word"];
const STATUSES: [&str; 3] = ["new", "open", "done"];
const EVENTS: [Option<&str>; 4] = [None, Some("a.created"), Some("a.b.updated"), Some("b.created")];
const KEYS: [&str; 5] = ["k1", "k2", "k3", "k4", "k5"];

/// What commits are made of: few things, so that they meet often.
struct World {
    entropy: SeededEntropy,
    docs: Vec<Doc>,
    accounts: Vec<Account>,
    holds: Vec<(Uuid, Account, Account)>,
    began: Timestamp,
}

impl World {
    fn new(seed: u64, clock: &dyn types::Clock) -> Self {
        let mut entropy = SeededEntropy::new(seed);
        let began = clock.now();
        let docs = (0u64..12)
            .map(|number| {
                let created = began.plus(Duration::from_millis(number / 2 * 500));
                let kind = KINDS[number as usize % KINDS.len()];
                Doc::new(kind, created, &mut entropy, json!({"number": number}))
            })
            .collect();
        let accounts = vec![
            build::open_account("assets/bank"),
            build::account("assets/till", Rule::DebitsCoverCredits),
            build::account("liabilities/purse", Rule::CreditsCoverDebits),
            build::account("liabilities/purse/other", Rule::CreditsCoverDebits),
            build::open_account("income/fees"),
        ];
        World { entropy, docs, accounts, holds: Vec::new(), began }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.entropy.next_u64() % limit
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let at = self.below(from.len() as u64) as usize;
        from[at].clone()
    }

    /// Versions as they are by now.
    async fn learn(&mut self, subject: &Subject) {
        let ids: Vec<ObjectId> = self.docs.iter().map(|doc| doc.id).collect();
        let found = subject.ledger.objects(subject.tenant, &ids).await.unwrap();
        for (doc, stored) in self.docs.iter_mut().zip(found) {
            let Some(stored) = stored else {
                doc.version = 0;
                continue;
            };
            doc.version = stored.version;
            doc.index = stored.index;
            doc.state = serde_json::from_str(&stored.state).unwrap();
        }
    }

    fn commit(&mut self, now: Timestamp) -> Commit {
        let mut draft = Draft::at(now);
        if !self.one_in(12) {
            for _ in 0..1 + self.below(2) {
                draft = self.write(draft, now);
            }
            for _ in 0..self.below(3) {
                draft = draft.transfer(self.transfer(now));
            }
        }
        if self.one_in(6) {
            let key = self.pick(&KEYS);
            let step = self.pick(&[Step::Begin, Step::Finish]);
            let object = self.docs[0].id;
            let answers = [
                Answer::Running,
                Answer::Object { status: 200, id: object, version: 1 },
                Answer::Body { status: 402, body: "declined".to_owned() },
            ];
            let answer = self.pick(&answers);
            draft = draft.key(key, step, answer);
            if let (true, Some(write)) = (self.one_in(5), draft.0.idempotency.as_mut()) {
                write.fingerprint = [1; 32];
            }
        }
        draft.commit()
    }

    /// Creates or changes a document. What the world remembers moves on even if the commit is refused later, so that
    /// some commits of a batch build on others and some are stale.
    fn write(&mut self, draft: Draft, now: Timestamp) -> Draft {
        let at = self.below(self.docs.len() as u64) as usize;
        if draft.0.objects.iter().any(|write| write.id == self.docs[at].id) && self.one_in(2) {
            return draft;
        }
        let mut doc = self.docs[at].clone();
        if self.one_in(2) {
            let due = now.plus(Duration::from_secs(self.below(100)));
            doc.index.due = if self.one_in(2) { Some(due) } else { None };
            doc.index.status = Some(self.pick(&STATUSES).to_owned());
            let ids: Vec<ObjectId> = self.docs.iter().map(|doc| doc.id).collect();
            doc.index.customer = Some(self.pick(&ids)).filter(|id| id.kind == Kind::Customer);
            doc.index.parent = if self.one_in(2) { Some(self.pick(&ids)) } else { None };
        }
        if self.one_in(30) {
            doc.version = i32::try_from(self.below(4)).unwrap();
        }
        let event = self.pick(&EVENTS);
        let draft = if doc.version == 0 {
            draft.create(&mut doc, event)
        } else {
            let word = self.pick(&["red", "Green", "blue", "12", "7"]);
            let amount = self.below(1_000);
            let changes = [
                json!({"metadata": {"word": word}}),
                json!({"metadata": {"word": null, "other": word}}),
                json!({"amount": amount}),
                json!({"metadata": null}),
                json!({"list": [amount, word]}),
                json!({}),
            ];
            let change = self.pick(&changes);
            let mut state = doc.state.clone();
            patch::apply(&mut state, change.clone());
            doc.index.terms = state["metadata"]["word"].as_str().map(|word| term(WORD, word)).into_iter().collect();
            draft.update(&mut doc, event, change)
        };
        if !self.one_in(8) {
            self.docs[at] = doc;
        }
        draft
    }

    fn transfer(&mut self, now: Timestamp) -> domain::commit::Transfer {
        let object = self.docs[0].id;
        let (mut debit, mut credit) = (self.pick(&self.accounts.clone()), self.pick(&self.accounts.clone()));
        if self.one_in(40) {
            debit.rule = Rule::Unlimited;
        }
        while debit == credit && !self.one_in(20) {
            credit = self.pick(&self.accounts.clone());
        }
        let mut amount = self.below(120) as i64;
        let mut action = if self.one_in(3) { Action::Hold } else { Action::Post };
        if !self.holds.is_empty() && self.one_in(2) {
            let (hold, from, to) = self.pick(&self.holds.clone());
            if !self.one_in(10) {
                (debit, credit) = (from, to);
            }
            action = match self.below(3) {
                0 => Action::VoidHold { hold },
                last => Action::PostHold { hold, last: last == 1 },
            };
            if matches!(action, Action::VoidHold { .. }) {
                amount = 0;
            }
        }
        let moved = build::transfer(now, &mut self.entropy, action, (&debit, &credit), amount, object);
        if action == Action::Hold {
            self.holds.push((moved.id, debit, credit));
            if self.holds.len() > 6 {
                self.holds.remove(0);
            }
        }
        moved
    }

    fn list_query(&mut self) -> ListQuery {
        let ids: Vec<ObjectId> = self.docs.iter().map(|doc| doc.id).collect();
        let kind = self.pick(&KINDS);
        let of_kind: Vec<ObjectId> = ids.iter().copied().filter(|id| id.kind == kind).collect();
        let mut maybe = |chances| if self.one_in(chances) { Some(self.pick(&of_kind)) } else { None };
        let (starting_after, ending_before) = (maybe(3), maybe(3));
        let created = self.began.plus(Duration::from_millis(self.below(8) * 500));
        let fields = (0..self.below(3)).map(|_| self.field()).collect();
        ListQuery {
            kind,
            paging: Paging { limit: 1 + self.below(4) as u32, starting_after, ending_before },
            customer: if self.one_in(6) { Some(self.pick(&ids)).filter(|id| id.kind == Kind::Customer) } else { None },
            parents: if self.one_in(5) { vec![self.pick(&ids), self.pick(&ids)] } else { Vec::new() },
            status: if self.one_in(5) { Some(self.pick(&STATUSES).to_owned()) } else { None },
            created_from: if self.one_in(5) { Some(created) } else { None },
            created_until: if self.one_in(5) { Some(created) } else { None },
            fields,
            any_field: self.one_in(2),
        }
    }

    fn field(&mut self) -> FieldFilter {
        let paths: [&[&str]; 6] =
            [&["metadata", "word"], &["metadata"], &["amount"], &["list", "0"], &["number"], &["list", "word"]];
        use Operator::*;
        let filter = FieldFilter {
            path: self.pick(&paths).iter().map(|key| (*key).to_owned()).collect(),
            operator: self.pick(&[Equal, Contains, Exists, Greater, GreaterOrEqual, Less, LessOrEqual]),
            value: self.pick(&["red", "re", "G", "12", "7", "500", "-1", "1.5", ""]).to_owned(),
            negated: self.one_in(3),
            indexed: false,
        };
        let indexed = filter.path == WORD && self.one_in(2);
        FieldFilter { indexed, ..filter }
    }

    fn event_query(&mut self) -> EventQuery {
        let ids: Vec<ObjectId> = self.docs.iter().map(|doc| doc.id).collect();
        let types: [&[&str]; 5] = [&[], &["a.*"], &["a.created"], &["b.*", "a.created"], &["*"]];
        let position = 1 + self.below(60) as i64;
        let time = self.began.plus(Duration::from_millis(self.below(30) * 700));
        EventQuery {
            paging: Paging {
                limit: 1 + self.below(8) as u32,
                starting_after: if self.one_in(3) { Some(position) } else { None },
                ending_before: if self.one_in(3) { Some(position / 2) } else { None },
            },
            types: self.pick(&types).iter().map(|name| (*name).to_owned()).collect(),
            created_from: if self.one_in(4) { Some(time) } else { None },
            created_until: if self.one_in(4) { Some(time) } else { None },
            object: if self.one_in(3) { Some(self.pick(&ids)) } else { None },
        }
    }
}

async fn compare_reads(world: &mut World, one: &Subject, other: &Subject, whence: &str) {
    let ids: Vec<ObjectId> = world.docs.iter().map(|doc| doc.id).collect();
    let stored = one.ledger.objects(one.tenant, &ids).await.unwrap();
    assert_eq!(stored, other.ledger.objects(other.tenant, &ids).await.unwrap(), "{whence}: objects");
    let prefix = world.pick(&["", "liabilities/", "liabilities/purse", "none"]);
    let balances = one.ledger.balances(one.tenant, prefix).await.unwrap();
    assert_eq!(balances, other.ledger.balances(other.tenant, prefix).await.unwrap(), "{whence}: balances");
    for key in KEYS {
        let record = one.ledger.idempotency(one.tenant, key).await.unwrap();
        assert_eq!(record, other.ledger.idempotency(other.tenant, key).await.unwrap(), "{whence}: key {key}");
    }
    for _ in 0..3 {
        let query = world.list_query();
        let page: Page<Stored> = one.ledger.list(one.tenant, &query).await.unwrap();
        assert_eq!(page, other.ledger.list(other.tenant, &query).await.unwrap(), "{whence}: {query:#?}");
        let query = world.event_query();
        let page: Page<LogEntry> = one.ledger.events(one.tenant, &query).await.unwrap();
        assert_eq!(page, other.ledger.events(other.tenant, &query).await.unwrap(), "{whence}: {query:#?}");
    }
    let position = world.below(100) as i64;
    let entry = one.ledger.log_entry(one.tenant, position).await.unwrap();
    assert_eq!(entry, other.ledger.log_entry(other.tenant, position).await.unwrap(), "{whence}: event {position}");
    let (now, limit) = (one.clock.advance(Duration::ZERO), 1 + world.below(5) as usize);
    assert_eq!(due(one, now, limit).await, due(other, now, limit).await, "{whence}: due");
    let at: Vec<(ObjectId, i32)> = (0..5).map(|_| (world.pick(&ids), world.below(6) as i32)).collect();
    let past = states(one.ledger.objects_at(one.tenant, &at).await.unwrap());
    assert_eq!(past, states(other.ledger.objects_at(other.tenant, &at).await.unwrap()), "{whence}: {at:?}");
}

/// What is due first of the subject's own objects: there may be other tenants on the same ledger.
async fn due(subject: &Subject, now: Timestamp, limit: usize) -> Vec<Stored> {
    let due = subject.ledger.due(now, None, 10_000).await.unwrap();
    due.into_iter().filter(|due| due.tenant == subject.tenant).map(|due| due.stored).take(limit).collect()
}

fn states(stored: Vec<Option<Stored>>) -> Vec<Option<(ObjectId, i32, Value)>> {
    stored
        .into_iter()
        .map(|stored| stored.map(|stored| (stored.id, stored.version, serde_json::from_str(&stored.state).unwrap())))
        .collect()
}
