//! What processors call what they have done: later requests name it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use domain::attempts::Outcome;
use std::sync::Arc;
use support::staged::Question::{Execute, Query};
use support::staged::{Script, Staged, action, declined, done_as};
use support::{World, body};

fn world(script: &Arc<Script>) -> World {
    World::of(|clock| Staged::new(script.clone(), clock))
}

/// What the last question to the processor was said to build on.
fn last_original(script: &Script) -> Option<String> {
    script.originals.lock().unwrap().last().unwrap().clone()
}

fn pending_as(reference: &str) -> Outcome {
    Outcome::Pending { reference: Some(reference.to_owned()), due: None }
}

/// The processor named it when it asked for the payer, and not again when the payment was made: what followed named nothing.
#[tokio::test]
async fn a_name_that_is_not_given_again_is_kept() {
    for (intent, command, path) in [
        ("", "refund", "/v1/refunds"),
        ("&capture_method=manual", "capture", "/v1/payment_intents/{id}/capture"),
        ("&capture_method=manual", "void", "/v1/payment_intents/{id}/cancel"),
    ] {
        let script = Script::new([(Execute, action()), (Query, done_as(""))]);
        let world = world(&script);
        let id = body(&world.pay("pm_card_visa", intent).await)["id"].as_str().unwrap().to_owned();
        world.work(60).await;
        script.goes_on([(Execute, done_as("next"))]);
        let form = if command == "refund" { format!("payment_intent={id}") } else { String::new() };
        let answer = world.post(path, &[("id", &id)], &form).await;
        assert_eq!(answer.status, 200, "{command}: {}", answer.body);
        assert_eq!(last_original(&script).as_deref(), Some("ref"), "{command}");
    }
}

#[tokio::test]
async fn a_payment_without_a_name_is_built_on_without_one() {
    let script = Script::new([(Execute, done_as("")), (Execute, done_as("next"))]);
    let world = world(&script);
    let id = body(&world.pay("pm_card_visa", "").await)["id"].as_str().unwrap().to_owned();
    world.post("/v1/refunds", &[], &format!("payment_intent={id}")).await;
    assert_eq!(last_original(&script), None);
}

#[tokio::test]
async fn a_reversal_names_what_it_takes_back() {
    let script = Script::new([(Execute, action()), (Query, declined("card_declined"))]);
    let world = world(&script);
    let id = body(&world.pay("pm_card_visa", "").await)["id"].as_str().unwrap().to_owned();
    world.work(60).await;
    *script.notice.lock().unwrap() = Some(done_as(""));
    let attempt = world.attempt(&id).await;
    assert_eq!(world.notify(&world.tenant.id.to_string(), attempt["id"].as_str().unwrap()).await, 200);
    script.goes_on([(Query, done_as("back"))]);
    world.work(1).await;
    assert!(script.is_at_its_end());
    assert_eq!(last_original(&script).as_deref(), Some("ref"));
}

/// A refund's name is what the payer's bank asks for.
#[tokio::test]
async fn a_refund_keeps_its_name() {
    for late in [false, true] {
        let script = Script::new([(Execute, done_as("paid")), (Execute, pending_as("named"))]);
        let world = world(&script);
        let id = body(&world.pay("pm_card_visa", "").await)["id"].as_str().unwrap().to_owned();
        let refund = body(&world.post("/v1/refunds", &[], &format!("payment_intent={id}")).await);
        let refund = refund["id"].as_str().unwrap();
        let list = body(&world.get("/x/v1/attempts", &[], &format!("target={refund}")).await);
        let attempt = list["data"][0]["id"].as_str().unwrap();
        let first = late.then(|| declined("expired_card"));
        for outcome in first.into_iter().chain([done_as("")]) {
            *script.notice.lock().unwrap() = Some(outcome);
            assert_eq!(world.notify(&world.tenant.id.to_string(), attempt).await, 200);
        }
        let refund = world.object("/v1/refunds/{id}", refund).await;
        assert_eq!(refund["status"], "succeeded");
        assert_eq!(refund["destination_details"]["card"]["reference"], "named", "{refund}");
    }
}
