//! A processor that has the payer authenticate on a page of its own.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use domain::attempts::Outcome;
use serde_json::Value;
use support::World;
use support::staged::Question::{Execute, Query};
use support::staged::{PAGE, Question, Script, Staged, action, done, pending, unknown};

fn world(script: Vec<(Question, Outcome)>) -> World {
    World::of(|clock| Staged::new(Script::new(script), clock))
}

async fn notify(world: &World, attempt: &Value) {
    let status = world.notify(&world.tenant.id.to_string(), attempt["id"].as_str().unwrap()).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn the_payer_is_sent_there_and_the_processor_reports_how_it_went() {
    let world =
        world(vec![(Execute, action()), (Query, unknown()), (Query, action()), (Query, pending()), (Query, done())]);
    let answer = world.pay("pm_card_visa", "&return_url=https%3A%2F%2Fshop.example.com%2Freturn").await;
    let waits: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(waits["status"], "requires_action", "{waits}");
    assert_eq!(waits["next_action"]["redirect_to_url"]["url"], PAGE);
    let id = waits["id"].as_str().unwrap();
    let attempt = world.attempt(id).await;

    // A question without an answer, and one that was asked too early, change nothing for the payer.
    notify(&world, &attempt).await;
    assert_eq!(world.intent(id).await, waits);
    let refused = world.post("/v1/payment_intents/{id}/cancel", &[("id", id)], "").await;
    assert_eq!(refused.status, 429, "the answer that was lost may be that it was carried out: {}", refused.body);
    notify(&world, &attempt).await;
    assert_eq!(world.intent(id).await, waits);

    // The payer has acted; from here on the payment may be made at any time.
    notify(&world, &attempt).await;
    let processing = world.intent(id).await;
    assert_eq!((&processing["status"], &processing["next_action"]), (&"processing".into(), &Value::Null));
    for command in ["cancel", "confirm"] {
        let refused = world.post(&format!("/v1/payment_intents/{{id}}/{command}"), &[("id", id)], "").await;
        assert_eq!(refused.status, 429, "{command}: {}", refused.body);
    }
    notify(&world, &attempt).await;
    let paid = world.intent(id).await;
    assert_eq!((&paid["status"], &paid["amount_received"]), (&"succeeded".into(), &2000.into()));
    assert_eq!(
        world.pay("pm_card_visa", "&return_url=https%3A%2F%2Fshop.example.com%2Freturn").await.body,
        answer.body
    );
}

#[tokio::test]
async fn a_payer_who_is_not_there_is_not_asked() {
    let world = world(vec![(Execute, action())]);
    let answer = world.pay("pm_card_visa", "&off_session=true").await;
    let error: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, error["error"]["code"].as_str()), (402, Some("authentication_required")), "{error}");
}

/// It was left waiting without end, and its charge refused all other commands.
#[tokio::test]
async fn no_payer_is_asked_to_capture() {
    let world = world(vec![(Execute, done()), (Execute, action()), (Query, done())]);
    let paid: Value = serde_json::from_str(&world.pay("pm_card_visa", "&capture_method=manual").await.body).unwrap();
    let id = paid["id"].as_str().unwrap();
    let captured = world.post("/v1/payment_intents/{id}/capture", &[("id", id)], "").await;
    assert_eq!(serde_json::from_str::<Value>(&captured.body).unwrap()["status"], "processing", "{}", captured.body);
    world.clock.advance(std::time::Duration::from_secs(2));
    api::worker::Worker::default().round(&world.api).await;
    assert_eq!(world.intent(id).await["status"], "succeeded");
}
