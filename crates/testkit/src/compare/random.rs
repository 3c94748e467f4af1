//! Random commits and queries, the same for the same seed.

use crate::build::{self, Doc, Draft};
use crate::subject::Subject;
use contracts::ledger::{EventQuery, FieldFilter, ListQuery, Operator, Paging};
use domain::account::{Account, Rule};
use domain::commit::{Action, Answer, Commit, Step, term};
use domain::patch;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use types::{Entropy, Kind, ObjectId, SeededEntropy, Timestamp};
use uuid::Uuid;

const KINDS: [Kind; 3] = [Kind::Customer, Kind::PaymentIntent, Kind::Charge];
/// The attribute that is among the terms.
const WORD: [&str; 2] = ["metadata", "word"];
const STATUSES: [&str; 3] = ["new", "open", "done"];
const EVENTS: [Option<&str>; 4] = [None, Some("a.created"), Some("a.b.updated"), Some("b.created")];
pub(super) const KEYS: [&str; 5] = ["k1", "k2", "k3", "k4", "k5"];

/// Makes random commits and queries. They are about few objects, accounts and keys, so that they often concern the same
/// one.
pub(super) struct Random {
    entropy: SeededEntropy,
    pub docs: Vec<Doc>,
    /// Documents of which several commits of the batch may replace the same version. None is built on these commits: it
    /// is not known which of them is written, and so which state comes before.
    forked: BTreeSet<usize>,
    accounts: Vec<Account>,
    holds: Vec<(Uuid, Account, Account)>,
    began: Timestamp,
}

impl Random {
    pub fn new(seed: u64, clock: &dyn types::Clock) -> Self {
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
        Random { entropy, docs, forked: BTreeSet::new(), accounts, holds: Vec::new(), began }
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.entropy.next_u64() % limit
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let at = self.below(from.len() as u64) as usize;
        from[at].clone()
    }

    /// Takes over the versions and states that the ledger has now.
    pub async fn learn(&mut self, subject: &Subject) {
        self.forked.clear();
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

    pub fn commit(&mut self, now: Timestamp) -> Commit {
        let mut draft = Draft::at(now);
        if !self.one_in(12) {
            for _ in 0..1 + self.below(2) {
                draft = self.write(draft, now);
            }
            for _ in 0..self.below(3) {
                draft = draft.transfer(self.transfer(now));
            }
        }
        if self.one_in(5) {
            let doc = self.pick(&self.docs.clone());
            draft = draft.rely_on(&doc);
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

    /// Creates or changes a document. The document remembered here changes even if the commit is rejected later, so
    /// that some commits of a batch follow others, and some have a version that is out of date.
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
        if self.one_in(30) && !self.forked.contains(&at) {
            doc.version += i32::try_from(1 + self.below(3)).unwrap();
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
        if self.one_in(8) {
            self.forked.insert(at);
        }
        if !self.forked.contains(&at) {
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

    pub fn list_query(&mut self) -> ListQuery {
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
            bytes_max: usize::MAX,
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

    pub fn event_query(&mut self) -> EventQuery {
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
