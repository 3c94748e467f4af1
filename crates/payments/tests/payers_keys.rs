//! Idempotency keys of payers, who have the publishable key, and those of the merchant.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use contracts::KeyKind;
use domain::attempts::LEASE;
use domain::commit::KeyIdentity;
use http::Method;
use processors::sandbox::SandboxConfig;
use serde_json::Value;
use std::time::Duration;
use support::staged::{Question, Script, Staged, action, declined, done};
use support::{World, body};

const INTENT: &str = "amount=2000&currency=usd&payment_method=pm_card_visa";

async fn intent(world: &World) -> Value {
    body(&world.post("/v1/payment_intents", &[], INTENT).await)
}

/// A payer could use up keys of the merchant's, so that the merchant's own requests were refused, and learn from the refusals which
/// keys the merchant had used.
#[tokio::test]
async fn payers_and_the_merchant_have_keys_of_their_own() {
    let world = World::new(SandboxConfig::default());
    let (first, second) = (intent(&world).await, intent(&world).await);
    let key = Some("order 7");
    let payers = world.confirm_by_payer(&first, "", key).await;
    assert_eq!((payers.status, payers.replayed), (200, false), "{}", payers.body);

    let merchants = world.pay("pm_card_visa", "").await;
    assert_eq!((merchants.status, merchants.replayed), (200, false), "{}", merchants.body);
    let again = world.pay("pm_card_visa", "").await;
    assert_eq!((again.replayed, &again.body), (true, &merchants.body));
    let again = world.confirm_by_payer(&first, "", key).await;
    assert_eq!((again.replayed, &again.body), (true, &payers.body));

    // Errors name the key as it was sent.
    let reused = world.confirm_by_payer(&second, "", key).await;
    assert_eq!(reused.status, 400);
    assert!(reused.body.contains("'order 7'"), "{}", reused.body);

    // The same path and parameters with the same key: the merchant's request is none of the payer's.
    let secret = second["client_secret"].as_str().unwrap();
    let (path, id) = ("/v1/payment_intents/{id}/confirm", second["id"].as_str().unwrap());
    let form = format!("client_secret={secret}&");
    let merchants = world.send(&Method::POST, path, &[("id", id)], &form, Some("order 8".to_owned())).await;
    assert_eq!(merchants.status, 200, "{}", merchants.body);
    let payers = world.confirm_by_payer(&second, "", Some("order 8")).await;
    assert_eq!((payers.status, payers.replayed), (400, false), "it has succeeded: {}", payers.body);
    assert_eq!(body(&payers)["error"]["code"], "payment_intent_unexpected_state");
}

/// So it is while a request is under way, and for a worker who ends it.
#[tokio::test]
async fn an_interrupted_request_holds_up_its_own_key_alone() {
    let world = World::new(SandboxConfig { latency_ms: 1, ..SandboxConfig::default() });
    let made = intent(&world).await;
    world.ledger.break_at_next_commit();
    assert_eq!(world.confirm_by_payer(&made, "", Some("order 7")).await.status, 503);
    world.ledger.repair();
    let waits = world.confirm_by_payer(&made, "", Some("order 7")).await;
    assert_eq!(waits.status, 409);
    assert!(waits.body.contains("'order 7'"), "{}", waits.body);
    let merchants = world.pay("pm_card_visa", "").await;
    assert_eq!((merchants.status, merchants.replayed), (200, false), "{}", merchants.body);

    world.work(LEASE.as_secs() + 1).await;
    let payers = world.confirm_by_payer(&made, "", Some("order 7")).await;
    assert_eq!((payers.status, payers.replayed), (200, true), "{}", payers.body);
    assert_eq!(body(&payers)["id"], made["id"]);
}

/// The process that had not seen the first request took the repeated one for a new one, and canceled the payment that it repeated.
#[tokio::test]
async fn a_request_that_is_repeated_in_another_process_cancels_nothing() {
    for key in [KeyKind::Secret, KeyKind::Publishable] {
        let script = Script::new([(Question::Execute, action())]);
        let world = World::of(|clock| Staged::new(script.clone(), clock));
        let made = intent(&world).await;
        let id = [("id", made["id"].as_str().unwrap())];
        let at = ("/v1/payment_intents/{id}/confirm", &id[..]);
        let form = format!("client_secret={}", made["client_secret"].as_str().unwrap());
        let confirm = async |api| world.send_to(api, key, &Method::POST, at, &form, Some("order 7".to_owned())).await;
        let first = confirm(&world.api).await;
        assert_eq!(body(&first)["status"], "requires_action", "{}", first.body);
        let again = confirm(&world.another_process(Duration::ZERO)).await;
        assert_eq!((again.replayed, &again.body), (true, &first.body));
    }
}

/// A payer who sent the merchant's key with what the ledger puts before it was answered by the merchant's record.
#[tokio::test]
async fn a_payer_does_not_find_the_merchants_key() {
    let canceled = declined("payment_canceled");
    let script = Script::new([
        (Question::Execute, done()),
        (Question::Execute, action()),
        (Question::Cancel, canceled),
        (Question::Execute, done()),
    ]);
    let world = World::of(|clock| Staged::new(script.clone(), clock));
    assert_eq!(world.pay("pm_card_visa", "").await.status, 200);
    let made = intent(&world).await;
    assert_eq!(body(&world.confirm_by_payer(&made, "", None).await)["status"], "requires_action");
    let merchants = KeyIdentity::new("order 7", false, false);
    let paid = world.confirm_by_payer(&made, "payment_method=pm_card_mastercard", Some(&merchants)).await;
    assert_eq!((paid.status, paid.replayed), (200, false), "{}", paid.body);
    assert!(script.is_at_its_end());
}
