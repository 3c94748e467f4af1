//! What processors report by webhook.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use api::open::{OpenAnswer, OpenRequest};
use api::worker::Worker;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Method};
use processors::sandbox::SandboxConfig;
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::Duration;
use support::World;

const SECRET: &str = "whsec";
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

fn signature(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn send(world: &World, method: Method, path: &str, signature: &str, body: &str) -> OpenAnswer {
    let route = world.api.open.find(path).expect("the route of webhooks");
    let mut headers = HeaderMap::new();
    headers.insert("sandbox-signature", signature.parse().unwrap());
    let request = OpenRequest {
        services: world.api.services.clone(),
        method,
        path_params: route.path_params.clone(),
        query: String::new(),
        headers,
        body: body.to_owned().into(),
    };
    route.answer(request).await
}

async fn notify(world: &World, tenant: &str, attempt: &str) -> u16 {
    let body = json!({ "tenant": tenant, "attempt": attempt }).to_string();
    send(world, Method::POST, "/webhooks/sandbox", &signature(&body), &body).await.status.as_u16()
}

async fn intent(world: &World, id: &str) -> Value {
    let answer = world.get("/v1/payment_intents/{id}", &[("id", id)], "").await;
    serde_json::from_str(&answer.body).unwrap()
}

/// A payment whose result is pending: the intent's id, and its attempt.
async fn pending_payment(world: &World) -> (String, Value) {
    let paid: Value = serde_json::from_str(&world.pay("pm_card_visa", "").await.body).unwrap();
    assert_eq!(paid["status"], "processing", "{paid}");
    let id = paid["id"].as_str().unwrap().to_owned();
    let attempt = attempt(world, &id).await;
    (id, attempt)
}

async fn attempt(world: &World, intent: &str) -> Value {
    let list = world.get("/x/v1/attempts", &[], &format!("payment_intent={intent}")).await;
    let list: Value = serde_json::from_str(&list.body).unwrap();
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");
    list["data"][0].clone()
}

#[tokio::test]
async fn a_notice_has_an_attempt_asked_about_at_once() {
    let world = world(SECRET);
    let tenant = world.tenant.id.to_string();
    let (id, made) = pending_payment(&world).await;
    let name = made["id"].as_str().unwrap();

    assert_eq!(notify(&world, &tenant, name).await, 200);
    assert_eq!(intent(&world, &id).await["status"], "processing", "the result is not there yet");
    assert_eq!(attempt(&world, &id).await["queries"], 1);

    world.clock.advance(PENDING);
    let (one, other) = tokio::join!(notify(&world, &tenant, name), notify(&world, &tenant, name));
    assert_eq!((one, other), (200, 200));
    let paid = intent(&world, &id).await;
    assert_eq!((&paid["status"], &paid["amount_received"]), (&json!("succeeded"), &json!(2000)));
    let queries = attempt(&world, &id).await["queries"].clone();

    // What is over stays as it is, whatever comes later.
    assert_eq!(notify(&world, &tenant, name).await, 200);
    world.clock.advance(PENDING);
    Worker::default().round(&world.api).await;
    assert_eq!(intent(&world, &id).await, paid);
    assert_eq!(attempt(&world, &id).await["queries"], queries);
}

#[tokio::test]
async fn a_notice_that_is_not_signed_has_no_effect() {
    let world = world(SECRET);
    let (id, made) = pending_payment(&world).await;
    world.clock.advance(PENDING);
    let body = json!({ "tenant": world.tenant.id.to_string(), "attempt": made["id"] }).to_string();
    let right = signature(&body);
    let path = "/webhooks/sandbox";
    for (method, path, signature, body, status) in [
        (Method::POST, path, signature("{}").as_str(), body.as_str(), 401),
        (Method::POST, path, "", &body, 401),
        (Method::POST, path, &signature("{}"), "{}", 400),
        (Method::GET, path, &right, &body, 405),
        (Method::POST, "/webhooks/other", &right, &body, 404),
    ] {
        assert_eq!(send(&world, method, path, signature, body).await.status, status, "{signature} {body}");
    }
    assert_eq!(intent(&world, &id).await["status"], "processing");
    assert_eq!(attempt(&world, &id).await["queries"], 0);
    assert_eq!(send(&world, Method::POST, path, &right, &body).await.status, 200);
    assert_eq!(intent(&world, &id).await["status"], "succeeded");
}

#[tokio::test]
async fn without_a_secret_no_notice_is_taken() {
    let world = world("");
    let (_, made) = pending_payment(&world).await;
    assert_eq!(notify(&world, &world.tenant.id.to_string(), made["id"].as_str().unwrap()).await, 404);
}

#[tokio::test]
async fn a_notice_about_what_there_is_not_is_ignored() {
    let world = world(SECRET);
    let (id, made) = pending_payment(&world).await;
    let (tenant, attempt) = (world.tenant.id.to_string(), made["id"].as_str().unwrap());
    let other = testkit::tenant_id(77).to_string();
    for (tenant, attempt) in [(&*tenant, "att_unknown"), ("", attempt), (&other, attempt), (&tenant, &id)] {
        assert_eq!(notify(&world, tenant, attempt).await, 200, "{tenant} {attempt}");
    }
    assert_eq!(self::attempt(&world, &id).await["queries"], 0);
}
