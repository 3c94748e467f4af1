//! Card testing: with a publishable key, and with an intent's secret, no card after another can be tried until one is good.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use api::{Answer, CardTestingLimits, Origin};
use contracts::KeyKind;
use futures_util::future::join_all;
use http::Method;
use processors::sandbox::SandboxConfig;
use serde_json::Value;
use std::sync::atomic::Ordering;
use std::time::Duration;
use support::staged::{Question, Script, Staged, action, declined};
use support::{World, body};

const DECLINED: &str = "payment_method=pm_card_visa_chargeDeclined";
const LOST: &str = "payment_method=pm_card_visa_chargeDeclinedLostCard";
const GOOD: &str = "payment_method=pm_card_visa";
const NO_LIMITS: CardTestingLimits =
    CardTestingLimits { intent_failures_max: 0, card_failures_max: 0, address_failures_max: 0, key_failures_max: 0 };

/// In live mode.
fn world(limits: CardTestingLimits) -> World {
    let world = World::limited(SandboxConfig::default(), limits);
    world.livemode.store(true, Ordering::Relaxed);
    world
}

/// Where requests come from, from now on.
fn at(world: &World, address: &str, key: &str) {
    *world.origin.lock().unwrap() = Origin::new(Some(address.parse().unwrap()), key);
}

fn status(answer: &Answer) -> String {
    body(answer)["status"].as_str().unwrap_or_default().to_owned()
}

async fn intent(world: &World) -> Value {
    body(&world.post("/v1/payment_intents", &[], "amount=2000&currency=usd").await)
}

/// A payer's try to pay a new intent.
async fn pay(world: &World, form: &str) -> Answer {
    world.confirm_by_payer(&intent(world).await, form, None).await
}

fn code(answer: &Answer) -> String {
    body(answer)["error"]["code"].as_str().unwrap_or_default().to_owned()
}

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
        [("203.0.113.1", "203.0.113.1", "203.0.113.2"), ("2001:db8::1", "2001:db8::2:2", "2001:db8:0:1::1")]
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

/// Tries count while they are under way, so that many at once are no way round the limit; but they have not failed.
#[tokio::test]
async fn tries_at_the_same_time_wait_for_each_other() {
    for limits in [
        CardTestingLimits { key_failures_max: 3, ..NO_LIMITS },
        CardTestingLimits { address_failures_max: 3, ..NO_LIMITS },
        CardTestingLimits { card_failures_max: 3, ..NO_LIMITS },
    ] {
        let world = World::limited(SandboxConfig { latency_ms: 20, ..SandboxConfig::default() }, limits.clone());
        world.livemode.store(true, Ordering::Relaxed);
        if limits.key_failures_max == 0 {
            at(&world, "203.0.113.1", "a");
        }
        for (form, expected) in [(GOOD, 200), (GOOD, 200), (DECLINED, 402)] {
            let mut intents = Vec::new();
            for _ in 0..10 {
                intents.push(intent(&world).await);
            }
            let answers = join_all(intents.iter().map(|intent| world.confirm_by_payer(intent, form, None))).await;
            let (refused, carried_out): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 429);
            assert_eq!((carried_out.len(), refused.len()), (3, 7), "{limits:?}");
            assert!(carried_out.iter().all(|answer| answer.status == expected));
            assert!(refused.iter().all(|answer| answer.retry_after.is_none()), "clients try again by themselves");
        }
        let refused = pay(&world, DECLINED).await;
        assert!(refused.retry_after.is_some() || refused.status == 402, "{}", refused.body);
    }
}

/// Trying the numbers of cards out is trying, too. But no processor knows of it, and to send nonsense costs nothing: that must not
/// use the key's failures up.
#[tokio::test]
async fn numbers_that_are_no_cards_count_for_the_address() {
    let card = "[number]=4242424242424241&[exp_month]=12&[exp_year]=2030";
    let data = card.replace('[', "payment_method_data[card][") + "&payment_method_data[type]=card";
    let alone = card.replace('[', "card[") + "&type=card";
    for by_intent in [true, false] {
        let world = world(CardTestingLimits { address_failures_max: 2, key_failures_max: 1, ..NO_LIMITS });
        at(&world, "203.0.113.1", "a");
        let send = async || match by_intent {
            true => pay(&world, &data).await,
            false => {
                let at = ("/v1/payment_methods", &[][..]);
                world.send_with(KeyKind::Publishable, &Method::POST, at, &alone, None).await
            }
        };
        assert_eq!(code(&send().await), "incorrect_number");
        assert_eq!(code(&send().await), "incorrect_number");
        assert_eq!(send().await.status, 429);
        at(&world, "203.0.113.2", "a");
        assert_eq!(code(&send().await), "incorrect_number");
        assert_eq!(pay(&world, GOOD).await.status, 200, "the key has no failure");
    }
}

