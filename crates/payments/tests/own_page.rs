//! A processor that has the payer authenticate on a page of its own.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use async_trait::async_trait;
use domain::attempts::{Capabilities, LEASE, Outcome};
use processors::sandbox::Sandbox;
use processors::{Assignment, Processor};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::staged::Question::{Cancel, Execute, Query};
use support::staged::{PAGE, Play, Question, Script, Staged, action, done, pending, unknown};
use support::{World, body};
use testkit::ManualClock;
use tokio::sync::oneshot;
use types::{Clock, Timestamp};

fn world(script: Vec<(Question, Outcome)>) -> World {
    World::of(|clock| Staged::new(Script::new(script), clock))
}

async fn notify(world: &World, attempt: &Value) {
    let status = world.notify(&world.tenant.id.to_string(), attempt["id"].as_str().unwrap()).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn the_payer_is_sent_there_and_the_processor_reports_how_it_went() {
    let world =
        world(vec![(Execute, action()), (Query, unknown()), (Query, action()), (Query, pending()), (Query, done())]);
    let answer = world.pay("pm_card_visa", "&return_url=https%3A%2F%2Fshop.example.com%2Freturn").await;
    let waits: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(waits["status"], "requires_action", "{waits}");
    assert_eq!(waits["next_action"]["redirect_to_url"]["url"], PAGE);
    let id = waits["id"].as_str().unwrap();
    let attempt = world.attempt(id).await;

    // A question without an answer, and one that was asked too early, change nothing for the payer.
    notify(&world, &attempt).await;
    assert_eq!(world.intent(id).await, waits);
    notify(&world, &attempt).await;
    assert_eq!(world.intent(id).await, waits);

    // The payer has acted; from here on the payment may be made at any time.
    notify(&world, &attempt).await;
    let processing = world.intent(id).await;
    assert_eq!((&processing["status"], &processing["next_action"]), (&"processing".into(), &Value::Null));
    for command in ["cancel", "confirm"] {
        let refused = world.post(&format!("/v1/payment_intents/{{id}}/{command}"), &[("id", id)], "").await;
        assert_eq!(refused.status, 429, "{command}: {}", refused.body);
    }
    notify(&world, &attempt).await;
    let paid = world.intent(id).await;
    assert_eq!((&paid["status"], &paid["amount_received"]), (&"succeeded".into(), &2000.into()));
    assert_eq!(
        world.pay("pm_card_visa", "&return_url=https%3A%2F%2Fshop.example.com%2Freturn").await.body,
        answer.body
    );
}

#[tokio::test]
async fn a_payer_who_is_not_there_is_not_asked() {
    let world = world(vec![(Execute, action())]);
    let answer = world.pay("pm_card_visa", "&off_session=true").await;
    let error: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, error["error"]["code"].as_str()), (402, Some("authentication_required")), "{error}");
}

/// It was left waiting without end, and its charge refused all other commands.
#[tokio::test]
async fn no_payer_is_asked_to_capture() {
    let world = world(vec![(Execute, done()), (Execute, action()), (Query, done())]);
    let paid: Value = serde_json::from_str(&world.pay("pm_card_visa", "&capture_method=manual").await.body).unwrap();
    let id = paid["id"].as_str().unwrap();
    let captured = world.post("/v1/payment_intents/{id}/capture", &[("id", id)], "").await;
    assert_eq!(serde_json::from_str::<Value>(&captured.body).unwrap()["status"], "processing", "{}", captured.body);
    world.clock.advance(std::time::Duration::from_secs(2));
    api::worker::Worker::default().round(&world.api).await;
    assert_eq!(world.intent(id).await["status"], "succeeded");
}

/// The payer had paid, the notice of that was lost, and the payment waited for the payer for ever.
#[tokio::test]
async fn a_payment_whose_notice_is_lost_is_found() {
    for (path, form) in [
        ("/v1/payment_intents", "amount=2000&currency=usd&payment_method=pm_card_visa&confirm=true"),
        ("/v1/setup_intents", "payment_method=pm_card_visa&confirm=true"),
    ] {
        let script = Script::new([(Execute, action()), (Query, action()), (Query, unknown()), (Query, done())]);
        let world = World::of(|clock| Staged::new(script.clone(), clock));
        let waits = body(&world.post(path, &[], form).await);
        let (id, one) = (waits["id"].as_str().unwrap(), format!("{path}/{{id}}"));
        for _ in 0..2 {
            world.work(60).await;
            assert_eq!(world.object(&one, id).await, waits, "nothing is known yet, so nothing changes");
        }
        world.work(60).await;
        assert!(script.is_at_its_end());
        assert_eq!(world.object(&one, id).await["status"], "succeeded");
    }
}

