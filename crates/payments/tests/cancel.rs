//! Giving up what a processor could still carry out: it has to confirm that it will not.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use api::Answer;
use async_trait::async_trait;
use domain::attempts::Outcome;
use http::Method;
use processors::Assignment;
use processors::sandbox::Sandbox;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use support::staged::Question::{Cancel, Execute, Query};
use support::staged::{PAGE, Play, Script, Staged, action, declined, done, pending, unknown};
use support::{World, body};

/// An intent whose payer has the processor's page open.
async fn waiting(script: &Arc<Script>) -> (World, String) {
    let world = World::of(|clock| Staged::new(script.clone(), clock));
    script.goes_on([(Execute, action())]);
    let waits = body(&world.pay("pm_card_visa", "").await);
    assert_eq!(waits["status"], "requires_action", "{waits}");
    (world, waits["id"].as_str().unwrap().to_owned())
}

async fn command(world: &World, id: &str, command: &str) -> Answer {
    let (path, form) = match command {
        "update" => ("/v1/payment_intents/{id}", "amount=2100"),
        "cancel" => ("/v1/payment_intents/{id}/cancel", ""),
        _ => ("/v1/payment_intents/{id}/confirm", ""),
    };
    let key = Some(format!("{command} it"));
    world.send(&Method::POST, path, &[("id", id)], form, key).await
}

/// The attempts of an intent: status, and whether it is due.
async fn attempts(world: &World, id: &str) -> Vec<(String, bool)> {
    world.attempts(&format!("payment_intent={id}")).await
}

fn is(status: &str, is_due: bool) -> (String, bool) {
    (status.to_owned(), is_due)
}

/// A canceled intent was paid all the same on the page that the payer had open.
#[tokio::test]
async fn a_command_goes_on_when_the_processor_has_confirmed_that_it_is_canceled() {
    for (name, status) in [("cancel", "canceled"), ("update", "requires_confirmation"), ("confirm", "succeeded")] {
        let script = Script::new([]);
        let (world, id) = waiting(&script).await;
        script.goes_on([(Cancel, Outcome::Canceled)]);
        if name == "confirm" {
            script.goes_on([(Execute, done())]);
        }
        let answer = command(&world, &id, name).await;
        assert_eq!((answer.status, body(&answer)["status"].as_str()), (200, Some(status)), "{}", answer.body);
        assert!(script.is_at_its_end());
        assert!(attempts(&world, &id).await.contains(&is("canceled", false)));
        assert_eq!(command(&world, &id, name).await.body, answer.body, "the answer is kept");
    }
}

#[tokio::test]
async fn too_late_is_applied_as_what_has_happened() {
    for name in ["cancel", "update", "confirm"] {
        let script = Script::new([]);
        let (world, id) = waiting(&script).await;
        script.goes_on([(Cancel, done())]);
        let answer = command(&world, &id, name).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert_eq!(body(&answer)["error"]["code"], "payment_intent_unexpected_state", "{}", answer.body);
        assert_eq!(world.intent(&id).await["status"], "succeeded");
        assert_eq!(attempts(&world, &id).await, [is("succeeded", false)]);
    }
}

/// Nothing is canceled until the processor says so: it is asked until it does.
#[tokio::test]
async fn no_answer_leaves_it_unknown_and_due() {
    for name in ["cancel", "update", "confirm"] {
        let script = Script::new([]);
        let (world, id) = waiting(&script).await;
        script.goes_on([(Cancel, unknown()), (Cancel, unknown()), (Cancel, action())]);
        let answer = command(&world, &id, name).await;
        assert_eq!(answer.status, 429, "{}", answer.body);
        for _ in 0..2 {
            let intent = world.intent(&id).await;
            assert_eq!((&intent["status"], &intent["next_action"]), (&json!("processing"), &Value::Null), "{intent}");
            assert_eq!(attempts(&world, &id).await, [is("unknown", true)]);
            assert_eq!(command(&world, &id, "cancel").await.status, 429);
            world.work(5).await;
        }
        script.goes_on([(Cancel, Outcome::Canceled)]);
        world.work(10).await;
        assert_eq!(world.intent(&id).await["status"], "requires_confirmation");
        script.goes_on([(Execute, done())]);
        // The same request, with the same key: it had not begun.
        assert_eq!(command(&world, &id, name).await.status, 200);
    }
}

