//! What cannot be done when it is due is tried again, but less and less often, and not for ever with new log rows.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use api::Api;
use api::worker::Worker;
use async_trait::async_trait;
use domain::attempts::Outcome;
use processors::sandbox::Sandbox;
use processors::{Assignment, Processor, Query};
use std::sync::Arc;
use std::time::Duration;
use support::staged::Question::Execute;
use support::staged::{Play, Script, Staged, declined, done, pending};
use support::{World, body};
use testkit::ManualClock;
use types::Clock;

const DAY: u64 = 86_400;

/// A processor that attempts know nothing of.
struct Other;

#[async_trait]
impl Play for Other {
    async fn execute(&self, _: &Sandbox, _: Assignment<'_>) -> Outcome {
        done()
    }

    async fn query(&self, _: &Sandbox, _: Assignment<'_>) -> Query {
        Query::NotFound
    }

    fn name(&self) -> &'static str {
        "other"
    }
}

/// A server on which the processor is not configured any more.
fn without_the_processor(world: &World) -> Arc<Api> {
    let other: Arc<dyn Processor> = Staged::new(Other, ManualClock::new());
    world.with_processors(vec![other]).api
}

/// Two hours of workers that each are new, so that only what is written down can keep them from trying again.
async fn two_hours(world: &World, api: &Arc<Api>) {
    for _ in 0..2 * 3600 / 4 {
        world.clock.advance(Duration::from_secs(4));
        Worker::default().round(api).await;
    }
}

/// How many log entries two hours of failures make.
async fn entries(world: &World, id: &str) -> i32 {
    let before = world.version(id).await;
    two_hours(world, &without_the_processor(world)).await;
    world.version(id).await - before
}

#[tokio::test]
async fn an_attempt_that_cannot_be_asked_about() {
    let script = Script::new([(Execute, pending())]);
    let world = World::of(|clock| Staged::new(script.clone(), clock));
    let paid = body(&world.pay("pm_card_visa", "").await);
    let intent = paid["id"].as_str().unwrap();
    let attempt = world.attempt(intent).await["id"].as_str().unwrap().to_owned();
    let entries = entries(&world, &attempt).await;
    assert!((10..40).contains(&entries), "{entries}");
}

/// A processor that always says "soon".
struct Soon(Arc<ManualClock>);

#[async_trait]
impl Play for Soon {
    async fn execute(&self, _: &Sandbox, _: Assignment<'_>) -> Outcome {
        Outcome::Pending { reference: None, due: Some(self.0.now()) }
    }

    async fn query(&self, sandbox: &Sandbox, assignment: Assignment<'_>) -> Query {
        Query::Known(self.execute(sandbox, assignment).await)
    }
}

#[tokio::test]
async fn an_attempt_whose_result_is_always_to_come_at_once() {
    let world = World::of(|clock| Staged::new(Soon(clock.clone()), clock));
    let paid = body(&world.pay("pm_card_visa", "").await);
    two_hours(&world, &world.api).await;
    let queries = world.attempt(paid["id"].as_str().unwrap()).await["queries"].as_i64().unwrap();
    assert!((5..20).contains(&queries), "{queries}");
}

/// Each second, without end.
#[tokio::test]
async fn an_authorization_that_cannot_be_released() {
    for (path, form) in [
        (
            "/v1/payment_intents",
            "amount=2000&currency=usd&payment_method=pm_card_visa&confirm=true&capture_method=manual",
        ),
        ("/v1/charges", "amount=2000&currency=usd&source=tok_visa&capture=false"),
    ] {
        let script = Script::new([(Execute, done())]);
        let world = World::of(|clock| Staged::new(script.clone(), clock));
        let made = body(&world.post(path, &[], form).await);
        let id = made["id"].as_str().unwrap();
        world.clock.advance(Duration::from_secs(7 * DAY));
        let entries = entries(&world, id).await;
        assert!((5..20).contains(&entries), "{entries}");

        // When the processor is back, it is released.
        script.goes_on([(Execute, done())]);
        two_hours(&world, &world.api).await;
        assert!(script.is_at_its_end(), "{path}");
        assert_eq!(world.balance("assets/processor").await, 0);
        let balances = world.ledger.model();
        let held = contracts::Ledger::balances(&*balances, world.tenant.id, "liabilities/authorized").await.unwrap();
        assert_eq!(held.iter().map(|balance| balance.credits_pending).sum::<i64>(), 0, "nothing is held");
    }
}

/// It was an error for the merchant, and the intent could never be canceled.
#[tokio::test]
async fn what_the_processor_has_released_before_is_released() {
    for (code, status) in [("authorization_expired", 200), ("authorization_released", 200), ("processing_error", 402)] {
        let script = Script::new([(Execute, done()), (Execute, declined(code))]);
        let world = World::of(|clock| Staged::new(script.clone(), clock));
        let paid = body(&world.pay("pm_card_visa", "&capture_method=manual").await);
        let id = paid["id"].as_str().unwrap();
        let answer = world.post("/v1/payment_intents/{id}/cancel", &[("id", id)], "").await;
        assert_eq!(answer.status, status, "{code}: {}", answer.body);
        let expected = if status == 200 { "canceled" } else { "requires_capture" };
        assert_eq!(world.intent(id).await["status"], expected);
    }
}
