//! A processor that does not know what it has accepted.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use async_trait::async_trait;
use domain::attempts::{Outcome, PayerPage};
use processors::sandbox::Sandbox;
use processors::{Assignment, Query};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::staged::{PAGE, Play, Staged, action, done, pending, unknown};
use support::{World, body};

/// It answers once, cannot answer a question, and from then on has never heard of it.
struct Forgetful {
    first: Outcome,
    executed: AtomicUsize,
    queried: AtomicUsize,
}

#[async_trait]
impl Play for Arc<Forgetful> {
    async fn execute(&self, _: &Sandbox, _: Assignment<'_>) -> Outcome {
        if self.executed.fetch_add(1, Ordering::SeqCst) == 0 { self.first.clone() } else { done() }
    }

    async fn query(&self, _: &Sandbox, _: Assignment<'_>) -> Query {
        if self.queried.fetch_add(1, Ordering::SeqCst) == 0 { Query::Known(unknown()) } else { Query::NotFound }
    }
}

/// It was executed anew: the payer could be charged days later, without knowing of it.
#[tokio::test]
async fn what_was_accepted_is_not_carried_out_anew() {
    let nameless_page = Outcome::ActionRequired { reference: None, page: PayerPage::Url(PAGE.to_owned()) };
    let named = Outcome::Pending { reference: Some("ref".to_owned()), due: None };
    for (first, status) in [
        (action(), "requires_action"),
        (nameless_page, "requires_action"),
        (pending(), "processing"),
        (named, "processing"),
        (unknown(), "succeeded"),
    ] {
        let processor =
            Arc::new(Forgetful { first: first.clone(), executed: AtomicUsize::new(0), queried: AtomicUsize::new(0) });
        let world = World::of(|clock| Staged::new(processor.clone(), clock));
        let id = body(&world.pay("pm_card_visa", "").await)["id"].as_str().unwrap().to_owned();
        for _ in 0..4 {
            world.work(60).await;
        }
        assert_eq!(world.intent(&id).await["status"], status, "{first:?}");
        assert!(processor.queried.load(Ordering::SeqCst) > 1);
        let executed = if status == "succeeded" { 2 } else { 1 };
        assert_eq!(processor.executed.load(Ordering::SeqCst), executed, "{first:?}");
        assert_eq!(world.attempt(&id).await["next_query_at"].is_null(), status == "succeeded", "it is asked about");
    }
}
