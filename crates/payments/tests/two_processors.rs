//! What is done with a card is done by the processor that has it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use async_trait::async_trait;
use domain::attempts::Outcome;
use processors::sandbox::Sandbox;
use processors::{Assignment, Processor, Query};
use std::sync::Arc;
use support::staged::{Play, Staged, done};
use support::{World, body};

/// A processor of that name, which knows its own cards only.
struct Named(&'static str);

impl Named {
    fn done(&self, assignment: Assignment<'_>) -> Outcome {
        assert_eq!(assignment.attempt.processor, self.0, "it was handed another one's attempt");
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
}

const SALE: &str = "amount=2000&currency=usd&confirm=true";

/// Another processor was given the name that the first one has for the card.
#[tokio::test]
async fn a_card_is_used_where_it_is() {
    let world = World::of(|clock| Staged::new(Named("first"), clock));
    let second: Arc<dyn Processor> = Staged::new(Named("second"), world.clock.clone());
    let customer = body(&world.post("/v1/customers", &[], "payment_method=pm_card_visa").await);
    let customer = customer["id"].as_str().unwrap();
    let methods = body(&world.get("/v1/payment_methods", &[], &format!("customer={customer}")).await);
    let saved = format!("customer={customer}&payment_method={}", methods["data"][0]["id"].as_str().unwrap());
    let new = async || {
        let made = body(&world.post("/v1/payment_methods", &[], "type=card&card[token]=tok_visa").await);
        made["id"].as_str().unwrap().to_owned()
    };
    let commands = async || {
        [
            ("/v1/payment_intents", format!("{SALE}&{saved}")),
            ("/v1/payment_intents", format!("{SALE}&payment_method={}", new().await)),
            ("/v1/setup_intents", format!("confirm=true&{saved}")),
            ("/v1/charges", format!("amount=2000&currency=usd&source={}", new().await)),
            ("/v1/customers", format!("payment_method={}", new().await)),
        ]
    };

    // New cards go to the second now.
    let both = world.with_processors(vec![second.clone(), world.processor.clone()]);
    for (path, form) in commands().await {
        let answer = both.post(path, &[], &form).await;
        assert_eq!(answer.status, 200, "{path} {form}: {}", answer.body);
    }
    let paid = body(&both.post("/v1/payment_intents", &[], &format!("{SALE}&payment_method=pm_card_visa")).await);
    assert_eq!(both.attempt(paid["id"].as_str().unwrap()).await["processor"], "second");

    // The first is not configured any more.
    let alone = world.with_processors(vec![second]);
    for (path, form) in commands().await {
        let refused = alone.post(path, &[], &form).await;
        assert_eq!(refused.status, 503, "{path} {form}: {}", refused.body);
        assert!(refused.body.contains("the processor first, which is not configured"), "{}", refused.body);
    }
}
