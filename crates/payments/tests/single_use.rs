//! A payment method that belongs to no customer can be used once: two intents cannot use it at the same time either.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use api::Answer;
use domain::attempts::Outcome;
use serde_json::{Value, json};
use std::sync::Arc;
use support::staged::Question::{Cancel, Execute, Query};
use support::staged::{Script, Staged, action, declined, done, pending, unknown};
use support::{World, body};

const SALE: &str = "amount=2000&currency=usd";

struct Shop {
    world: Arc<World>,
    script: Arc<Script>,
    card: String,
}

impl Shop {
    async fn new() -> Self {
        let script = Script::new([]);
        let world = Arc::new(World::of(|clock| Staged::new(script.clone(), clock)));
        let card = made(&world, "/v1/payment_methods", "type=card&card[token]=tok_visa").await;
        Shop { world, script, card }
    }

    /// Each way to use the card, for an intent of its own where one is needed: path, intent and form.
    async fn uses(&self) -> [(&'static str, String, String); 5] {
        let Shop { world, card, .. } = self;
        let with_card = format!("payment_method={card}");
        let payment = made(world, "/v1/payment_intents", &format!("{SALE}&{with_card}")).await;
        let setup = made(world, "/v1/setup_intents", &with_card).await;
        [
            ("/v1/payment_intents", String::new(), format!("{SALE}&{with_card}&confirm=true")),
            ("/v1/payment_intents/{id}/confirm", payment, String::new()),
            ("/v1/setup_intents", String::new(), format!("{with_card}&confirm=true")),
            ("/v1/setup_intents/{id}/confirm", setup, String::new()),
            ("/v1/charges", String::new(), format!("{SALE}&source={card}")),
        ]
    }
}

async fn made(world: &World, path: &str, form: &str) -> String {
    let made = body(&world.post(path, &[], form).await);
    made["id"].as_str().expect("it is made").to_owned()
}

fn check_refused(answer: &Answer, context: &str) {
    assert_eq!(answer.status, 400, "{context}: {}", answer.body);
    let error = &body(answer)["error"];
    assert_eq!(error["code"], "payment_method_unexpected_state", "{context}: {error}");
    assert!(error["message"].as_str().unwrap().contains("It may not be used again."), "{context}: {error}");
}

/// Both were charged: that the card was used was written only with what had become of the first.
#[tokio::test]
async fn a_card_that_is_being_used_is_refused_until_that_has_failed() {
    let shop = Shop::new().await;
    let uses = shop.uses().await;
    shop.script.goes_on([(Execute, pending())]);
    let first = made(&shop.world, uses[0].0, &uses[0].2).await;
    for (path, id, form) in &uses {
        check_refused(&shop.world.post(path, &[("id", id)], form).await, path);
    }
    shop.script.goes_on([(Query, declined("card_declined"))]);
    shop.world.work(5).await;
    assert_eq!(shop.world.intent(&first).await["status"], "requires_payment_method");

    // It can be used again, once.
    shop.script.goes_on([(Execute, done())]);
    let paid = body(&shop.world.post(uses[1].0, &[("id", &uses[1].1)], &uses[1].2).await);
    assert_eq!(paid["status"], "succeeded", "{paid}");
    let again = shop.world.post(uses[0].0, &[], &uses[0].2).await;
    check_refused(&again, "it is spent");
    assert!(shop.script.is_at_its_end());
}

/// Neither has read what the other one has written.
#[tokio::test]
async fn of_two_at_the_same_time_one_is_refused() {
    for first in 0..5 {
        for second in 0..5 {
            let shop = Shop::new().await;
            let (one, other) = (shop.uses().await[first].clone(), shop.uses().await[second].clone());
            let context = format!("{one:?}, meanwhile {other:?}");
            shop.script.goes_on([(Execute, pending())]);
            let (path, id, form) = other;
            let world = shop.world.clone();
            shop.world.ledger.before_next_commit(async move {
                let begun = world.post(path, &[("id", &id)], &form).await;
                assert_eq!(begun.status, 200, "{}", begun.body);
            });
            let refused = shop.world.post(one.0, &[("id", &one.1)], &one.2).await;
            assert_eq!(refused.status, 400, "{context}: {}", refused.body);
            assert!(shop.script.is_at_its_end(), "{context}");
        }
    }
}

/// The processor could still have carried the first one out.
#[tokio::test]
async fn a_card_is_free_when_the_processor_has_canceled_what_has_failed() {
    let shop = Shop::new().await;
    let uses = shop.uses().await;
    shop.script.goes_on([(Execute, action())]);
    let form = format!("{}&error_on_requires_action=true", uses[0].2);
    let failed = shop.world.post(uses[0].0, &[], &form).await;
    assert_eq!(failed.status, 402, "{}", failed.body);
    for (path, id, form) in &uses {
        let busy = shop.world.post(path, &[("id", id)], form).await;
        assert_eq!((busy.status, &body(&busy)["error"]["code"]), (429, &json!("lock_timeout")), "{path}");
    }
    // The intent that used it may use it again.
    shop.script.goes_on([(Execute, declined("card_declined"))]);
    let own = body(&failed)["error"]["payment_intent"]["id"].as_str().unwrap().to_owned();
    let confirm = format!("payment_method={}", shop.card);
    let again = shop.world.post("/v1/payment_intents/{id}/confirm", &[("id", &own)], &confirm).await;
    assert_eq!(again.status, 402, "{}", again.body);

    let shop = Shop::new().await;
    let uses = shop.uses().await;
    shop.script.goes_on([(Execute, action()), (Cancel, unknown()), (Cancel, Outcome::Canceled), (Execute, done())]);
    shop.world.post(uses[0].0, &[], &format!("{}&error_on_requires_action=true", uses[0].2)).await;
    shop.world.work(1).await;
    assert_eq!(shop.world.post(uses[1].0, &[("id", &uses[1].1)], "").await.status, 429, "nothing is known yet");
    shop.world.work(5).await;
    let paid = shop.world.post(uses[1].0, &[("id", &uses[1].1)], "").await;
    assert_eq!(body(&paid)["status"], "succeeded", "{}", paid.body);
    assert!(shop.script.is_at_its_end());
}

/// The intent's own use of it is given up for that; another intent's is not, and then nothing is given up either.
#[tokio::test]
async fn an_intent_uses_its_card_anew() {
    for path in ["/v1/payment_intents", "/v1/setup_intents"] {
        let shop = Shop::new().await;
        let amount = if path == "/v1/payment_intents" { SALE } else { "usage=on_session" };
        let form = format!("{amount}&confirm=true&payment_method=");
        let confirm = format!("{path}/{{id}}/confirm");
        shop.script.goes_on([(Execute, action()), (Execute, pending())]);
        let waits = made(&shop.world, path, &format!("{form}{}", shop.card)).await;
        let other = made(&shop.world, "/v1/payment_methods", "type=card&card[token]=tok_visa").await;
        made(&shop.world, path, &format!("{form}{other}")).await;

        let one = format!("{path}/{{id}}");
        let before = shop.world.object(&one, &waits).await;
        assert_eq!(before["status"], "requires_action");
        let refused = shop.world.post(&confirm, &[("id", &waits)], &format!("payment_method={other}")).await;
        check_refused(&refused, path);
        assert_eq!(shop.world.object(&one, &waits).await, before);

        shop.script.goes_on([(Cancel, Outcome::Canceled), (Execute, done())]);
        let confirmed: Value = body(&shop.world.post(&confirm, &[("id", &waits)], "").await);
        assert_eq!(confirmed["status"], json!("succeeded"), "{confirmed}");
    }
}
