//! Which of payers' tries to pay count against them, and when.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use api::CardTestingLimits;
use contracts::KeyKind;
use futures_util::future::join_all;
use http::Method;
use processors::sandbox::SandboxConfig;
use std::sync::atomic::Ordering;
use support::staged::{Question, Script, Staged, action, declined};
use support::tries::{DECLINED, GOOD, NO_LIMITS, at, code, intent, pay, status, world};
use support::{World, body};

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
