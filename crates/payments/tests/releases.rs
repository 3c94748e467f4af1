//! Refunding a charge that was never captured releases its authorization.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use api::worker::Worker;
use async_trait::async_trait;
use contracts::Ledger;
use domain::attempts::{Attempt, Decline, Done, Operation, Outcome};
use processors::sandbox::{Sandbox, SandboxConfig};
use processors::{Assignment, Query};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;
use support::World;
use support::staged::{Play, Staged};

/// An authorization of $20 without an intent: the charge's id.
async fn authorized(world: &World) -> String {
    let form = "amount=2000&currency=usd&source=tok_visa&capture=false";
    let charge: Value = serde_json::from_str(&world.post("/v1/charges", &[], form).await.body).unwrap();
    assert_eq!((&charge["status"], &charge["captured"]), (&json!("succeeded"), &json!(false)), "{charge}");
    charge["id"].as_str().unwrap().to_owned()
}

/// The status and the body of the answer to a refund.
async fn refund(world: &World, form: &str) -> (u16, Value) {
    let answer = world.post("/v1/refunds", &[], form).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

/// Minor units that are reserved in the books.
async fn held(world: &World) -> i64 {
    let balances = world.ledger.balances(world.tenant.id, "assets/processor/").await.unwrap();
    balances.iter().map(|balance| balance.debits_pending).sum()
}

async fn charge(world: &World, id: &str) -> Value {
    world.object("/v1/charges/{id}", id).await
}

fn check_released(charge: &Value) {
    assert_eq!(
        (&charge["refunded"], &charge["captured"], &charge["paid"]),
        (&json!(true), &json!(false), &json!(true))
    );
    assert_eq!((&charge["amount_refunded"], &charge["amount_captured"]), (&json!(2000), &json!(0)));
    assert_eq!(charge["balance_transaction"], Value::Null);
}

#[tokio::test]
async fn an_authorization_is_released_as_a_whole() {
    let world = World::new(SandboxConfig::default());
    let id = authorized(&world).await;
    for (amount, param) in [("1999", "amount"), ("2001", "amount"), ("0", "amount")] {
        let (status, error) = refund(&world, &format!("charge={id}&amount={amount}")).await;
        assert_eq!((status, &error["error"]["param"]), (400, &json!(param)), "{error}");
    }
    assert_eq!(held(&world).await, 2000);

    let (status, made) = refund(&world, &format!("charge={id}&amount=2000&reason=duplicate")).await;
    assert_eq!((status, &made["status"], &made["amount"]), (200, &json!("succeeded"), &json!(2000)), "{made}");
    assert_eq!((&made["balance_transaction"], &made["reason"]), (&Value::Null, &json!("duplicate")));
    assert_eq!(held(&world).await, 0);
    check_released(&charge(&world, &id).await);
    let asked = world.get("/x/v1/attempts", &[], &format!("target={}", made["id"].as_str().unwrap())).await;
    let asked: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(
        (&asked["data"][0]["operation"], &asked["data"][0]["amount"]),
        (&json!("void"), &json!(2000)),
        "{asked}"
    );

    let (_, again) = refund(&world, &format!("charge={id}")).await;
    assert_eq!(again["error"]["code"], "charge_already_refunded", "{again}");
    let capture = world.post("/v1/charges/{id}/capture", &[("id", &id)], "").await;
    assert!(capture.status == 400 && capture.body.contains("charge_already_captured"), "{}", capture.body);
}

#[tokio::test]
async fn an_intents_authorization_is_canceled_instead() {
    let world = World::new(SandboxConfig::default());
    let made: Value = serde_json::from_str(&world.pay("pm_card_visa", "&capture_method=manual").await.body).unwrap();
    let (intent, charge) = (made["id"].as_str().unwrap(), made["latest_charge"].as_str().unwrap());
    for form in [format!("charge={charge}"), format!("payment_intent={intent}")] {
        let (status, error) = refund(&world, &form).await;
        assert_eq!((status, &error["error"]["code"]), (400, &json!("charge_not_refundable")), "{error}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(&format!("cancel the PaymentIntent {intent} instead")), "{message}");
    }
    assert_eq!(held(&world).await, 2000);
}

/// Authorizes, and answers to the rest in this order.
struct Script(Mutex<VecDeque<Outcome>>);

impl Script {
    fn next(&self, attempt: &Attempt) -> Outcome {
        let is_release = attempt.operation == Operation::Void;
        let next = is_release.then(|| self.0.lock().unwrap().pop_front()).flatten();
        next.unwrap_or(Outcome::Done(Done { reference: "ref".to_owned(), ..Done::default() }))
    }
}

#[async_trait]
impl Play for Script {
    async fn execute(&self, _: &Sandbox, assignment: Assignment<'_>) -> Outcome {
        self.next(assignment.attempt)
    }

    async fn query(&self, _: &Sandbox, assignment: Assignment<'_>) -> Query {
        Query::Known(self.next(assignment.attempt))
    }
}

fn scripted(script: Vec<Outcome>) -> World {
    World::of(|clock| Staged::new(Script(Mutex::new(script.into())), clock))
}

fn declined() -> Outcome {
    let decline =
        Decline { code: "processing_error".to_owned(), decline_code: None, message: "No.".to_owned(), blocked: false };
    Outcome::Declined { decline, reference: None }
}

#[tokio::test]
async fn while_the_processor_has_not_answered_the_charge_waits() {
    let world = scripted(vec![Outcome::Pending { reference: None, due: None }]);
    let id = authorized(&world).await;
    let (_, made) = refund(&world, &format!("charge={id}")).await;
    assert_eq!((&made["status"], &made["balance_transaction"]), (&json!("pending"), &Value::Null), "{made}");
    assert_eq!((held(&world).await, &charge(&world, &id).await["refunded"]), (2000, &json!(false)));

    let refused = world.post("/v1/charges/{id}/capture", &[("id", &id)], "").await;
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert_eq!(refund(&world, &format!("charge={id}")).await.0, 429);
    let refund = made["id"].as_str().unwrap();
    let refused = world.post("/v1/refunds/{id}/cancel", &[("id", refund)], "").await;
    assert!(refused.status == 400 && refused.body.contains("releases an authorization"), "{}", refused.body);

    world.clock.advance(Duration::from_secs(2));
    Worker::default().round(&world.api).await;
    assert_eq!(world.object("/v1/refunds/{id}", refund).await["status"], "succeeded");
    assert_eq!(held(&world).await, 0);
    check_released(&charge(&world, &id).await);
}

#[tokio::test]
async fn what_the_processor_declines_to_release_can_still_be_captured() {
    let world = scripted(vec![declined()]);
    let id = authorized(&world).await;
    let (status, made) = refund(&world, &format!("charge={id}")).await;
    assert_eq!(
        (status, &made["status"], &made["failure_reason"]),
        (200, &json!("failed"), &json!("unknown")),
        "{made}"
    );
    assert_eq!((held(&world).await, &charge(&world, &id).await["refunded"]), (2000, &json!(false)));
    let captured = world.post("/v1/charges/{id}/capture", &[("id", &id)], "").await;
    assert_eq!(captured.status, 200, "{}", captured.body);
    let (_, refunded) = refund(&world, &format!("charge={id}")).await;
    assert!(refunded["balance_transaction"].is_string(), "{refunded}");
}
