//! Repeated requests, in a process that knows nothing of the first one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use api::form::Form;
use api::{Answer, Api, Request};
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
