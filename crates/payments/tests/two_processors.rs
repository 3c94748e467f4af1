//! What is done with a card is done by the processor that has it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use async_trait::async_trait;
use domain::attempts::{Operation, Outcome};
use processors::sandbox::Sandbox;
use processors::{Assignment, Processor, Query};
use std::sync::{Arc, Mutex};
use support::staged::{Play, Staged, done};
use support::{World, body};

/// A processor of that name, which knows its own cards only; it notes what it was asked to do.
struct Named(&'static str, Asked);

type Asked = Arc<Mutex<Vec<(&'static str, Operation)>>>;

impl Named {
    fn done(&self, Assignment { attempt, .. }: Assignment<'_>) -> Outcome {
        assert_eq!(attempt.processor, self.0, "it was handed another one's attempt");
        let (name, operation) = (self.0, attempt.operation);
        assert!(attempt.credential.starts_with(&format!("{name}'s ")), "another one's card: {}", attempt.credential);
        self.1.lock().unwrap().push((name, operation));
        done()
    }
}

#[async_trait]
impl Play for Named {
    async fn execute(&self, _: &Sandbox, assignment: Assignment<'_>) -> Outcome {
        self.done(assignment)
    }

    async fn query(&self, _: &Sandbox, assignment: Assignment<'_>) -> Query {
        Query::Known(self.done(assignment))
    }

    fn name(&self) -> &'static str {
        self.0
    }

    fn credential(&self, sandboxs: String) -> String {
        format!("{}'s {sandboxs}", self.0)
    }
}

const SALE: &str = "amount=2000&currency=usd&confirm=true";

/// Another processor was given the name that the first one has for the card.
#[tokio::test]
async fn a_card_is_used_where_it_is() {
    let asked = Asked::default();
    let world = World::of(|clock| Staged::new(Named("first", asked.clone()), clock));
    let second: Arc<dyn Processor> = Staged::new(Named("second", asked.clone()), world.clock.clone());
    let customer = body(&world.post("/v1/customers", &[], "payment_method=pm_card_visa").await);
    let customer = customer["id"].as_str().unwrap();
    let methods = body(&world.get("/v1/payment_methods", &[], &format!("customer={customer}")).await);
    let saved = format!("customer={customer}&payment_method={}", methods["data"][0]["id"].as_str().unwrap());
    let new = async || {
        let made = body(&world.post("/v1/payment_methods", &[], "type=card&card[token]=tok_visa").await);
        made["id"].as_str().unwrap().to_owned()
    };
    // What builds on payments that the first one has made before.
    let made =
        async |path: &str, form: String| body(&world.post(path, &[], &form).await)["id"].as_str().unwrap().to_owned();
    let intent = async |more: &str| made("/v1/payment_intents", format!("{SALE}&{saved}{more}")).await;
    let attached = format!("customer={customer}");
    let commands = async || {
        [
            (
                "/v1/payment_intents/{id}/capture",
                intent("&capture_method=manual").await,
                String::new(),
                Operation::Capture,
            ),
            ("/v1/payment_intents/{id}/cancel", intent("&capture_method=manual").await, String::new(), Operation::Void),
            ("/v1/refunds", String::new(), format!("payment_intent={}", intent("").await), Operation::Refund),
            ("/v1/payment_methods/{id}/attach", new().await, attached.clone(), Operation::Setup),
            ("/v1/payment_intents", String::new(), format!("{SALE}&{saved}"), Operation::Sale),
            ("/v1/payment_intents", String::new(), format!("{SALE}&payment_method={}", new().await), Operation::Sale),
            ("/v1/setup_intents", String::new(), format!("confirm=true&{saved}"), Operation::Setup),
            ("/v1/charges", String::new(), format!("amount=2000&currency=usd&source={}", new().await), Operation::Sale),
            ("/v1/customers", String::new(), format!("payment_method={}", new().await), Operation::Setup),
        ]
    };

    // New cards go to the second now.
    let both = world.with_processors(vec![second.clone(), world.processor.clone()]);
    for (path, id, form, operation) in commands().await {
        asked.lock().unwrap().clear();
        let answer = both.post(path, &[("id", &id)], &form).await;
        assert_eq!(answer.status, 200, "{path} {form}: {}", answer.body);
        assert_eq!(*asked.lock().unwrap(), [("first", operation)], "{path} {form}");
    }
    let paid = body(&both.post("/v1/payment_intents", &[], &format!("{SALE}&payment_method=pm_card_visa")).await);
    assert_eq!(both.attempt(paid["id"].as_str().unwrap()).await["processor"], "second");
    assert_eq!(asked.lock().unwrap().last(), Some(&("second", Operation::Sale)));

    // The first is not configured any more.
    let alone = world.with_processors(vec![second]);
    for (path, id, form, _) in commands().await {
        let refused = alone.post(path, &[("id", &id)], &form).await;
        assert_eq!(refused.status, 503, "{path} {form}: {}", refused.body);
        assert!(refused.body.contains("the processor first, which is not configured"), "{}", refused.body);
    }
}
