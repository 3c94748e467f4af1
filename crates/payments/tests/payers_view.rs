//! What a payer is told, errors above all, names no object that a publishable key may not read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use api::Answer;
use contracts::KeyKind;
use http::Method;
use processors::sandbox::SandboxConfig;
use serde_json::Value;
use support::{World, body};
use types::Kind;

/// What a publishable key may read.
const READABLE: &[Kind] = &[Kind::PaymentIntent, Kind::SetupIntent, Kind::PaymentMethod];

fn check(answer: &Answer, what: &str) {
    for kind in Kind::ALL.iter().filter(|kind| !READABLE.contains(kind)) {
        let prefix = format!("\"{}_", kind.prefix());
        let words = answer.body.split([' ', ';', '\'', '.', ',']);
        for word in words {
            let names = word.starts_with(&prefix) || word.starts_with(&prefix[1..]);
            assert!(!names, "{what}: a payer is told of a {kind}, {word}: {}", answer.body);
        }
    }
}

async fn made(world: &World, path: &str, form: &str) -> Value {
    let answer = world.post(path, &[], form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    body(&answer)
}

/// A customer with a saved card of that sort: both ids.
async fn customer(world: &World, card: &str) -> (String, String) {
    let customer = made(world, "/v1/customers", "name=Ada").await["id"].as_str().unwrap().to_owned();
    let path = "/v1/payment_methods/{id}/attach";
    let attached = world.post(path, &[("id", card)], &format!("customer={customer}")).await;
    (customer, body(&attached)["id"].as_str().unwrap().to_owned())
}

/// The id of the customer whose card it was stood in the error.
#[tokio::test]
async fn a_payer_is_told_of_no_object_that_is_hidden() {
    let world = World::new(SandboxConfig::default());
    let (ada, good) = customer(&world, "pm_card_visa").await;
    let (bob, bad) = customer(&world, "pm_card_chargeCustomerFail").await;
    let gone = customer(&world, "pm_card_visa").await.1;
    world.post("/v1/payment_methods/{id}/detach", &[("id", &gone)], "").await;
    for (path, form) in [("/v1/payment_intents", "amount=2000&currency=usd"), ("/v1/setup_intents", "")] {
        for customer in ["", &ada, &bob] {
            let of = if customer.is_empty() { String::new() } else { format!("&customer={customer}") };
            for method in [good.as_str(), &bad, &gone, "pm_card_visa", "pm_card_visa_chargeDeclined", "pm_nothere"] {
                let what = format!("{path} of {customer:?} with {method}");
                let intent = made(&world, path, &format!("{form}{of}")).await;
                let answer = world.confirm_by_payer(&intent, &format!("payment_method={method}"), None).await;
                check(&answer, &what);
                let id = intent["id"].as_str().unwrap();
                let read =
                    (format!("{path}/{{id}}"), format!("client_secret={}", intent["client_secret"].as_str().unwrap()));
                for expand in ["", "&expand[]=payment_method", "&expand[]=payment_method.customer"] {
                    let query = format!("{}{expand}", read.1);
                    let at = (read.0.as_str(), &[("id", id)][..]);
                    check(&world.send_with(KeyKind::Publishable, &Method::GET, at, &query, None).await, &what);
                }
                // Once more: it has failed, or has succeeded already.
                check(&world.confirm_by_payer(&intent, "", None).await, &what);
            }
        }
    }
}
