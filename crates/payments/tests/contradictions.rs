//! A processor that says one thing and then another: each is kept and counted once.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use domain::attempts::Outcome;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use support::World;
use support::staged::Question::Execute;
use support::staged::{Script, Staged, action, declined, done_as, pending};

struct Contradicted {
    world: World,
    script: Arc<Script>,
    attempt: String,
}

impl Contradicted {
    /// A payment to which the processor says this.
    async fn paid(answer: Outcome, more: &str) -> Self {
        let script = Script::new([(Execute, answer)]);
        let world = World::of(|clock| Staged::new(script.clone(), clock));
        world.pay("pm_card_visa", more).await;
        Self::of("sale", world, script).await
    }

    /// With the attempt of that operation.
    async fn of(operation: &str, world: World, script: Arc<Script>) -> Self {
        let list = support::body(&world.get("/x/v1/attempts", &[], "").await);
        let attempt =
            list["data"].as_array().unwrap().iter().find(|attempt| attempt["operation"] == operation).unwrap();
        let attempt = attempt["id"].as_str().unwrap().to_owned();
        Contradicted { world, script, attempt }
    }

    async fn hear(&self, outcome: &Outcome) {
        self.world.clock.advance(Duration::from_secs(1));
        *self.script.notice.lock().unwrap() = Some(outcome.clone());
        assert_eq!(self.world.notify(&self.world.tenant.id.to_string(), &self.attempt).await, 200);
    }

    /// What it says against what it said before: status, its name for it, and what was done.
    async fn conflict(&self) -> Value {
        let conflict = self.world.object("/x/v1/attempts/{id}", &self.attempt).await["conflict"].take();
        let of = |name: &str| conflict.get(name).cloned().unwrap_or_default();
        json!([of("status"), of("processor_reference"), of("remedy")])
    }

    async fn version(&self) -> i32 {
        self.world.version(&self.attempt).await
    }
}

/// How many conflicts were counted in this process.
fn counted(metrics: &platform::metrics::Metrics) -> u64 {
    let text = metrics.render();
    let lines = text.lines().filter(|line| line.starts_with("florin_attempt_conflicts_total{"));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

/// A second payment was not even recorded; and when the processor sent its notices again and again, each time there was an alarm.
#[tokio::test]
async fn what_is_said_anew_is_one_conflict_and_what_comes_again_is_none() {
    let metrics = platform::metrics::Metrics::install().unwrap();
    let agrees = json!([null, null, null]);
    let says = |status: &str, reference: Option<&str>, remedy: &str| json!([status, reference, remedy]);
    for (executed, more, statements) in [
        (
            done_as("ref"),
            "",
            vec![
                (done_as(""), agrees.clone()),
                (done_as("second"), says("succeeded", Some("second"), "none")),
                (declined("fraudulent"), says("declined", None, "none")),
                (done_as("third"), says("succeeded", Some("third"), "none")),
                (Outcome::Canceled, says("canceled", None, "none")),
            ],
        ),
        (
            declined("card_declined"),
            "",
            vec![
                (Outcome::Canceled, agrees.clone()),
                (done_as("ref"), says("succeeded", Some("ref"), "reversed")),
                (done_as("second"), says("succeeded", Some("second"), "none")),
            ],
        ),
        (
            pending(),
            "",
            vec![
                (Outcome::Canceled, agrees.clone()),
                (done_as("ref"), says("succeeded", Some("ref"), "reversed")),
                (declined("expired_card"), says("declined", None, "reversed")),
                (done_as("second"), says("succeeded", Some("second"), "none")),
            ],
        ),
        // That the payer is not to act is Florin's own word: the processor has not said that it is declined.
        (
            action(),
            "&error_on_requires_action=true",
            vec![
                (done_as("ref"), says("succeeded", Some("ref"), "reversed")),
                (declined("card_declined"), says("declined", None, "reversed")),
            ],
        ),
    ] {
        let one = Contradicted::paid(executed.clone(), more).await;
        let mut said = vec![executed.clone()];
        said.retain(Outcome::is_final);
        let (mut last, mut count) = (agrees.clone(), counted(&metrics));
        for (outcome, conflict) in statements {
            one.hear(&outcome).await;
            let context = format!("{executed:?}, {said:?}, {outcome:?}");
            assert_eq!(one.conflict().await, conflict, "{context}");
            count += u64::from(conflict != last);
            assert_eq!(counted(&metrics), count, "{context}");
            said.push(outcome);
            last = conflict;
            let version = one.version().await;
            for outcome in said.iter().chain(said.iter().rev()).chain(&said) {
                one.hear(outcome).await;
            }
            assert_eq!((one.version().await, counted(&metrics)), (version, count), "{context}");
        }
    }
}

/// An authorization that could not be released has expired: there was an alarm.
#[tokio::test]
async fn what_is_released_in_the_end_contradicts_nothing() {
    for (released, later) in [
        (declined("processing_error"), declined("authorization_expired")),
        (declined("processing_error"), declined("authorization_released")),
        (done_as("first"), declined("authorization_expired")),
        (done_as("first"), done_as("second")),
    ] {
        let script = Script::new([(Execute, done_as("ref")), (Execute, released)]);
        let world = World::of(|clock| Staged::new(script.clone(), clock));
        let paid = support::body(&world.pay("pm_card_visa", "&capture_method=manual").await);
        world.post("/v1/payment_intents/{id}/cancel", &[("id", paid["id"].as_str().unwrap())], "").await;
        let void = Contradicted::of("void", world, script).await;
        let version = void.version().await;
        void.hear(&later).await;
        assert_eq!((void.conflict().await, void.version().await), (json!([null, null, null]), version));
    }
}
