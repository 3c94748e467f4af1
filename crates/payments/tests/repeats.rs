//! Repeated requests: in a process that has answered the first one, and in one that knows nothing of it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use api::form::Form;
use api::{Answer, Api, Request};
use contracts::KeyKind;
use http::Method;
use processors::sandbox::SandboxConfig;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::World;

async fn pay(api: &Arc<Api>, tenant: &contracts::Tenant) -> Answer {
    let mut params = Form::default();
    params.decode(b"amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa").unwrap();
    let endpoint = api.endpoints.get(&Method::POST, "/v1/payment_intents").unwrap().clone();
    let idempotency_key = Some("order 7".to_owned());
    api.answer(
        Request { idempotency_key, ..Request::new(endpoint, &[], params.into_params(), testkit::caller(tenant)) },
        (),
    )
    .await
}

#[tokio::test]
async fn two_repeats_at_once_get_the_first_answer() {
    let world = World::new(SandboxConfig::default());
    let (api, tenant) = (world.api.clone(), world.tenant.clone());
    let first = pay(&world.another_process(Duration::ZERO), &tenant).await;
    assert_eq!((first.status, first.replayed), (200, false), "{}", first.body);

    // The second repeat comes while the first is about to commit.
    let second = Arc::new(Mutex::new(None));
    world.ledger.before_next_commit({
        let (api, tenant, second) = (api.clone(), tenant.clone(), second.clone());
        async move {
            let answer = pay(&api, &tenant).await;
            *second.lock().unwrap() = Some(answer);
        }
    });
    let expected = Answer { replayed: true, ..first };
    assert_eq!(pay(&api, &tenant).await, expected);
    assert_eq!(second.lock().unwrap().take(), Some(expected.clone()));
    // By now the process knows the key: nothing is decided any more.
    world.ledger.before_next_commit(async { panic!("a known key is looked up first") });
    assert_eq!(pay(&api, &tenant).await, expected);
}

/// Path, its parameters, form, and the status of the answer.
type Asked<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, u16);

/// What a process remembers of its answers is what any other process reads. With other parameters, after an hour, and when what was written
/// may be gone, the ledger is asked.
#[tokio::test]
async fn what_is_remembered_is_what_is_stored() {
    let world = World::new(SandboxConfig::default());
    let other = world.another_process(Duration::ZERO);
    let customer =
        support::body(&world.post("/v1/customers", &[], "name=Ann").await)["id"].as_str().unwrap().to_owned();
    let paid = support::body(&world.pay("pm_card_visa", "").await);
    let refund = format!("payment_intent={}&amount=5", paid["id"].as_str().unwrap());
    let pay =
        "amount=500&currency=usd&confirm=true&payment_method=pm_card_visa&expand[]=latest_charge.balance_transaction";
    let declined = "amount=500&currency=usd&confirm=true&payment_method=pm_card_chargeDeclined";
    let of_customer = [("id", customer.as_str())];
    let requests: [Asked<'_>; 6] = [
        ("/v1/customers", &[], "email=ann@example.com", 200),
        ("/v1/customers/{id}", &of_customer, "description=D", 200),
        ("/v1/payment_intents", &[], pay, 200),
        ("/v1/refunds", &[], &refund, 200),
        ("/v1/payment_intents", &[], declined, 402),
        ("/v1/payment_intents", &[], "amount=500&currency=usd&customer=cus_none", 400),
    ];
    for (path, path_params, form, status) in requests {
        let send = async |api: &Arc<Api>, form: &str| {
            let key = Some(format!("key of {form}"));
            world.send_to(api, KeyKind::Secret, &Method::POST, (path, path_params), form, key).await
        };
        let first = send(&world.api, form).await;
        assert_eq!((first.status, first.replayed), (status, false), "{}", first.body);
        let expected = Answer { replayed: status != 400, ..first };
        let asked = world.ledger.keys_looked_up();
        assert_eq!(send(&world.api, form).await, expected, "{path}");
        assert_eq!(world.ledger.keys_looked_up() > asked, status != 200, "{path}");
        assert_eq!(send(&other, form).await, expected, "{path}");
        let changed = {
            let key = Some(format!("key of {form}"));
            let form = format!("{form}&metadata[a]=b");
            world.send_to(&world.api, KeyKind::Secret, &Method::POST, (path, path_params), &form, key).await
        };
        assert_eq!((changed.status, changed.replayed), (400, false), "{}", changed.body);
    }
    let again = async || {
        let asked = world.ledger.keys_looked_up();
        let key = Some(format!("key of {refund}"));
        assert!(world.send(&Method::POST, "/v1/refunds", &[], &refund, key).await.replayed);
        world.ledger.keys_looked_up() > asked
    };
    assert!(!again().await);
    world.ledger.fail_over();
    assert!(again().await);
    let late = "amount=500&currency=usd";
    let pay =
        async || world.send(&Method::POST, "/v1/payment_intents", &[], late, Some("late".to_owned())).await.replayed;
    assert!(!pay().await);
    let asked = world.ledger.keys_looked_up();
    assert!(pay().await && world.ledger.keys_looked_up() == asked);
    world.clock.advance(Duration::from_secs(3_601));
    assert!(pay().await && world.ledger.keys_looked_up() > asked);

    // A payer's answers are the payer's.
    let intent = support::body(&world.post("/v1/payment_intents", &[], "amount=700&currency=usd").await);
    let form = "payment_method=pm_card_visa";
    let first = world.confirm_by_payer(&intent, form, Some("payer's")).await;
    let (id, secret) = (intent["id"].as_str().unwrap(), intent["client_secret"].as_str().unwrap());
    let (at, form) = (("/v1/payment_intents/{id}/confirm", [("id", id)]), format!("client_secret={secret}&{form}"));
    for api in [&world.api, &other] {
        let again =
            world.send_to(api, KeyKind::Publishable, &Method::POST, (at.0, &at.1), &form, Some("payer's".to_owned()));
        assert_eq!(again.await, Answer { replayed: true, ..first.clone() });
    }
}
