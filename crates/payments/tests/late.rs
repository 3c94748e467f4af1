//! A processor that contradicts what it said before.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use async_trait::async_trait;
use domain::attempts::{Operation, Outcome};
use processors::Assignment;
use processors::sandbox::Sandbox;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use support::staged::Question::{Cancel, Execute, Query};
use support::staged::{Play, Script, Staged, action, declined, done, done_as, pending, unknown};
use support::{World, body};

fn world(script: &Arc<Script>) -> World {
    World::of(|clock| Staged::new(script.clone(), clock))
}

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// Has the processor report an outcome, `times` times at once.
async fn report(world: &World, script: &Script, attempt: &Value, outcome: Outcome, times: usize) {
    *script.notice.lock().unwrap() = Some(outcome);
    let (tenant, attempt) = (world.tenant.id.to_string(), id(attempt));
    let notices = (0..times).map(|_| world.notify(&tenant, &attempt));
    assert_eq!(futures_util::future::join_all(notices).await, vec![200; times]);
}

async fn attempts(world: &World, query: &str) -> Vec<Value> {
    body(&world.get("/x/v1/attempts", &[], query).await)["data"].as_array().unwrap().clone()
}

async fn only_attempt(world: &World, query: &str) -> Value {
    let mut attempts = attempts(world, query).await;
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    attempts.remove(0)
}

/// The processor took the money of a payment that was over here; no book had it, and nothing gave it back.
#[tokio::test]
async fn a_late_payment_is_taken_back() {
    for (capture, operation, held) in [("automatic", "refund", 2000), ("manual", "void", 0)] {
        for (first, end) in [("requires_action", "canceled"), ("402", "declined")] {
            let script = Script::new(if end == "canceled" {
                vec![(Execute, action()), (Cancel, Outcome::Canceled)]
            } else {
                vec![(Execute, declined("card_declined"))]
            });
            let world = world(&script);
            let answer = world.pay("pm_card_visa", &format!("&capture_method={capture}")).await;
            assert!(answer.body.contains(first) || answer.status == 402, "{}", answer.body);
            let attempt = only_attempt(&world, "").await;
            let intent = attempt["subject"].as_str().unwrap();
            if end == "canceled" {
                world.post("/v1/payment_intents/{id}/cancel", &[("id", intent)], "").await;
            }
            let before = world.intent(intent).await;

            // The same report comes again, at the same time and later.
            report(&world, &script, &attempt, done(), 2).await;
            report(&world, &script, &attempt, done(), 1).await;
            assert_eq!(world.intent(intent).await, before);
            let late = only_attempt(&world, "conflict=true").await;
            assert_eq!((&late["id"], &late["status"]), (&attempt["id"], &json!(end)));
            let conflict = &late["conflict"];
            assert_eq!((&conflict["status"], &conflict["remedy"]), (&json!("succeeded"), &json!("reversed")));
            assert_eq!(conflict["processor_reference"], "ref");
            assert_eq!(world.balance("assets/processor").await, -held, "what the processor has is in the books");
            assert_eq!(world.balance("liabilities/refunds").await, held);
            let reversal = only_attempt(&world, "conflict=false").await;
            assert_eq!((&reversal["id"], &reversal["reverses"]), (&conflict["reversal"], &attempt["id"]));
            assert_eq!((&reversal["operation"], &reversal["amount"]), (&json!(operation), &json!(2000)));
            assert_eq!(reversal["status"], "started", "it is committed before the processor is asked");

            // It is asked until it is known.
            script.goes_on([(Query, unknown()), (Query, pending()), (Query, done())]);
            for _ in 0..4 {
                world.work(5).await;
            }
            assert!(script.is_at_its_end());
            assert_eq!(only_attempt(&world, "conflict=false").await["status"], "succeeded");
            for account in ["assets/processor", "liabilities/refunds"] {
                assert_eq!(world.balance(account).await, 0, "{account}");
            }
            assert_eq!(world.intent(intent).await, before);
        }
    }
}

