//! A few commits of every shape that lists can tell apart, given to several ledgers.

use contracts::Ledger;
use domain::commit::{Commit, Index, term};
use serde_json::json;
use std::time::Duration;
use testkit::ManualClock;
use testkit::build::{Doc, Draft};
use types::{Clock, Kind, ObjectId, SeededEntropy, TenantId, Timestamp};

/// The commits before the others, which [`super::store::multiply`] does not repeat.
pub const RARE: i64 = 4;

/// The commits of a tenant, and what they are found by.
pub struct Books {
    pub commits: Vec<Commit>,
    pub began: Timestamp,
    pub ended: Timestamp,
    pub customer: ObjectId,
    /// The intents of some charges.
    pub intents: Vec<ObjectId>,
    /// A charge that was changed.
    pub changed: ObjectId,
    pub charges: Vec<ObjectId>,
}

/// Fifty charges, every third one changed later, and steps that are no events.
pub fn books(seed: u64) -> Books {
    let clock = ManualClock::new();
    let mut entropy = SeededEntropy::new(seed);
    let began = clock.now();
    let mut new = |kind| Doc::new(kind, clock.now(), &mut entropy, json!({})).id;
    let customer = new(Kind::Customer);
    let intents: Vec<ObjectId> = (0..6).map(|_| new(Kind::PaymentIntent)).collect();
    let (mut commits, mut charges, mut changed) = (Vec::new(), Vec::new(), None);
    for number in 0..50usize {
        let now = clock.advance(Duration::from_secs(1));
        let rare = (number as i64) < RARE;
        let order = format!("order {number}");
        let plan = if rare { "rare" } else { "common" };
        let state = json!({"amount": number, "note": order, "metadata": {"order": order, "plan": plan}});
        let mut charge = Doc::new(Kind::Charge, now, &mut entropy, state);
        charge.index = Index {
            customer: (number % 2 == 0).then_some(customer),
            parent: Some(intents[number % intents.len()]),
            status: Some(if rare { "failed" } else { "succeeded" }.to_owned()),
            due: None,
            terms: vec![term(["metadata", "order"], &order), term(["metadata", "plan"], plan)],
        };
        let event = if rare { "charge.failed" } else { "charge.succeeded" };
        let mut draft = Draft::at(now).create(&mut charge, Some(event).filter(|_| number % 7 != 6));
        if number % 2 == 1 {
            let mut refund = Doc::new(Kind::Refund, now, &mut entropy, json!({"number": number}));
            draft = draft.create(&mut refund, Some("refund.created"));
        }
        commits.push(draft.commit());
        if number % 3 == 0 {
            let draft = Draft::at(now).update(&mut charge, Some("charge.updated"), json!({"seen": number}));
            commits.push(draft.commit());
            changed = Some(charge.id);
        }
        charges.push(charge.id);
    }
    let changed = changed.expect("charges were changed");
    Books { commits, began, ended: clock.now(), customer, intents, changed, charges }
}

impl Books {
    pub async fn write(&self, ledger: &dyn Ledger, tenant: TenantId) {
        for commit in &self.commits {
            ledger.commit(tenant, commit.clone()).await.expect("a valid commit");
        }
    }
}
