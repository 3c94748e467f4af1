//! What a client is answered while an outcome is unknown, if the ledger fails at the worst moments.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use api::Request;
use api::call::Call;
use api::endpoint::Returns;
use api::error::{ApiError, Result};
use api::form::Form;
use api::params::NoParams;
use api::reply::Reply;
use api::worker::Worker;
use contracts::ledger::Unwritable;
use contracts::{Caller, CommitError, KeyKind};
use domain::attempts::LEASE;
use processors::sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use support::World;
use types::Untrusted;

/// With a latency the processor is not in this process: attempts are committed before it is called.
fn world(latency_ms: u64) -> World {
    World::new(SandboxConfig { latency_ms, ..SandboxConfig::default() })
}

/// PostgreSQL was killed between the call to the processor and the commit of its outcome; a 503 was kept as the answer to
/// the key, so the client could not learn of a payment that had been made.
#[tokio::test]
async fn a_request_whose_outcome_could_not_be_committed_is_answered_with_the_outcome() {
    for (method, status, word) in
        [("pm_card_visa", 200, "succeeded"), ("pm_card_visa_chargeDeclined", 402, "requires_payment_method")]
    {
        let world = world(1);
        world.ledger.break_at_next_commit();
        let first = world.pay(method, "").await;
        assert_eq!(first.status, 503, "{}", first.body);
        world.ledger.repair();
        assert_eq!(world.pay(method, "").await.status, 409, "nothing is known yet");

        world.clock.advance(LEASE + Duration::from_secs(1));
        Worker::default().round(&world.api).await;
        let answer = world.pay(method, "").await;
        assert_eq!((answer.status, answer.replayed), (status, true), "{}", answer.body);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        let intent = if status == 200 { &body } else { &body["error"]["payment_intent"] };
        assert_eq!(intent["status"], word);
        assert_eq!(world.pay(method, "").await, answer);
    }
}

/// The card was charged, and the database fenced before that could be written. "This cannot be carried out" had a caller without a
/// key pay again.
#[tokio::test]
async fn no_error_after_the_card_was_charged_says_that_it_was_not() {
    let refusals = [
        CommitError::NotWritable(Unwritable::ReadOnly),
        CommitError::Clock(Untrusted::Disagrees),
        CommitError::Overloaded,
    ];
    for (refused, key) in refusals.iter().flat_map(|refused| [(refused, None), (refused, Some("order 7".to_owned()))]) {
        // The first commit has no effect when it is refused; without latency it is the only one.
        for (latency_ms, written, is_known) in [(0, 0, true), (1, 0, true), (1, 1, false)] {
            let world = world(latency_ms);
            world.ledger.refuse_after(written, refused.clone());
            let form = "amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa";
            let answer = world.send(&http::Method::POST, "/v1/payment_intents", &[], form, key.clone()).await;
            let is_told_unknown = answer.status == 503 && answer.body.contains("not known yet whether");
            assert_eq!(is_told_unknown, !is_known, "{refused}, {key:?}, {latency_ms}, {written}: {}", answer.body);
            assert!(matches!(answer.status, 429 | 503), "{}", answer.body);
            world.ledger.repair();
            world.work((LEASE + Duration::from_secs(1)).as_secs()).await;
            assert_eq!(world.balance("assets/processor").await != 0, !is_known, "{latency_ms}, {written}");
        }
    }
}

/// The payment was written, and the expansion of its answer could not be kept.
#[tokio::test]
async fn no_error_about_the_answer_says_that_the_payment_was_not_made() {
    let world = world(0);
    let expand = "&expand[]=latest_charge";
    world.ledger.refuse_after(1, CommitError::NotWritable(Unwritable::DiskFull));
    // The second is a repeated request, whose expansion cannot be kept either.
    for _ in 0..2 {
        let answer = world.pay("pm_card_visa", expand).await;
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.body.contains("not known yet whether"), "{}", answer.body);
    }
    world.ledger.repair();
    let answer = world.pay("pm_card_visa", expand).await;
    assert_eq!((answer.status, answer.replayed), (200, true), "{}", answer.body);
}

/// PostgreSQL was cut off: neither the commit was answered, nor the look-up of its key.
#[tokio::test]
async fn that_an_outcome_is_not_known_is_told_also_when_the_key_cannot_be_looked_up() {
    let world = world(0);
    world.ledger.refuse_after(0, CommitError::Unavailable("it does not answer".to_owned()));
    world.ledger.lose_keys();
    let answer = world.pay("pm_card_visa", "").await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains("not known yet whether"), "{}", answer.body);
}