#[tokio::test]
async fn a_late_payment_that_cannot_be_taken_back_stays_owed() {
    let script = Script::new([(Execute, declined("card_declined"))]);
    let world = world(&script);
    world.pay("pm_card_visa", "").await;
    let attempt = only_attempt(&world, "").await;
    report(&world, &script, &attempt, done(), 1).await;
    script.goes_on([(Query, declined("processing_error"))]);
    world.work(1).await;
    let reversal = only_attempt(&world, "conflict=false").await;
    assert_eq!(reversal["status"], "declined");
    assert_eq!(world.balance("liabilities/refunds").await, 2000);

    // It was carried out after all.
    report(&world, &script, &reversal, done(), 2).await;
    assert_eq!(world.balance("liabilities/refunds").await, 0);
    assert_eq!(attempts(&world, "conflict=true").await.len(), 2);
    world.work(3600).await;
}

/// A pending refund of 5.00 that the processor has ended by `answer`, and its attempt.
async fn ended_refund(world: &World, script: &Script, answer: Outcome) -> (String, Value) {
    script.goes_on([(Execute, done()), (Execute, pending())]);
    let paid = body(&world.pay("pm_card_visa", "").await);
    let form = format!("payment_intent={}&amount=500", id(&paid));
    let refund = id(&body(&world.post("/v1/refunds", &[], &form).await));
    let attempt = only_attempt(world, &format!("target={refund}")).await;
    if answer == Outcome::Canceled {
        script.goes_on([(Cancel, answer)]);
        world.post("/v1/refunds/{id}/cancel", &[("id", &refund)], "").await;
    } else {
        report(world, script, &attempt, answer, 1).await;
    }
    (refund, attempt)
}

/// The payer had the money, and the books said that the merchant had.
#[tokio::test]
async fn a_late_refund_is_in_the_books() {
    for (answer, status) in [(Outcome::Canceled, "canceled"), (declined("expired_card"), "failed")] {
        let script = Script::new([]);
        let world = world(&script);
        let (refund, attempt) = ended_refund(&world, &script, answer).await;
        assert_eq!(world.object("/v1/refunds/{id}", &refund).await["status"], status);
        assert_eq!(world.balance("assets/processor").await, -2000);
        let merchants = world.balance("liabilities/pending").await;

        report(&world, &script, &attempt, done(), 2).await;
        report(&world, &script, &attempt, done(), 1).await;
        let after = world.object("/v1/refunds/{id}", &refund).await;
        assert_eq!((&after["status"], &after["failure_reason"]), (&json!("succeeded"), &Value::Null));
        let charge = world.object("/v1/charges/{id}", after["charge"].as_str().unwrap()).await;
        assert_eq!(charge["amount_refunded"], 500);
        assert_eq!(world.balance("assets/processor").await, -1500);
        assert_eq!(world.balance("liabilities/refunds").await, 0);
        assert_eq!(world.balance("liabilities/pending").await, merchants - 500);
        let late = only_attempt(&world, "conflict=true").await;
        assert_eq!((&late["id"], &late["conflict"]["remedy"]), (&attempt["id"], &json!("recorded")));
    }
}

/// The merchant has refunded it again: it is not taken from the merchant twice without being asked.
#[tokio::test]
async fn a_late_refund_beyond_the_charge_is_for_an_operator() {
    let metrics = platform::metrics::Metrics::install().unwrap();
    let script = Script::new([]);
    let world = world(&script);
    let (refund, attempt) = ended_refund(&world, &script, Outcome::Canceled).await;
    script.goes_on([(Execute, done())]);
    let before = world.object("/v1/refunds/{id}", &refund).await;
    let form = format!("charge={}", before["charge"].as_str().unwrap());
    assert_eq!(body(&world.post("/v1/refunds", &[], &form).await)["amount"], 2000);
    report(&world, &script, &attempt, done(), 1).await;
    assert_eq!(world.object("/v1/refunds/{id}", &refund).await, before);
    assert_eq!(only_attempt(&world, "conflict=true").await["conflict"]["remedy"], "none");
    let counted = r#"florin_attempt_conflicts_total{operation="refund",remedy="none"} 1"#;
    assert!(metrics.render().contains(counted), "{}", metrics.render());
}

