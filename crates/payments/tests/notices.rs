//! What processors report by webhook.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use api::worker::Worker;
use http::Method;
use processors::sandbox::SandboxConfig;
use serde_json::{Value, json};
use std::time::Duration;
use support::{SECRET, World, signature};

const PENDING: Duration = Duration::from_secs(3);

/// Where the result of each payment comes later.
fn world(secret: &str) -> World {
    World::new(SandboxConfig {
        pending_rate: 1.0,
        pending_ms: 3_000,
        webhook_secret: secret.to_owned().into(),
        ..SandboxConfig::default()
    })
}

/// A payment whose result is pending: the intent's id, and its attempt.
async fn pending_payment(world: &World) -> (String, Value) {
    let paid: Value = serde_json::from_str(&world.pay("pm_card_visa", "").await.body).unwrap();
    assert_eq!(paid["status"], "processing", "{paid}");
    let id = paid["id"].as_str().unwrap().to_owned();
    let attempt = world.attempt(&id).await;
    (id, attempt)
}

#[tokio::test]
async fn a_notice_has_an_attempt_asked_about_at_once() {
    let world = world(SECRET);
    let tenant = world.tenant.id.to_string();
    let (id, made) = pending_payment(&world).await;
    let name = made["id"].as_str().unwrap();

    assert_eq!(world.notify(&tenant, name).await, 200);
    assert_eq!(world.intent(&id).await["status"], "processing", "the result is not there yet");
    assert_eq!(world.attempt(&id).await["queries"], 1);

    world.clock.advance(PENDING);
    let both = tokio::join!(world.notify(&tenant, name), world.notify(&tenant, name));
    // The other one may find that the first is asking: it is to be sent again.
    assert!([(200, 200), (200, 503), (503, 200)].contains(&both), "{both:?}");
    let paid = world.intent(&id).await;
    assert_eq!((&paid["status"], &paid["amount_received"]), (&json!("succeeded"), &json!(2000)));
    let queries = world.attempt(&id).await["queries"].clone();

    // What is over stays as it is, whatever comes later.
    assert_eq!(world.notify(&tenant, name).await, 200);
    world.clock.advance(PENDING);
    Worker::default().round(&world.api).await;
    assert_eq!(world.intent(&id).await, paid);
    assert_eq!(world.attempt(&id).await["queries"], queries);
}

#[tokio::test]
async fn a_notice_that_is_not_signed_has_no_effect() {
    let world = world(SECRET);
    let (id, made) = pending_payment(&world).await;
    world.clock.advance(PENDING);
    let body = json!({ "tenant": world.tenant.id.to_string(), "attempt": made["id"] }).to_string();
    let right = signature(&body);
    let path = "/webhooks/sandbox";
    for (path, signature, body, status) in [
        (path, signature("{}").as_str(), body.as_str(), 401),
        (path, "", &body, 401),
        (path, &signature("{}"), "{}", 400),
        ("/webhooks/other", &right, &body, 404),
    ] {
        assert_eq!(world.open(Method::POST, path, signature, body).await.status, status, "{signature} {body}");
    }
    assert_eq!(world.intent(&id).await["status"], "processing");
    assert_eq!(world.attempt(&id).await["queries"], 0);
    assert_eq!(world.open(Method::POST, path, &right, &body).await.status, 200);
    assert_eq!(world.intent(&id).await["status"], "succeeded");
}

#[tokio::test]
async fn without_a_secret_no_notice_is_taken() {
    let world = world("");
    let (_, made) = pending_payment(&world).await;
    assert_eq!(world.notify(&world.tenant.id.to_string(), made["id"].as_str().unwrap()).await, 404);
}

#[tokio::test]
async fn a_notice_about_what_there_is_not_is_ignored() {
    let world = world(SECRET);
    let (id, made) = pending_payment(&world).await;
    let (tenant, attempt) = (world.tenant.id.to_string(), made["id"].as_str().unwrap());
    let other = testkit::tenant_id(77).to_string();
    for (tenant, attempt) in [(&*tenant, "att_unknown"), ("", attempt), (&other, attempt), (&tenant, &id)] {
        assert_eq!(world.notify(tenant, attempt).await, 200, "{tenant} {attempt}");
    }
    assert_eq!(world.attempt(&id).await["queries"], 0);
}
