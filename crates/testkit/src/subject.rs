//! A ledger under test.

use crate::build::{Doc, Draft};
use crate::clock::ManualClock;
use contracts::ledger::{Balance, CommitError, Committed, Ledger, Stored};
use domain::commit::Commit;
use serde_json::{Value, json};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use types::{Clock, Kind, ObjectId, SeededEntropy, TenantId, Timestamp};

/// A ledger to be tested, with the books of one tenant.
pub struct Subject {
    pub ledger: Arc<dyn Ledger>,
    pub tenant: TenantId,
    /// The ledger's clock.
    pub clock: Arc<ManualClock>,
    pub entropy: SeededEntropy,
    /// What must live as long as the test.
    pub keep: Box<dyn Any + Send>,
}

impl Subject {
    pub fn new(ledger: Arc<dyn Ledger>, tenant: TenantId, clock: Arc<ManualClock>, keep: Box<dyn Any + Send>) -> Self {
        Subject { ledger, tenant, clock, entropy: SeededEntropy::new(1), keep }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock on by a second.
    pub(crate) fn tick(&self) -> Timestamp {
        self.clock.advance(Duration::from_secs(1))
    }

    pub(crate) fn doc(&mut self, kind: Kind, state: Value) -> Doc {
        Doc::new(kind, self.clock.now(), &mut self.entropy, state)
    }

    pub(crate) fn draft(&self) -> Draft {
        Draft::at(self.now())
    }

    pub(crate) async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.ledger.commit(self.tenant, commit).await
    }

    /// Commits, and returns the position of the first log entry.
    pub(crate) async fn written(&self, draft: Draft) -> i64 {
        self.commit(draft.commit()).await.expect("the commit is valid").first_position
    }

    pub(crate) async fn object(&self, id: ObjectId) -> Option<Stored> {
        self.ledger.objects(self.tenant, &[id]).await.expect("objects can be read").pop().expect("one answer")
    }

    pub(crate) async fn balance(&self, code: &str) -> Balance {
        let mut balances = self.ledger.balances(self.tenant, code).await.expect("balances can be read");
        assert_eq!(balances.len(), 1, "one account begins with {code}");
        balances.remove(0)
    }

    /// Creates a customer, for commits that need an object.
    pub(crate) async fn customer(&mut self) -> Doc {
        let mut doc = self.doc(Kind::Customer, json!({"name": "Ada"}));
        self.written(self.draft().create(&mut doc, Some("customer.created"))).await;
        doc
    }
}