#[tokio::test]
async fn a_success_that_is_taken_back_is_for_an_operator() {
    for outcome in [declined("fraudulent"), Outcome::Canceled] {
        let script = Script::new([(Execute, done())]);
        let world = world(&script);
        let paid = body(&world.pay("pm_card_visa", "").await);
        let attempt = only_attempt(&world, "").await;
        // What agrees is no conflict.
        report(&world, &script, &attempt, done(), 1).await;
        assert_eq!(attempts(&world, "conflict=true").await, [] as [Value; 0]);
        report(&world, &script, &attempt, outcome.clone(), 2).await;
        let conflict = only_attempt(&world, "conflict=true").await["conflict"].clone();
        assert_eq!((&conflict["remedy"], &conflict["reversal"]), (&json!("none"), &Value::Null));
        assert_eq!(world.intent(&id(&paid)).await, paid);

        // Another success is news: that is kept too, and nothing is done.
        report(&world, &script, &attempt, done_as("another"), 2).await;
        let conflict = only_attempt(&world, "conflict=true").await["conflict"].clone();
        assert_eq!((&conflict["status"], &conflict["processor_reference"]), (&json!("succeeded"), &json!("another")));
        assert_eq!((&conflict["remedy"], &conflict["reversal"]), (&json!("none"), &Value::Null));
        assert_eq!(world.balance("assets/processor").await, -2000);
    }
}

/// A processor whose notice overtakes its answer to a release: what it says first, and then.
struct Overtaken {
    world: OnceLock<Arc<World>>,
    notice: Outcome,
    answer: Outcome,
}

#[async_trait]
impl Play for Arc<Overtaken> {
    async fn execute(&self, _: &Sandbox, assignment: Assignment<'_>) -> Outcome {
        if assignment.attempt.operation != Operation::Void {
            return done();
        }
        let world = self.world.get().unwrap();
        let attempt = assignment.attempt.id.to_string();
        assert_eq!(world.notify(&world.tenant.id.to_string(), &attempt).await, 200);
        self.answer.clone()
    }

    async fn query(&self, _: &Sandbox, _: Assignment<'_>) -> processors::Query {
        processors::Query::Known(unknown())
    }

    fn notice(&self) -> Option<Outcome> {
        Some(self.notice.clone())
    }
}

/// It was a conflict with an alarm, and the merchant was told that the release of what was canceled is declined.
#[tokio::test]
async fn released_and_released_before_are_the_same() {
    for code in ["authorization_expired", "authorization_released"] {
        for (notice, answer) in [(declined(code), done()), (done(), declined(code))] {
            for (made, form, release) in [
                (
                    "/v1/payment_intents",
                    "amount=2000&currency=usd&payment_method=pm_card_visa&confirm=true&capture_method=manual",
                    "/v1/payment_intents/{id}/cancel",
                ),
                ("/v1/charges", "amount=2000&currency=usd&source=tok_visa&capture=false", "/v1/refunds"),
            ] {
                let (notice, answer) = (notice.clone(), answer.clone());
                let overtaken = Arc::new(Overtaken { world: OnceLock::new(), notice, answer });
                let world = Arc::new(World::of(|clock| Staged::new(overtaken.clone(), clock)));
                overtaken.world.set(world.clone()).ok().unwrap();
                let authorized = id(&body(&world.post(made, &[], form).await));
                let form = if release == "/v1/refunds" { format!("charge={authorized}") } else { String::new() };
                let released = world.post(release, &[("id", &authorized)], &form).await;
                let status = if made == "/v1/charges" { "succeeded" } else { "canceled" };
                assert_eq!((released.status, &body(&released)["status"]), (200, &json!(status)), "{}", released.body);
                let of_both = attempts(&world, "").await;
                let void = of_both.iter().find(|attempt| attempt["operation"] == "void").unwrap();
                assert_eq!((&void["status"], &void["conflict"]), (&json!("succeeded"), &Value::Null), "{void}");
            }
        }
    }
}