#[tokio::test]
async fn what_one_limit_refuses_is_no_failure_for_another() {
    let world = world(CardTestingLimits { card_failures_max: 1, address_failures_max: 2, ..NO_LIMITS });
    at(&world, "203.0.113.1", "a");
    assert_eq!(code(&pay(&world, DECLINED).await), "card_declined");
    for _ in 0..3 {
        assert_eq!(code(&pay(&world, DECLINED).await), "card_decline_rate_limit_exceeded");
    }
    assert_eq!(pay(&world, GOOD).await.status, 200);
}

/// The card was refused only after what the payer was at had been given up for it.
#[tokio::test]
async fn a_card_that_is_refused_gives_nothing_up() {
    for (path, form) in [("/v1/payment_intents", "amount=2000&currency=usd"), ("/v1/setup_intents", "")] {
        // It is not asked to cancel anything.
        let script = Script::new([(Question::Execute, declined("card_declined")), (Question::Execute, action())]);
        let limits = CardTestingLimits { card_failures_max: 1, ..NO_LIMITS };
        let world = World::limited_of(|clock| Staged::new(script, clock), limits);
        world.livemode.store(true, Ordering::Relaxed);
        assert_eq!(code(&pay(&world, DECLINED).await), "card_declined");
        let made = body(&world.post(path, &[], form).await);
        let asked = world.confirm_by_payer(&made, "payment_method=pm_card_authenticationRequired", None).await;
        assert_eq!(status(&asked), "requires_action", "{}", asked.body);
        let refused = world.confirm_by_payer(&made, DECLINED, None).await;
        assert_eq!(code(&refused), "card_decline_rate_limit_exceeded", "{}", refused.body);
        let read = world.object(&format!("{path}/{{id}}"), made["id"].as_str().unwrap()).await;
        assert_eq!(read["status"], "requires_action");
    }
}

/// A payer who was asked to authenticate had no failure, whatever became of it.
#[tokio::test]
async fn failures_count_when_they_are_known() {
    for limits in [
        CardTestingLimits { address_failures_max: 1, ..NO_LIMITS },
        CardTestingLimits { card_failures_max: 1, ..NO_LIMITS },
        CardTestingLimits { key_failures_max: 1, ..NO_LIMITS },
    ] {
        let world = world(limits);
        at(&world, "203.0.113.1", "a");
        for (outcome, is_refused) in [("approve", false), ("fail", false), ("approve", true)] {
            let asked = pay(&world, "payment_method=pm_card_authenticationRequired").await;
            assert_eq!(matches!(asked.status, 402 | 429), is_refused, "{}", asked.body);
            if !is_refused {
                let page = body(&asked)["next_action"]["use_stripe_sdk"]["stripe_js"].as_str().unwrap().to_owned();
                let page = page.strip_prefix("http://localhost").unwrap();
                world.open(Method::POST, page, "", &format!("outcome={outcome}")).await;
            }
        }
    }
}

/// A merchant's tests try one card again and again, all from one address.
#[tokio::test]
async fn test_cards_may_be_tried_without_end() {
    let limits = CardTestingLimits {
        intent_failures_max: 1,
        card_failures_max: 1,
        address_failures_max: 1,
        key_failures_max: 1,
    };
    let world = World::limited(SandboxConfig::default(), limits);
    at(&world, "203.0.113.1", "a");
    for _ in 0..3 {
        let made = intent(&world).await;
        assert_eq!(code(&world.confirm_by_payer(&made, DECLINED, None).await), "card_declined");
        assert_eq!(world.intent(made["id"].as_str().unwrap()).await["status"], "canceled", "that can be tested");
    }
}
