//! What every implementation of the ledger's contract must do. A crate that has one writes
//!
//! ```ignore
//! testkit::contract_suite!(make);
//! ```
//!
//! where `make` is an async function without arguments that gives a [`Subject`] with empty books.

mod commits;
mod keys;
mod lists;
mod log;
mod money;

pub use commits::*;
pub use keys::*;
pub use lists::*;
pub use log::*;
pub use money::*;

use crate::ManualClock;
use crate::build::{Doc, Draft};
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
    /// The clock that the ledger goes by.
    pub clock: Arc<ManualClock>,
    pub entropy: SeededEntropy,
    /// What must live as long as the test.
    pub keep: Box<dyn Any + Send>,
}

impl Subject {
    pub fn new(ledger: Arc<dyn Ledger>, tenant: TenantId, clock: Arc<ManualClock>, keep: Box<dyn Any + Send>) -> Self {
        Subject { ledger, tenant, clock, entropy: SeededEntropy::new(1), keep }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A second later.
    fn tick(&self) -> Timestamp {
        self.clock.advance(Duration::from_secs(1))
    }

    fn doc(&mut self, kind: Kind, state: Value) -> Doc {
        Doc::new(kind, self.clock.now(), &mut self.entropy, state)
    }

    fn draft(&self) -> Draft {
        Draft::at(self.now())
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.ledger.commit(self.tenant, commit).await
    }

    async fn written(&self, draft: Draft) -> i64 {
        self.commit(draft.commit()).await.expect("the commit is sound").first_position
    }

    async fn object(&self, id: ObjectId) -> Option<Stored> {
        self.ledger.objects(self.tenant, &[id]).await.expect("objects can be read").pop().expect("one answer")
    }

    async fn balance(&self, code: &str) -> Balance {
        let mut balances = self.ledger.balances(self.tenant, code).await.expect("balances can be read");
        assert_eq!(balances.len(), 1, "one account begins with {code}");
        balances.remove(0)
    }

    /// A customer who is there already, for commits that need something to happen.
    async fn customer(&mut self) -> Doc {
        let mut doc = self.doc(Kind::Customer, json!({"name": "Ada"}));
        self.written(self.draft().create(&mut doc, Some("customer.created"))).await;
        doc
    }
}

/// Each test of the suite as a test of its own.
#[macro_export]
macro_rules! contract_suite {
    ($make:path) => {
        $crate::contract_suite!(@tests $make:
            positions_have_no_gap_under_load
            commits_are_told_where_they_stand
            a_stale_version_is_a_conflict
            of_two_who_create_one_wins
            a_refused_commit_leaves_nothing
            a_commit_that_contradicts_itself_is_refused
            texts_that_cannot_be_kept_are_refused
            books_of_strangers_are_not_found
            a_key_is_used_once
            a_key_is_begun_and_finished
            of_requests_with_one_key_one_wins
            old_keys_are_forgotten
            a_hold_is_posted_in_parts
            a_hold_is_released
            a_hold_is_not_used_beyond_what_it_holds
            a_hold_can_be_made_and_used_in_one_commit
            rules_keep_accounts_from_being_overdrawn
            an_account_stays_what_it_is
            balances_do_not_wrap
            concurrent_refunds_do_not_overdraw
            lists_page_both_ways
            lists_are_filtered_by_index
            searches_compare_attributes
            what_is_due_comes_in_order
            events_page_both_ways
            the_time_of_the_log_never_runs_backwards
            events_are_chosen_by_type_time_and_object
            the_log_says_who_asked
            entries_have_the_states_around_them
            indexed_attributes_are_found_by_their_terms
            past_states_are_folded
        );
    };
    (@tests $make:path: $($test:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                $crate::contract::$test($make().await).await;
            }
        )*
    };
}