/// The second page inherited the first one's time: after thirty days it was never asked about.
#[tokio::test]
async fn a_second_page_is_a_page_of_its_own() {
    let script = Script::new([(Execute, action()), (Query, action())]);
    let world = World::of(|clock| Staged::new(script.clone(), clock));
    let id = body(&world.pay("pm_card_visa", "").await)["id"].as_str().unwrap().to_owned();
    let pause = async || {
        let next = world.attempt(&id).await["next_query_at"].as_i64().expect("it is asked about");
        next - world.clock.now().seconds()
    };
    assert_eq!(pause().await, 60);
    world.work(100).await;
    assert_eq!(pause().await, 100, "the same page, still open");
    for answers in
        [vec![(Query, pending()), (Query, action())], vec![(Query, pending()), (Query, unknown()), (Query, action())]]
    {
        for answer in answers {
            script.goes_on([answer]);
            world.work(40 * DAY).await;
            assert!(script.is_at_its_end());
        }
        assert_eq!(world.intent(&id).await["status"], "requires_action");
        assert_eq!(pause().await, 60);
    }
}

/// A processor whose payer never acts; it notes when it is asked.
struct Waiting {
    cancels: bool,
    clock: Arc<ManualClock>,
    asked: Arc<Mutex<Vec<Timestamp>>>,
}

#[async_trait]
impl Play for Waiting {
    async fn execute(&self, _: &Sandbox, _: Assignment<'_>) -> Outcome {
        action()
    }

    async fn query(&self, _: &Sandbox, _: Assignment<'_>) -> processors::Query {
        self.asked.lock().unwrap().push(self.clock.now());
        processors::Query::Known(action())
    }

    async fn cancel(&self, _: &Sandbox, _: Assignment<'_>) -> Outcome {
        Outcome::Canceled
    }

    fn capabilities(&self, sandbox: &Sandbox) -> Capabilities {
        Capabilities { cancels: self.cancels, ..sandbox.facts().capabilities }
    }
}

const DAY: u64 = 86_400;

/// Sixty days with a payer who never acts; returns the intent as it was at first, and when the processor was asked.
async fn sixty_days(cancels: bool) -> (World, Value, Vec<Timestamp>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let world = World::of(|clock| Staged::new(Waiting { cancels, clock: clock.clone(), asked: asked.clone() }, clock));
    let began = world.clock.now();
    let waits = body(&world.pay("pm_card_visa", "").await);
    for step in std::iter::repeat_n(60, 60).chain(std::iter::repeat_n(3600, 60 * 24)) {
        world.work(step).await;
    }
    let asked = asked.lock().unwrap().clone();
    let pauses: Vec<Duration> =
        asked.iter().scan(began, |last, now| Some(now.since(std::mem::replace(last, *now)))).collect();
    assert!(pauses.is_sorted(), "{pauses:?}");
    assert_eq!((pauses[0].as_secs(), pauses.last().unwrap().as_secs()), (60, DAY), "{pauses:?}");
    assert_eq!(world.intent(waits["id"].as_str().unwrap()).await, waits, "it waits for the payer still");
    (world, waits, asked)
}

/// It could never be canceled, and how it ended was never found out.
#[tokio::test]
async fn a_payer_is_asked_about_for_ever_where_nothing_can_be_canceled() {
    let (world, waits, asked) = sixty_days(false).await;
    assert!(world.clock.now().since(*asked.last().unwrap()) <= Duration::from_secs(DAY), "{asked:?}");
    assert!(!world.attempt(waits["id"].as_str().unwrap()).await["next_query_at"].is_null());
}