/// PostgreSQL was killed between the payment's commit and the expansion of its answer.
#[tokio::test]
async fn an_answer_that_could_not_be_expanded_is_expanded_later() {
    for latency_ms in [0, 1] {
        let world = world(latency_ms);
        let expand = "&expand[]=latest_charge";
        world.ledger.break_at_next_commit();
        let first = world.pay("pm_card_visa", expand).await;
        assert_eq!(first.status, 503, "{}", first.body);
        world.ledger.repair();
        world.clock.advance(LEASE + Duration::from_secs(1));
        Worker::default().round(&world.api).await;
        let answer = world.pay("pm_card_visa", expand).await;
        assert_eq!((answer.status, answer.replayed), (200, true), "{}", answer.body);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["latest_charge"]["object"], "charge", "{}", answer.body);
        assert_eq!(world.pay("pm_card_visa", expand).await, answer);
    }
}

/// The worker stored the answer as a secret key sees it.
#[tokio::test]
async fn a_publishable_key_sees_no_more_of_an_answer_that_the_worker_has_stored() {
    let world = world(1);
    let form = "amount=2000&currency=usd&payment_method=pm_card_visa_chargeDeclined&metadata[margin]=40";
    let made: Value = serde_json::from_str(&world.post("/v1/payment_intents", &[], form).await.body).unwrap();
    let id = made["id"].as_str().unwrap();
    let confirm = async || {
        let mut params = Form::default();
        params.decode(format!("client_secret={}", made["client_secret"].as_str().unwrap()).as_bytes()).unwrap();
        let path = "/v1/payment_intents/{id}/confirm";
        let endpoint = world.api.endpoints.get(&http::Method::POST, path).unwrap().clone();
        let caller = Caller { key: KeyKind::Publishable, ..testkit::caller(&world.tenant) };
        let idempotency_key = Some("order 8".to_owned());
        let request =
            Request { idempotency_key, ..Request::new(endpoint, &[("id", id)], params.into_params(), caller) };
        world.api.answer(request, ()).await
    };
    world.ledger.break_at_next_commit();
    assert_eq!(confirm().await.status, 503);
    world.ledger.repair();
    world.clock.advance(LEASE + Duration::from_secs(1));
    Worker::default().round(&world.api).await;
    let answer = confirm().await;
    assert_eq!((answer.status, answer.replayed), (402, true), "{}", answer.body);
    assert!(answer.body.contains("requires_payment_method") && !answer.body.contains("margin"), "{}", answer.body);
}

/// What a live key was told of objects is repeated for it, also if a worker stored it; a test key has keys of its own.
#[tokio::test]
async fn an_answer_is_repeated_with_the_livemode_of_its_key() {
    for (method, interrupted, status) in [
        ("pm_card_visa", false, 200),
        ("pm_card_visa", true, 200),
        ("pm_card_visa_chargeDeclined", false, 402),
        ("pm_card_visa_chargeDeclined", true, 402),
    ] {
        let world = world(1);
        let pay = async |livemode| {
            let mut params = Form::default();
            let form = format!("amount=2000&currency=usd&confirm=true&payment_method={method}");
            params.decode(form.as_bytes()).unwrap();
            let endpoint = world.api.endpoints.get(&http::Method::POST, "/v1/payment_intents").unwrap().clone();
            let caller = Caller { livemode, ..testkit::caller(&world.tenant) };
            let idempotency_key = Some("order 10".to_owned());
            world
                .api
                .answer(Request { idempotency_key, ..Request::new(endpoint, &[], params.into_params(), caller) }, ())
                .await
        };
        if interrupted {
            world.ledger.break_at_next_commit();
            assert_eq!(pay(true).await.status, 503);
            world.ledger.repair();
            world.clock.advance(LEASE + Duration::from_secs(1));
            Worker::default().round(&world.api).await;
        }
        let answer = pay(true).await;
        assert_eq!((answer.status, answer.replayed), (status, interrupted), "{}", answer.body);
        assert!(answer.body.contains("\"livemode\": true") && !answer.body.contains("\"livemode\": false"));
        assert_eq!(pay(true).await.body, answer.body);
        let in_test = pay(false).await;
        assert_eq!((in_test.status, in_test.replayed), (status, false), "another mode has keys of its own");
    }
}

/// A read that was stopped by its time limit, after the processor had been asked, became the answer to the key: it looked
/// like a refusal, and the outcome replaced it later.
#[tokio::test]
async fn an_error_after_the_first_commit_is_not_the_answer_to_the_key() {
    async fn fail(call: Call, _: NoParams) -> Result<Reply> {
        call.commit_step(call.changes()).await?;
        Err(ApiError::invalid("too slow").into())
    }
    let path = "/v1/begun";
    let world = World::with(
        |clock| Arc::new(Sandbox::new(SandboxConfig::default(), clock)),
        |registry| {
            registry.post(path, Returns::Schema("begun"), fail);
        },
    );
    let send = async || world.send(&http::Method::POST, path, &[], "", Some("order 9".to_owned())).await;
    assert_eq!(send().await.status, 400);
    let again = send().await;
    assert_eq!((again.status, again.replayed), (409, false), "the first request is not answered yet: {}", again.body);
}
