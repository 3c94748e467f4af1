//! A process that takes longer than its lease to ask a processor is overtaken by another one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use api::Answer;
use api::worker::Worker;
use async_trait::async_trait;
use domain::attempts::{LEASE, Outcome};
use http::Method;
use processors::sandbox::Sandbox;
use processors::{Assignment, Processor, Query};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use support::World;
use support::staged::{Play, Staged};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// The sandbox decides at once, but answers only when the test says so.
struct Slow(mpsc::UnboundedSender<oneshot::Sender<()>>);

impl Slow {
    async fn wait(&self) {
        let (answer, waits) = oneshot::channel();
        self.0.send(answer).unwrap();
        waits.await.unwrap();
    }
}

#[async_trait]
impl Play for Slow {
    async fn execute(&self, sandbox: &Sandbox, assignment: Assignment<'_>) -> Outcome {
        let outcome = sandbox.execute(assignment).await;
        self.wait().await;
        outcome
    }

    async fn query(&self, sandbox: &Sandbox, assignment: Assignment<'_>) -> Query {
        let known = sandbox.query(assignment).await;
        self.wait().await;
        known
    }
}

struct Test {
    world: Arc<World>,
    /// Each question to the processor, to be answered.
    asked: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
}

impl Test {
    fn new() -> Self {
        let (sender, asked) = mpsc::unbounded_channel();
        let world = World::of(|clock| Staged::new(Slow(sender), clock));
        Test { world: Arc::new(world), asked }
    }

    fn pay(&self, method: &'static str) -> JoinHandle<Answer> {
        let world = self.world.clone();
        tokio::spawn(async move { world.pay(method, "").await })
    }

    /// The next question to the processor.
    async fn question(&mut self) -> oneshot::Sender<()> {
        tokio::time::timeout(Duration::from_secs(10), self.asked.recv()).await.expect("the processor is asked").unwrap()
    }

    /// The intent and its attempt: there is one of each.
    async fn made(&self) -> (String, String) {
        let list: Value = serde_json::from_str(&self.world.get("/v1/payment_intents", &[], "").await.body).unwrap();
        let intent = list["data"][0]["id"].as_str().unwrap().to_owned();
        let attempt = self.world.attempt(&intent).await["id"].as_str().unwrap().to_owned();
        (intent, attempt)
    }

    /// Another process asks about the attempt, because of a notice.
    fn notify(&self, attempt: &str) -> JoinHandle<u16> {
        let (world, attempt) = (self.world.clone(), attempt.to_owned());
        tokio::spawn(async move { world.notify(&world.tenant.id.to_string(), &attempt).await })
    }
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn an_attempt_is_not_asked_about_while_a_process_asks() {
    let mut test = Test::new();
    let paying = test.pay("pm_card_visa");
    let question = test.question().await;
    let (intent, attempt) = test.made().await;
    assert_eq!(test.notify(&attempt).await.unwrap(), 503, "the processor is to send it again");
    question.send(()).unwrap();
    assert_eq!(body(&paying.await.unwrap())["status"], "succeeded");
    assert_eq!(test.notify(&attempt).await.unwrap(), 200);
    assert_eq!(test.world.attempt(&intent).await["queries"], 0);
}

/// "The payer must authenticate", from the process that was overtaken, came after the payer had: the intent could be canceled
/// while the processor took the money.
#[tokio::test]
async fn what_the_processor_said_before_the_payer_acted_is_stale() {
    let mut test = Test::new();
    let paying = test.pay("pm_card_authenticationRequired");
    let first = test.question().await;
    let (intent, attempt) = test.made().await;
    test.world.clock.advance(LEASE);
    let notified = test.notify(&attempt);
    test.question().await.send(()).unwrap();
    assert_eq!(notified.await.unwrap(), 200);
    let waits = test.world.intent(&intent).await;
    assert_eq!(waits["status"], "requires_action");

    // While a process asks, the answer may be that the money was taken.
    let notified = test.notify(&attempt);
    let again = test.question().await;
    let canceled = test.world.post("/v1/payment_intents/{id}/cancel", &[("id", &intent)], "").await;
    assert_eq!(canceled.status, 429, "{}", canceled.body);
    again.send(()).unwrap();
    assert_eq!(notified.await.unwrap(), 200);
    assert_eq!(test.world.intent(&intent).await, waits);

    let page = waits["next_action"]["use_stripe_sdk"]["stripe_js"].as_str().expect("a page").to_owned();
    let page = page.strip_prefix("http://localhost").unwrap().to_owned();
    let world = test.world.clone();
    let approving = tokio::spawn(async move { world.open(Method::POST, &page, "", "outcome=approve").await });
    let second = test.question().await;
    first.send(()).unwrap();
    let answered = paying.await.unwrap();
    assert_eq!((answered.status, body(&answered)["status"].as_str()), (200, Some("requires_action")));
    assert_eq!(test.world.intent(&intent).await["status"], "processing");
    second.send(()).unwrap();
    approving.await.unwrap();
    let paid = test.world.intent(&intent).await;
    assert_eq!((&paid["status"], &paid["amount_received"]), (&"succeeded".into(), &2000.into()));
}

/// The lease was over when the attempt was written, and another process asks. The first process took the version that it
/// could not write for the attempt's, and so ended the other one's lease: a third process asked too.
#[tokio::test]
async fn a_process_that_has_lost_its_lease_changes_nothing() {
    let mut test = Test::new();
    let second = test.world.another_process(Duration::ZERO);
    let (asks, asked) = oneshot::channel::<()>();
    let world = test.world.clone();
    test.world.ledger.before_next_commit(async move {
        world.clock.advance(LEASE + Duration::from_secs(1));
        world.ledger.before_next_commit(async move {
            tokio::spawn(async move { Worker::default().round(&second).await });
            asked.await.unwrap();
        });
    });
    let paying = test.pay("pm_card_visa");
    let seconds = test.question().await;
    asks.send(()).unwrap();
    assert_eq!(paying.await.unwrap().status, 503, "it is not known yet what becomes of it");

    test.world.clock.advance(Duration::from_secs(10));
    let third = test.world.another_process(Duration::ZERO);
    Worker::default().round(&third).await;
    assert!(test.asked.try_recv().is_err(), "the second process is still asking");
    seconds.send(()).unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let (intent, _) = test.made().await;
    assert_eq!(test.world.intent(&intent).await["status"], "succeeded");
}

/// The overtaken process answered its request a second time.
#[tokio::test]
async fn a_request_has_one_answer() {
    for (method, status) in [("pm_card_visa", 200), ("pm_card_visa_chargeDeclined", 402)] {
        let mut test = Test::new();
        let paying = test.pay(method);
        let first = test.question().await;
        let (intent, attempt) = test.made().await;
        test.world.clock.advance(LEASE);
        let notified = test.notify(&attempt);
        test.question().await.send(()).unwrap();
        assert_eq!(notified.await.unwrap(), 200);
        let ended = test.world.intent(&intent).await;

        let again = test.world.pay(method, "").await;
        assert_eq!((again.status, again.replayed), (status, true), "the other process has answered it");
        first.send(()).unwrap();
        let answered = paying.await.unwrap();
        assert_eq!(answered.status, status, "{}", answered.body);
        let again = test.world.pay(method, "").await;
        assert_eq!((again.status, &again.body), (status, &answered.body));
        assert_eq!(test.world.intent(&intent).await, ended, "the outcome was applied once");
    }
}