#[tokio::test]
async fn a_payer_who_does_not_act_is_asked_about_ever_more_rarely_and_not_for_ever() {
    let (world, waits, asked) = sixty_days(true).await;
    let id = waits["id"].as_str().unwrap();
    let began = Timestamp::from_seconds(waits["created"].as_i64().unwrap());
    assert!(asked.last().unwrap().since(began) < Duration::from_secs(32 * DAY), "{asked:?}");
    assert_eq!(world.attempt(id).await["next_query_at"], Value::Null);

    // A notice is asked about as before, and the merchant can cancel.
    notify(&world, &world.attempt(id).await).await;
    let canceled = world.post("/v1/payment_intents/{id}/cancel", &[("id", id)], "").await;
    assert_eq!(body(&canceled)["status"], "canceled", "{}", canceled.body);
}

/// A processor that answers questions when the test says so, and how.
struct Held(Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<Outcome>)>>);

#[async_trait]
impl Play for Arc<Held> {
    async fn execute(&self, _: &Sandbox, _: Assignment<'_>) -> Outcome {
        action()
    }

    async fn query(&self, _: &Sandbox, _: Assignment<'_>) -> processors::Query {
        let (is_asked, answer) = self.0.lock().unwrap().take().expect("one question");
        is_asked.send(()).unwrap();
        processors::Query::Known(answer.await.unwrap())
    }

    async fn cancel(&self, _: &Sandbox, _: Assignment<'_>) -> Outcome {
        Outcome::Canceled
    }
}

/// The merchant had to try again.
#[tokio::test]
async fn a_question_under_way_does_not_keep_the_merchant_from_canceling() {
    for (answer, status) in [(action(), "canceled"), (unknown(), "canceled"), (done(), "succeeded")] {
        let ((is_asked, asked), (says, answered)) = (oneshot::channel(), oneshot::channel());
        let held = Arc::new(Held(Mutex::new(Some((is_asked, answered)))));
        let world = Arc::new(World::of(|clock| Staged::new(held, clock)));
        let id = body(&world.pay("pm_card_visa", "").await)["id"].as_str().unwrap().to_owned();
        let worker = tokio::spawn({
            let world = world.clone();
            async move { world.work(60).await }
        });
        tokio::time::timeout(Duration::from_secs(10), asked).await.expect("the processor is asked").unwrap();
        let canceling = tokio::spawn({
            let (world, id) = (world.clone(), id.clone());
            async move { world.post("/v1/payment_intents/{id}/cancel", &[("id", &id)], "").await }
        });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!canceling.is_finished(), "one process asks at a time: it waits");
        says.send(answer).unwrap();
        let canceled = canceling.await.unwrap();
        worker.await.unwrap();
        assert_eq!(canceled.status, if status == "canceled" { 200 } else { 400 }, "{}", canceled.body);
        assert_eq!(world.intent(&id).await["status"], status);
    }
}

/// The answer that was lost may be that it was carried out: what the processor says to the cancel is what has happened.
#[tokio::test]
async fn a_question_without_an_answer_does_not_keep_the_merchant_from_canceling() {
    for (says, status, intent) in
        [(Outcome::Canceled, 200, "canceled"), (done(), 400, "succeeded"), (unknown(), 429, "processing")]
    {
        let script = Script::new([(Execute, action()), (Query, unknown()), (Cancel, says)]);
        let world = World::of(|clock| Staged::new(script.clone(), clock));
        let id = body(&world.pay("pm_card_visa", "").await)["id"].as_str().unwrap().to_owned();
        world.work(60).await;
        let canceled = world.post("/v1/payment_intents/{id}/cancel", &[("id", &id)], "").await;
        assert_eq!(canceled.status, status, "{}", canceled.body);
        assert_eq!(world.intent(&id).await["status"], intent);
    }
}

/// The process that asked has died.
#[tokio::test]
async fn a_lease_that_is_over_does_not_keep_the_merchant_from_canceling() {
    let script = Script::new([(Execute, action()), (Query, done())]);
    let world = World::of(|clock| Staged::new(script.clone(), clock));
    let id = body(&world.pay("pm_card_visa", "").await)["id"].as_str().unwrap().to_owned();
    world.ledger.break_at_next_commit();
    world.work(60).await;
    world.ledger.repair();
    assert_eq!(world.intent(&id).await["status"], "requires_action", "the answer is lost");
    world.clock.advance(LEASE);
    script.goes_on([(Cancel, Outcome::Canceled)]);
    let canceled = world.post("/v1/payment_intents/{id}/cancel", &[("id", &id)], "").await;
    assert_eq!((canceled.status, &body(&canceled)["status"]), (200, &json!("canceled")), "{}", canceled.body);
}
