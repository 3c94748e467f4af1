//! What a payer is told, errors above all, names no object that a publishable key may not read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use api::Answer;
use contracts::KeyKind;
use domain::attempts::LEASE;
use http::Method;
use processors::sandbox::SandboxConfig;
use serde_json::Value;
use support::staged::{Question, Script, Staged, action, declined, done, unknown};
use support::{World, body};
use types::Kind;

/// What a publishable key may read.
const READABLE: &[Kind] = &[Kind::PaymentIntent, Kind::SetupIntent, Kind::PaymentMethod];

/// The ids of that kind in a text, wherever in it they are.
fn ids(text: &str, kind: Kind) -> Vec<&str> {
    let prefix = format!("{}_", kind.prefix());
    let starts = text.match_indices(&prefix).map(|(at, _)| &text[at..]);
    let ends = |id: &str| id[prefix.len()..].find(|end: char| !end.is_ascii_alphanumeric()).map(|at| prefix.len() + at);
    let found = starts.map(|id| &id[..ends(id).unwrap_or(id.len())]);
    // What is shorter is part of a word: capture_method.
    found.filter(|id| id.len() > prefix.len() + 15).collect()
}

/// Names of payment methods.
const NAMED: [&str; 4] =
    ["pm_card_visa", "pm_card_visa_chargeDeclined", "pm_card_authenticationRequired", "pm_nothere"];

fn check(answer: &Answer, what: &str) {
    let mut shown = body(answer);
    // The page on which the payer authenticates has the attempt in its address.
    for page in ["/next_action/use_stripe_sdk/stripe_js", "/next_action/redirect_to_url/url"] {
        if let Some(page) = shown.pointer_mut(page) {
            *page = Value::Null;
        }
    }
    let text = shown.to_string();
    for kind in Kind::ALL.iter().filter(|kind| !READABLE.contains(kind)) {
        assert_eq!(ids(&text, *kind), Vec::<&str>::new(), "{what}: a payer is told of a {kind}: {text}");
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
    let merchants = world.object("/v1/payment_methods/{id}", &good).await.to_string();
    assert_eq!(ids(&merchants, Kind::Customer), [ada.as_str()], "what is hidden from payers would be found");
    let (bob, bad) = customer(&world, "pm_card_chargeCustomerFail").await;
    let gone = customer(&world, "pm_card_visa").await.1;
    world.post("/v1/payment_methods/{id}/detach", &[("id", &gone)], "").await;
    for (path, form) in [("/v1/payment_intents", "amount=2000&currency=usd"), ("/v1/setup_intents", "")] {
        for customer in ["", &ada, &bob] {
            let of = if customer.is_empty() { String::new() } else { format!("&customer={customer}") };
            for method in [good.as_str(), &bad, &gone].into_iter().chain(NAMED) {
                let what = format!("{path} of {customer:?} with {method}");
                let intent = made(&world, path, &format!("{form}{of}")).await;
                for replayed in [false, true] {
                    let form = format!("payment_method={method}");
                    let answer = world.confirm_by_payer(&intent, &form, Some(&what)).await;
                    assert!(answer.replayed || !replayed || !matches!(answer.status, 200 | 402), "{}", answer.body);
                    check(&answer, &what);
                }
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

/// What the worker finds out is the answer to the payer's request, too.
#[tokio::test]
async fn the_worker_tells_a_payer_no_more() {
    for outcome in [done(), declined("card_declined"), action()] {
        for (path, form) in [("/v1/payment_intents", "amount=2000&currency=usd"), ("/v1/setup_intents", "")] {
            let script = Script::new([(Question::Execute, unknown()), (Question::Query, outcome.clone())]);
            let world = World::of(|clock| Staged::new(script.clone(), clock));
            let customer = made(&world, "/v1/customers", "name=Ada").await;
            let form = format!("{form}&customer={}", customer["id"].as_str().unwrap());
            let intent = made(&world, path, &form).await;
            let confirm = async || world.confirm_by_payer(&intent, "payment_method=pm_card_visa", Some("k")).await;
            check(&confirm().await, "before");
            world.work(LEASE.as_secs() + 1).await;
            assert!(script.is_at_its_end());
            let answer = confirm().await;
            assert!(answer.replayed, "{}", answer.body);
            check(&answer, "after");
        }
    }
}