#[tokio::test]
async fn what_is_declined_or_goes_on_is_not_canceled() {
    let script = Script::new([]);
    let (world, id) = waiting(&script).await;
    script.goes_on([(Cancel, pending())]);
    assert_eq!(command(&world, &id, "cancel").await.status, 429);
    assert_eq!(attempts(&world, &id).await, [is("pending", true)]);
    // It is not asked to cancel any more.
    script.goes_on([(Query, declined("card_declined"))]);
    world.work(5).await;
    assert_eq!(world.intent(&id).await["status"], "requires_payment_method");
    assert_eq!(body(&command(&world, &id, "cancel").await)["status"], "canceled");
}

#[tokio::test]
async fn a_processor_that_cannot_cancel_is_not_asked_to() {
    let mut script = Script::new([(Execute, action())]);
    Arc::get_mut(&mut script).unwrap().cancels = false;
    let world = World::of(|clock| Staged::new(script.clone(), clock));
    let waits = body(&world.pay("pm_card_visa", "").await);
    let id = waits["id"].as_str().unwrap();
    for name in ["cancel", "update", "confirm"] {
        let refused = command(&world, id, name).await;
        assert!(refused.status == 400 && refused.body.contains("cannot cancel"), "{}", refused.body);
    }
    assert_eq!(world.intent(id).await, waits);
    assert_eq!(waits["next_action"]["use_stripe_sdk"]["stripe_js"], PAGE, "{waits}");
}

/// Parameters that are refused anyway cost no payer the page.
#[tokio::test]
async fn nothing_is_canceled_for_a_command_that_is_refused() {
    let script = Script::new([]);
    let (world, id) = waiting(&script).await;
    let waits = world.intent(&id).await;
    for (path, form) in [
        ("/v1/payment_intents/{id}/confirm", "return_url=nowhere"),
        ("/v1/payment_intents/{id}/confirm", "payment_method=pm_missing"),
        ("/v1/payment_intents/{id}", "amount=0"),
        ("/v1/payment_intents/{id}/cancel", "cancellation_reason=boredom"),
    ] {
        let refused = world.post(path, &[("id", &id)], form).await;
        assert_eq!(refused.status, 400, "{form}: {}", refused.body);
        assert_eq!(world.intent(&id).await, waits, "{form}");
    }
}

/// The card that is to be used was detached since, or its processor is not configured here: the setup was canceled at the processor,
/// and then its confirmation refused.
#[tokio::test]
async fn nothing_is_canceled_for_a_card_that_cannot_be_used() {
    for (path, form) in [
        ("/v1/payment_intents", "amount=2000&currency=usd&confirm=true&setup_future_usage=off_session"),
        ("/v1/setup_intents", "confirm=true"),
    ] {
        // The card is checked when it is attached.
        let script = Script::new([(Execute, done()), (Execute, action())]);
        let world = World::of(|clock| Staged::new(script.clone(), clock));
        let customer = body(&world.post("/v1/customers", &[], "payment_method=pm_card_visa").await);
        let customer = customer["id"].as_str().unwrap();
        let methods = body(&world.get("/v1/payment_methods", &[], &format!("customer={customer}")).await);
        let method = methods["data"][0]["id"].as_str().unwrap();
        let waits = body(&world.post(path, &[], &format!("{form}&customer={customer}&payment_method={method}")).await);
        assert_eq!(waits["status"], "requires_action", "{waits}");
        let (id, one) = (waits["id"].as_str().unwrap(), format!("{path}/{{id}}"));
        let confirm = async |form: &str| world.post(&format!("{one}/confirm"), &[("id", id)], form).await;

        let mut elsewhere = Script::new([]);
        Arc::get_mut(&mut elsewhere).unwrap().name = "elsewhere";
        let elsewhere = world.with_processors(vec![Staged::new(elsewhere, world.clock.clone())]);
        let card = body(&elsewhere.post("/v1/payment_methods", &[], "type=card&card[token]=tok_visa").await);
        let refused = confirm(&format!("payment_method={}", card["id"].as_str().unwrap())).await;
        assert!(refused.status == 503 && refused.body.contains("not configured"), "{}", refused.body);
        assert_eq!(world.object(&one, id).await, waits, "{path}");

        world.post("/v1/payment_methods/{id}/detach", &[("id", method)], "").await;
        let refused = confirm("").await;
        assert_eq!(body(&refused)["error"]["code"], "payment_method_unexpected_state", "{}", refused.body);
        assert_eq!(world.object(&one, id).await, waits, "{path}");
        assert!(script.is_at_its_end());
    }
}

