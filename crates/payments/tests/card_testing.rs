//! Card testing: with a publishable key, and with an intent's secret, no card after another can be tried until one is good.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use api::CardTestingLimits;
use http::Method;
use processors::sandbox::SandboxConfig;
use serde_json::Value;
use std::time::Duration;
use support::tries::{DECLINED, GOOD, LOST, NO_LIMITS, at, code, intent, pay, world};
use support::{World, body};

/// Sixty cards were declined on one intent, and then one was good.
#[tokio::test]
async fn an_intent_is_canceled_after_so_many_failures() {
    for (path, form) in [("/v1/payment_intents", "amount=2000&currency=usd"), ("/v1/setup_intents", "")] {
        for by_payer in [true, false] {
            let world = World::new(SandboxConfig::default());
            let intent = body(&world.post(path, &[], form).await);
            let id = intent["id"].as_str().unwrap();
            let confirm = async |form| match by_payer {
                true => world.confirm_by_payer(&intent, form, None).await,
                false => world.post(&format!("{path}/{{id}}/confirm"), &[("id", id)], form).await,
            };
            let mut failures = 0;
            let last = loop {
                // A card of its own each time, as far as there are some.
                let answer = confirm(if failures % 2 == 0 { DECLINED } else { LOST }).await;
                assert_eq!(answer.status, 402, "{}", answer.body);
                failures += 1;
                assert!(failures <= 15, "{path}");
                let shown = &body(&answer)["error"][intent["object"].as_str().unwrap()];
                if shown["status"] == "canceled" {
                    break shown.clone();
                }
                assert_eq!(shown["status"], "requires_payment_method");
            };
            assert_eq!(failures, 15);
            let refused = confirm(GOOD).await;
            let unexpected = format!("{}_unexpected_state", intent["object"].as_str().unwrap());
            assert_eq!((refused.status, code(&refused)), (400, unexpected), "{}", refused.body);
            let read = world.object(&format!("{path}/{{id}}"), id).await;
            assert_eq!(
                (&read["status"], &read["cancellation_reason"]),
                (&"canceled".into(), &last["cancellation_reason"])
            );
            if path == "/v1/payment_intents" {
                assert_eq!(read["cancellation_reason"], "automatic");
            }
        }
    }
}

/// So does a payer who fails to authenticate; and what has failed is counted with the intent, for every process.
#[tokio::test]
async fn failures_are_counted_with_the_intent() {
    let world = world(CardTestingLimits { intent_failures_max: 3, ..NO_LIMITS });
    let intent = intent(&world).await;
    world.confirm_by_payer(&intent, DECLINED, None).await;
    let asked = world.confirm_by_payer(&intent, "payment_method=pm_card_authenticationRequired", None).await;
    let page = body(&asked)["next_action"]["use_stripe_sdk"]["stripe_js"].as_str().unwrap().to_owned();
    let page = page.strip_prefix("http://localhost").unwrap();
    world.open(Method::POST, page, "", "outcome=fail").await;
    let id = intent["id"].as_str().unwrap();
    assert_eq!(world.intent(id).await["status"], "requires_payment_method");
    assert_eq!(world.confirm_by_payer(&intent, LOST, None).await.status, 402);
    assert_eq!(world.intent(id).await["status"], "canceled");
}

#[tokio::test]
async fn a_card_is_not_tried_without_end() {
    let world = world(CardTestingLimits { card_failures_max: 3, ..NO_LIMITS });
    for _ in 0..5 {
        assert_eq!(pay(&world, GOOD).await.status, 200, "what succeeds is not counted");
    }
    for _ in 0..3 {
        assert_eq!(code(&pay(&world, DECLINED).await), "card_declined");
    }
    let made = intent(&world).await;
    let refused = world.confirm_by_payer(&made, DECLINED, Some("k")).await;
    assert_eq!(
        (refused.status, code(&refused).as_str()),
        (402, "card_decline_rate_limit_exceeded"),
        "{}",
        refused.body
    );
    let setup = body(&world.post("/v1/setup_intents", &[], "").await);
    assert_eq!(code(&world.confirm_by_payer(&setup, DECLINED, None).await), "card_decline_rate_limit_exceeded");
    assert_eq!(
        world.intent(made["id"].as_str().unwrap()).await["latest_charge"],
        Value::Null,
        "no processor was asked"
    );
    assert_eq!(pay(&world, GOOD).await.status, 200, "another card");
    assert_eq!(code(&world.pay("pm_card_visa_chargeDeclined", "").await), "card_declined", "the merchant's own tries");

    world.clock.advance(Duration::from_secs(24 * 3600));
    let again = world.confirm_by_payer(&made, DECLINED, Some("k")).await;
    assert_eq!((again.replayed, code(&again).as_str()), (false, "card_declined"), "{}", again.body);
}

#[tokio::test]
async fn too_many_failures_of_an_address_are_refused() {
    for (from, same, other) in
        [("203.0.113.1", "203.0.113.1", "203.0.113.2"), ("2001:db8::1", "2001:db8:0:1::2", "2001:db8:0:100::1")]
    {
        let world = world(CardTestingLimits { address_failures_max: 2, ..NO_LIMITS });
        at(&world, from, "a");
        assert_eq!(pay(&world, DECLINED).await.status, 402);
        let made = intent(&world).await;
        let second = world.confirm_by_payer(&made, LOST, Some("k")).await;
        assert_eq!(second.status, 402);
        at(&world, same, "b");
        let refused = pay(&world, GOOD).await;
        assert_eq!((refused.status, code(&refused).as_str()), (429, "rate_limit"), "{}", refused.body);
        assert_eq!(refused.retry_after, Some(Duration::from_secs(3600)));
        let repeated = world.confirm_by_payer(&made, LOST, Some("k")).await;
        assert_eq!((repeated.replayed, &repeated.body), (true, &second.body), "a repeated request is no try");
        assert_eq!(world.pay("pm_card_visa", "").await.status, 200, "the merchant");
        at(&world, other, "a");
        assert_eq!(pay(&world, GOOD).await.status, 200);
        at(&world, from, "a");
        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(pay(&world, GOOD).await.status, 200);
    }
}

/// By failing often enough an attacker kept all payers of a shop from paying.
#[tokio::test]
async fn where_a_key_has_too_many_failures_each_address_has_one() {
    let world = world(CardTestingLimits { key_failures_max: 2, ..NO_LIMITS });
    at(&world, "203.0.113.1", "a");
    assert_eq!(pay(&world, DECLINED).await.status, 402);
    assert_eq!(pay(&world, GOOD).await.status, 200);
    assert_eq!(pay(&world, LOST).await.status, 402);
    let refused = pay(&world, GOOD).await;
    assert_eq!((refused.status, refused.retry_after), (429, Some(Duration::from_secs(3600))), "{}", refused.body);
    at(&world, "203.0.113.2", "a");
    assert_eq!(pay(&world, GOOD).await.status, 200);
    assert_eq!(pay(&world, DECLINED).await.status, 402);
    assert_eq!(pay(&world, GOOD).await.status, 429);
    at(&world, "203.0.113.3", "a");
    assert_eq!(pay(&world, GOOD).await.status, 200);
    at(&world, "203.0.113.1", "b");
    assert_eq!(pay(&world, LOST).await.status, 402, "of another key the limits are its own");
    at(&world, "203.0.113.1", "a");
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(pay(&world, GOOD).await.status, 200);
}
