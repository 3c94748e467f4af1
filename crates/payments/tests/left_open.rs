//! A page of the processor's to which no payer is sent: what could be carried out there is canceled.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use domain::attempts::Outcome;
use std::sync::Arc;
use support::staged::Question::{Cancel, Execute, Query};
use support::staged::{Script, Staged, action, declined, done, pending, unknown};
use support::{World, body};

fn is(status: &str, is_due: bool) -> (String, bool) {
    (status.to_owned(), is_due)
}

/// The processor could still carry it out.
#[tokio::test]
async fn a_payment_that_fails_because_the_payer_would_have_to_act_is_canceled_at_the_processor_too() {
    for form in ["&error_on_requires_action=true", "&off_session=true"] {
        for late in [false, true] {
            let script = Script::new([(Execute, action())]);
            let world = World::of(|clock| Staged::new(script.clone(), clock));
            assert_eq!(world.pay("pm_card_visa", form).await.status, 402, "the merchant need not wait");
            let list = body(&world.get("/v1/payment_intents", &[], "").await);
            let id = list["data"][0]["id"].as_str().unwrap();
            let failed = world.intent(id).await;
            assert_eq!(failed["status"], "requires_payment_method", "{failed}");
            let attempts = async || world.attempts(&format!("payment_intent={id}")).await;
            assert_eq!(attempts().await, [is("declined", true)]);
            script.goes_on([(Cancel, unknown()), (Cancel, action())]);
            world.work(1).await;
            world.work(5).await;
            assert_eq!(attempts().await, [is("declined", true)], "nothing is known yet");
            if late {
                script.goes_on([(Cancel, done()), (Query, done())]);
                world.work(10).await;
                let held = world.balance("liabilities/refunds").await;
                assert_eq!((held, world.balance("assets/processor").await), (2000, -2000), "it is given back");
                world.work(10).await;
                assert_eq!(world.balance("assets/processor").await, 0);
            } else {
                script.goes_on([(Cancel, Outcome::Canceled)]);
                world.work(10).await;
            }
            assert!(attempts().await.contains(&is("declined", false)));
            assert!(attempts().await.iter().all(|(_, is_due)| !is_due));
            assert!(script.is_at_its_end());
            assert_eq!(world.intent(id).await, failed);
        }
    }
}

/// It was not asked about: what the payer paid there was in no book.
#[tokio::test]
async fn a_payment_that_has_failed_is_looked_at_where_it_cannot_be_canceled() {
    for form in ["&error_on_requires_action=true", "&off_session=true"] {
        for late in [false, true] {
            let mut script = Script::new([(Execute, action())]);
            Arc::get_mut(&mut script).unwrap().cancels = false;
            let world = World::of(|clock| Staged::new(script.clone(), clock));
            assert_eq!(world.pay("pm_card_visa", form).await.status, 402, "the merchant need not wait");
            let list = body(&world.get("/v1/payment_intents", &[], "").await);
            let id = list["data"][0]["id"].as_str().unwrap();
            let failed = world.intent(id).await;
            let attempts = async || world.attempts(&format!("payment_intent={id}")).await;
            for answer in [action(), unknown(), pending()] {
                script.goes_on([(Query, answer)]);
                world.work(60).await;
                assert!(script.is_at_its_end());
                assert_eq!(attempts().await, [is("declined", true)], "nothing is known yet");
            }
            if late {
                script.goes_on([(Query, done()), (Query, done())]);
                world.work(60).await;
                assert_eq!(world.balance("liabilities/refunds").await, 2000, "it is given back");
                world.work(60).await;
                assert_eq!(world.balance("assets/processor").await, 0);
            } else {
                script.goes_on([(Query, declined("card_declined"))]);
                world.work(60).await;
            }
            assert!(attempts().await.contains(&is("declined", false)));
            assert!(attempts().await.iter().all(|(_, is_due)| !is_due));
            assert!(script.is_at_its_end());
            assert_eq!(world.intent(id).await, failed);
        }
    }
}

/// The processor could still carry it out.
#[tokio::test]
async fn a_check_whose_payer_would_have_to_act_is_canceled_at_the_processor_too() {
    for (answer, cancels) in [(action(), true), (unknown(), true), (action(), false)] {
        let is_answered = answer == action();
        let mut script = Script::new([(Execute, answer)]);
        Arc::get_mut(&mut script).unwrap().cancels = cancels;
        let world = World::of(|clock| Staged::new(script.clone(), clock));
        let customer = body(&world.post("/v1/customers", &[], "").await)["id"].as_str().unwrap().to_owned();
        let card = body(&world.post("/v1/payment_methods", &[], "type=card&card[token]=tok_visa").await);
        let card = card["id"].as_str().unwrap();
        let check = async || world.attempts(&format!("target={card}")).await;
        let attached =
            world.post("/v1/payment_methods/{id}/attach", &[("id", card)], &format!("customer={customer}")).await;
        if is_answered {
            assert_eq!(body(&attached)["customer"], customer.as_str(), "its holder is asked when it is used");
        } else {
            script.goes_on([(Query, action())]);
            world.work(1).await;
        }
        assert_eq!(check().await, [is("requires_action", true)]);
        if cancels {
            script.goes_on([(Cancel, unknown()), (Cancel, Outcome::Canceled)]);
            world.work(1).await;
            assert_eq!(check().await, [is("unknown", true)]);
            world.work(5).await;
            assert_eq!(check().await, [is("canceled", false)]);
        } else {
            script.goes_on([(Query, action()), (Query, done())]);
            world.work(60).await;
            assert_eq!(check().await, [is("requires_action", true)]);
            world.work(60).await;
            assert_eq!(check().await, [is("succeeded", false)]);
        }
        assert!(script.is_at_its_end());
    }
}
