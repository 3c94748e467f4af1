//! What every implementation of the contract `Ledger` must do. A crate that has one writes
//!
//! ```ignore
//! testkit::contract_suite!(make);
//! ```
//!
//! where `make` is an async function without arguments that returns a [`Subject`] with empty books.

// A test that is missing from the list below is dead code.
#![deny(dead_code)]

mod commits;
mod keys;
mod lists;
mod log;
mod money;

use crate::subject::Subject;

/// Makes each test of the list a public function of this module, and the macro `contract_suite!`, which makes a test of
/// each. `$d` is a dollar sign for that macro.
macro_rules! suite {
    ($d:tt $($module:ident { $($test:ident)* })*) => {
        $($(
            pub async fn $test(subject: Subject) {
                $module::$test(subject).await;
            }
        )*)*

        /// Each test of the suite as a test of its own.
        #[macro_export]
        macro_rules! contract_suite {
            ($d make:path) => {
                $($(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $test() {
                        $d crate::contract::$test($d make().await).await;
                    }
                )*)*
            };
        }
    };
}

suite! { $
    commits {
        positions_have_no_gap_under_load
        commits_are_answered_with_their_positions
        a_stale_version_is_a_conflict
        only_one_of_many_creates_an_object
        what_a_commit_relies_on_must_not_have_changed
        a_rejected_commit_leaves_nothing
        a_commit_that_contradicts_itself_is_rejected
        texts_that_cannot_be_stored_are_rejected
        books_of_unknown_tenants_are_not_found
        a_clock_that_cannot_be_trusted_writes_nothing
    }
    keys {
        a_key_is_used_once
        a_key_is_begun_and_finished
        only_one_of_many_requests_gets_a_key
        old_keys_are_forgotten
    }
    lists {
        lists_page_both_ways
        lists_are_filtered_by_index
        reads_keep_no_more_bytes_than_asked_for
        searches_compare_attributes
        indexed_attributes_are_found_by_their_terms
        due_objects_come_in_order
    }
    log {
        events_page_both_ways
        the_time_of_the_log_never_runs_backwards
        events_are_filtered_by_type_time_and_object
        the_log_names_the_request
        entries_have_the_states_before_and_after
        past_states_are_folded
    }
    money {
        a_hold_is_posted_in_parts
        a_hold_is_released
        a_hold_is_not_used_beyond_what_it_holds
        a_hold_can_be_made_and_used_in_one_commit
        rules_keep_accounts_from_being_overdrawn
        an_account_keeps_its_currency_and_rule
        balances_do_not_wrap
        concurrent_refunds_do_not_overdraw
        tenants_with_a_balance_of_a_past_day_are_found
    }
}
