//! A processor that does not know what it has accepted.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use async_trait::async_trait;
use domain::attempts::{Outcome, PayerPage};
use processors::sandbox::Sandbox;
use processors::{Assignment, Query};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::staged::{PAGE, Play, Staged, action, done, pending, unknown};
use support::{World, body};

/// It answers once, cannot answer a question, and from then on has never heard of it.
struct Forgetful {
    first: Outcome,
    executed: AtomicUsize,
    queried: AtomicUsize,
    remembers: AtomicBool,
}

#[async_trait]
impl Play for Arc<Forgetful> {
    async fn execute(&self, _: &Sandbox, _: Assignment<'_>) -> Outcome {
        if self.executed.fetch_add(1, Ordering::SeqCst) == 0 { self.first.clone() } else { done() }
    }

    async fn query(&self, _: &Sandbox, _: Assignment<'_>) -> Query {
        if self.remembers.load(Ordering::SeqCst) {
            return Query::Known(done());
        }
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
        let processor = Arc::new(Forgetful {
            first: first.clone(),
            executed: AtomicUsize::new(0),
            queried: AtomicUsize::new(0),
            remembers: AtomicBool::new(false),
        });
        let world = World::of(|clock| Staged::new(processor.clone(), clock));
        let id = body(&world.pay("pm_card_visa", "").await)["id"].as_str().unwrap().to_owned();
        for _ in 0..4 {
            world.work(60).await;
        }
        assert_eq!(world.intent(&id).await["status"], status, "{first:?}");
        assert!(processor.queried.load(Ordering::SeqCst) > 1);
        let executed = if status == "succeeded" { 2 } else { 1 };
        assert_eq!(processor.executed.load(Ordering::SeqCst), executed, "{first:?}");
        let attempt = world.attempt(&id).await;
        assert_eq!(attempt["next_query_at"].is_null(), status == "succeeded", "it is asked about");
        // No end would be true, so an operator is told; and the processor is asked less and less often.
        let listed = world.attempts("conflict=true").await.len();
        if status == "succeeded" {
            assert!(attempt["conflict"].is_null() && listed == 0, "{attempt}");
            continue;
        }
        let conflict = &attempt["conflict"];
        assert_eq!((&conflict["status"], &conflict["remedy"], listed), (&"unknown".into(), &"none".into(), 1));
        for hour in 0..30 * 24 {
            if hour == 20 * 24 {
                processor.queried.store(1, Ordering::SeqCst);
            }
            world.work(3_600).await;
        }
        let in_ten_days = processor.queried.load(Ordering::SeqCst) - 1;
        assert!((9..=11).contains(&in_ten_days), "{in_ten_days} questions in ten days");
        assert_eq!(world.intent(&id).await["status"], status, "an outcome that is not known is no failure");
        assert_eq!(&world.attempt(&id).await["conflict"], conflict, "an operator is told once");

        processor.remembers.store(true, Ordering::SeqCst);
        world.work(86_400).await;
        assert_eq!(world.intent(&id).await["status"], "succeeded", "{first:?}");
        assert_eq!(world.attempts("conflict=true").await.len(), 0);
    }
}
