//! How long an intent says why its last attempt failed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use processors::sandbox::SandboxConfig;
use serde_json::{Value, json};
use support::World;

const DECLINED: &str = "payment_method=pm_card_visa_chargeDeclined";

/// An intent whose confirmation was declined.
async fn declined(world: &World, path: &str, form: &str) -> String {
    let made: Value = serde_json::from_str(&world.post(path, &[], form).await.body).unwrap();
    let id = made["id"].as_str().unwrap().to_owned();
    let answer = world.post(&format!("{path}/{{id}}/confirm"), &[("id", &id)], DECLINED).await;
    assert_eq!(answer.status, 402, "{}", answer.body);
    id
}

/// It stood there while the next attempt was under way, and after the card had been replaced.
#[tokio::test]
async fn the_last_error_is_forgotten_when_the_intent_goes_on() {
    let world = World::new(SandboxConfig::default());
    let (payment, setup) = ("/v1/payment_intents", "/v1/setup_intents");
    let challenged = "payment_method=pm_card_authenticationRequired";
    let cases = [
        (payment, "last_payment_error", "", "payment_method=pm_card_visa", "requires_confirmation"),
        (payment, "last_payment_error", "", "metadata[order]=7", "requires_payment_method"),
        (payment, "last_payment_error", "/confirm", challenged, "requires_action"),
        (payment, "last_payment_error", "/confirm", "payment_method=pm_card_visa", "succeeded"),
        (setup, "last_setup_error", "", "payment_method=pm_card_visa", "requires_confirmation"),
        (setup, "last_setup_error", "/confirm", challenged, "requires_action"),
        (setup, "last_setup_error", "/confirm", "payment_method=pm_card_visa", "succeeded"),
    ];
    for (path, attribute, command, form, status) in cases {
        let new = if path == payment { "amount=2000&currency=usd" } else { "" };
        let id = declined(&world, path, new).await;
        let one = format!("{path}/{{id}}");
        assert_eq!(world.object(&one, &id).await[attribute]["code"], "card_declined");
        let answer = world.post(&format!("{one}{command}"), &[("id", &id)], form).await;
        let intent: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((&intent["status"], &intent[attribute]), (&json!(status), &Value::Null), "{path}{command} {form}");
    }
    // What is refused changes nothing.
    let id = declined(&world, payment, "amount=2000&currency=usd").await;
    assert_eq!(world.post("/v1/payment_intents/{id}", &[("id", &id)], "amount=0").await.status, 400);
    assert_eq!(world.intent(&id).await["last_payment_error"]["code"], "card_declined");
}