#[tokio::test]
async fn a_setup_is_canceled_at_the_processor_too() {
    let script = Script::new([(Execute, action()), (Cancel, unknown())]);
    let world = World::of(|clock| Staged::new(script.clone(), clock));
    let form = "payment_method=pm_card_visa&confirm=true";
    let waits = body(&world.post("/v1/setup_intents", &[], form).await);
    assert_eq!(waits["status"], "requires_action", "{waits}");
    let id = waits["id"].as_str().unwrap();
    let cancel = async || world.post("/v1/setup_intents/{id}/cancel", &[("id", id)], "").await;
    assert_eq!(cancel().await.status, 429);
    let last = async || {
        let made = body(&world.get("/v1/setup_attempts", &[], &format!("setup_intent={id}")).await);
        made["data"][0]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(last().await, "processing");
    script.goes_on([(Cancel, Outcome::Canceled)]);
    world.work(5).await;
    assert_eq!(last().await, "abandoned");
    assert_eq!(body(&cancel().await)["status"], "canceled");
}

/// A processor whose notice of success overtakes its answer that it has canceled.
#[derive(Default)]
struct Racing(OnceLock<Arc<World>>);

#[async_trait]
impl Play for Arc<Racing> {
    async fn execute(&self, _: &Sandbox, _: Assignment<'_>) -> Outcome {
        action()
    }

    async fn query(&self, _: &Sandbox, _: Assignment<'_>) -> processors::Query {
        processors::Query::Known(unknown())
    }

    async fn cancel(&self, _: &Sandbox, assignment: Assignment<'_>) -> Outcome {
        let world = self.0.get().unwrap();
        let attempt = assignment.attempt.id.to_string();
        assert_eq!(world.notify(&world.tenant.id.to_string(), &attempt).await, 200);
        Outcome::Canceled
    }

    fn notice(&self) -> Option<Outcome> {
        Some(done())
    }
}

#[tokio::test]
async fn a_notice_that_overtakes_the_answer_is_what_has_happened() {
    for name in ["cancel", "confirm"] {
        let racing = Arc::new(Racing::default());
        let world = Arc::new(World::of(|clock| Staged::new(racing.clone(), clock)));
        racing.0.set(world.clone()).ok().unwrap();
        let waits = body(&world.pay("pm_card_visa", "").await);
        let id = waits["id"].as_str().unwrap();
        let answer = command(&world, id, name).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert_eq!(world.intent(id).await["status"], "succeeded");
        let attempt = world.attempt(id).await;
        assert_eq!(attempt["status"], "succeeded");
        assert_eq!(attempt["conflict"]["status"], "canceled", "what the processor said is kept: {attempt}");
        assert_eq!(world.balance("assets/processor").await, -2000);
    }
}

/// The process dies between the commit and the processor's answer, or between that and its commit: the command had not begun.
#[tokio::test]
async fn a_command_whose_process_dies_can_be_repeated() {
    let script = Script::new([]);
    let (world, id) = waiting(&script).await;
    script.goes_on([(Cancel, Outcome::Canceled)]);
    world.ledger.break_at_next_commit();
    assert_eq!(command(&world, &id, "cancel").await.status, 503);
    world.ledger.repair();
    assert_eq!(command(&world, &id, "cancel").await.status, 429, "the processor may be being asked");
    script.goes_on([(Cancel, Outcome::Canceled)]);
    world.work(61).await;
    assert_eq!(world.intent(&id).await["status"], "requires_confirmation");
    assert_eq!(body(&command(&world, &id, "cancel").await)["status"], "canceled");
}
