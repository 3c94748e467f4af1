//! What the worker does by itself, round by round.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use api::worker::Worker;
use http::Method;
use processors::sandbox::SandboxConfig;
use std::time::Duration;
use support::World;

#[tokio::test]
async fn by_a_clock_that_cannot_be_trusted_no_key_is_forgotten_and_nothing_is_due() {
    let world = World::new(SandboxConfig::default());
    let began = world.clock.advance(Duration::ZERO);
    let paid = world.pay("pm_card_visa", "&capture_method=manual").await;
    assert_eq!(paid.status, 200, "{}", paid.body);

    world.clock.doubt(true);
    world.clock.advance(Duration::from_secs(40 * 86_400));
    let mut worker = Worker::default();
    worker.round(&world.api).await;
    world.clock.set(began);
    world.clock.doubt(false);
    // What the process remembers of its answers is not what is asked about.
    world.ledger.fail_over();
    let again = world.pay("pm_card_visa", "&capture_method=manual").await;
    assert_eq!((again.replayed, &again.body), (true, &paid.body));

    // The same round by a clock that can be trusted.
    world.clock.advance(Duration::from_secs(40 * 86_400));
    worker.round(&world.api).await;
    world.clock.set(began);
    world.ledger.fail_over();
    assert!(!world.pay("pm_card_visa", "&capture_method=manual").await.replayed, "the key is forgotten");
}

/// Deleting keys is done in short steps, so that no round takes long.
#[tokio::test]
async fn keys_are_forgotten_round_by_round_while_there_are_more() {
    let world = World::new(SandboxConfig::default());
    let began = world.clock.advance(Duration::ZERO);
    let send = async |key: String| {
        let send = world.send(&Method::POST, "/v1/customers", &[], "", Some(key)).await;
        assert_eq!(send.status, 200, "{}", send.body);
        send.replayed
    };
    for number in 0..5 {
        send(format!("key {number}")).await;
    }
    world.clock.advance(Duration::from_secs(40 * 86_400));
    let mut worker = Worker::default();
    for _ in 0..10 {
        worker.round(&world.api).await;
    }
    world.clock.set(began);
    world.ledger.fail_over();
    for number in 0..5 {
        assert!(!send(format!("key {number}")).await, "key {number} is forgotten");
    }
}
