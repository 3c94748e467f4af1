//! Canceling refunds: the processor has to confirm that it will not pay them out.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use domain::attempts::Outcome;
use http::Method;
use processors::sandbox::SandboxConfig;
use std::time::Duration;
use support::staged::Question::{Cancel, Execute, Query};
use support::staged::{Script, Staged, declined, done, pending, unknown};
use support::{World, body};

/// A refund that was canceled here was paid out all the same.
#[tokio::test]
async fn a_refund_is_canceled_when_the_processor_says_so() {
    for (answer, status, is_due) in [
        (Outcome::Canceled, "canceled", false),
        (done(), "succeeded", false),
        (declined("expired_card"), "failed", false),
        (pending(), "pending", true),
        (unknown(), "pending", true),
    ] {
        let script = Script::new([(Execute, done()), (Execute, pending()), (Cancel, answer)]);
        let world = World::of(|clock| Staged::new(script.clone(), clock));
        let paid = body(&world.pay("pm_card_visa", "").await);
        let id = paid["id"].as_str().unwrap();
        let refund = body(&world.post("/v1/refunds", &[], &format!("payment_intent={id}")).await);
        assert_eq!(refund["status"], "pending", "{refund}");
        let refund = refund["id"].as_str().unwrap();
        let cancel = async || {
            let key = Some("cancel it".to_owned());
            world.send(&Method::POST, "/v1/refunds/{id}/cancel", &[("id", refund)], "", key).await
        };
        let first = cancel().await;
        assert_eq!((first.status, body(&first)["status"].as_str()), (200, Some(status)), "{}", first.body);
        assert_eq!(cancel().await.body, first.body);
        let list = body(&world.get("/x/v1/attempts", &[], &format!("target={refund}")).await);
        assert_eq!(!list["data"][0]["next_query_at"].is_null(), is_due, "{list}");
        if status == "pending" {
            let still = list["data"][0]["status"] == "pending";
            script.goes_on(if still { [(Query, done())] } else { [(Cancel, Outcome::Canceled)] });
            world.work(5).await;
            let after = world.object("/v1/refunds/{id}", refund).await;
            assert_eq!(after["status"], if still { "succeeded" } else { "canceled" });
        }
        assert!(script.is_at_its_end());
    }
}

/// The process dies between the commit and the processor's answer, or between that and its commit.
#[tokio::test]
async fn a_cancellation_whose_process_dies_is_finished_by_the_worker() {
    let script = Script::new([(Execute, done()), (Execute, pending()), (Cancel, Outcome::Canceled)]);
    let world = World::of(|clock| Staged::new(script.clone(), clock));
    let paid = body(&world.pay("pm_card_visa", "").await);
    let form = format!("payment_intent={}", paid["id"].as_str().unwrap());
    let refund = body(&world.post("/v1/refunds", &[], &form).await);
    let refund = refund["id"].as_str().unwrap();
    let cancel = async || {
        let key = Some("cancel it".to_owned());
        world.send(&Method::POST, "/v1/refunds/{id}/cancel", &[("id", refund)], "", key).await
    };
    world.ledger.break_at_next_commit();
    assert_eq!(cancel().await.status, 503);
    world.ledger.repair();
    assert_eq!(cancel().await.status, 409, "nothing is known yet");
    script.goes_on([(Cancel, Outcome::Canceled)]);
    world.work(61).await;
    assert!(script.is_at_its_end());
    let answer = cancel().await;
    assert_eq!((answer.status, answer.replayed, body(&answer)["status"].as_str()), (200, true, Some("canceled")));
    assert_eq!(world.balance("liabilities/refunds").await, 0);
}

/// The sandbox does not cancel a refund whose time has come.
#[tokio::test]
async fn the_sandbox_cancels_what_is_pending_and_nothing_else() {
    const PENDING: u64 = 3;
    for (waits, card, status) in [
        (PENDING - 1, "pm_card_pendingRefund", "canceled"),
        (PENDING, "pm_card_pendingRefund", "succeeded"),
        (PENDING, "pm_card_refundFail", "failed"),
    ] {
        for faults in [
            SandboxConfig::default(),
            SandboxConfig { unknown_rate: 1.0, ..SandboxConfig::default() },
            SandboxConfig { lost_rate: 1.0, ..SandboxConfig::default() },
        ] {
            let world = World::new(faults.clone());
            let paid = body(&world.pay(card, "").await);
            world.work(5).await;
            let form = format!("payment_intent={}", paid["id"].as_str().unwrap());
            let refund = body(&world.post("/v1/refunds", &[], &form).await);
            let refund = refund["id"].as_str().unwrap();
            if faults != SandboxConfig::default() {
                // The answer is found out.
                world.work(1).await;
                assert_eq!(world.object("/v1/refunds/{id}", refund).await["status"], "pending");
            }
            world.clock.advance(Duration::from_secs(waits - u64::from(faults != SandboxConfig::default())));
            let cancel = world.post("/v1/refunds/{id}/cancel", &[("id", refund)], "").await;
            assert_eq!(cancel.status, 200, "{}", cancel.body);
            if faults.unknown_rate + faults.lost_rate > 0.0 {
                assert_eq!(body(&cancel)["status"], "pending", "{faults:?}");
                world.work(5).await;
            }
            let found = world.object("/v1/refunds/{id}", refund).await["status"].clone();
            // What was lost arrives when it is sent again, after the refund's time.
            let lost = faults.lost_rate > 0.0 && status == "canceled";
            assert_eq!(found, if lost { "succeeded" } else { status }, "{waits} {faults:?}");
        }
    }
}
