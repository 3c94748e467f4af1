//! What a client is answered while an outcome is unknown, if the ledger fails at the worst moments.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use api::form::Node;
use api::worker::Worker;
use api::{Answer, Api, Environment, Registry, Request};
use contracts::Tenant;
use domain::attempts::LEASE;
use processors::Processors;
use processors::sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use testkit::{FailingLedger, ManualClock, ModelLedger, OneTenant, caller, tenant};

struct World {
    api: Arc<Api>,
    ledger: Arc<FailingLedger>,
    clock: Arc<ManualClock>,
    tenant: Tenant,
}

impl World {
    /// With a processor that is not in this process: attempts are committed before it is called.
    fn new() -> Self {
        Self::with(1)
    }

    fn with(latency_ms: u64) -> Self {
        let clock = ManualClock::new();
        let tenant = tenant();
        let model = ModelLedger::new(clock.clone());
        model.create_tenant(tenant.id);
        let ledger = FailingLedger::new(model);
        let sandbox = Sandbox::new(SandboxConfig { latency_ms, ..SandboxConfig::default() }, clock.clone());
        let mut registry = Registry::default();
        attempts::register(&mut registry, Processors::new(vec![Arc::new(sandbox)]).unwrap());
        payments::register(&mut registry);
        let environment = Environment { public_url: "http://localhost".into() };
        let identity = Arc::new(OneTenant(tenant.clone()));
        let api = Api::new(ledger.clone(), identity, clock.clone(), environment, registry);
        World { api, ledger, clock, tenant }
    }

    async fn pay(&self, method: &str) -> Answer {
        self.send(method, "").await
    }

    async fn send(&self, method: &str, more: &str) -> Answer {
        let form = format!("amount=2000&currency=usd&confirm=true&payment_method={method}{more}");
        let mut params = Node::empty();
        params.decode(form.as_bytes()).unwrap();
        let endpoint = self.api.endpoints.get(&http::Method::POST, "/v1/payment_intents").unwrap().clone();
        let request = Request {
            idempotency_key: Some("order 7".to_owned()),
            request_id: "req_1".into(),
            ..Request::new(endpoint, &[], params, caller(&self.tenant))
        };
        self.api.answer(request).await
    }
}

/// PostgreSQL was killed between the call to the processor and the commit of its outcome; a 503 was kept as the answer to
/// the key, so the client could not learn of a payment that had been made.
#[tokio::test]
async fn a_request_whose_outcome_could_not_be_committed_is_answered_with_the_outcome() {
    for (method, status, word) in
        [("pm_card_visa", 200, "succeeded"), ("pm_card_visa_chargeDeclined", 402, "requires_payment_method")]
    {
        let world = World::new();
        world.ledger.break_at_next_commit();
        let first = world.pay(method).await;
        assert_eq!(first.status, 503, "{}", first.body);
        world.ledger.repair();
        assert_eq!(world.pay(method).await.status, 409, "nothing is known yet");

        world.clock.advance(LEASE + Duration::from_secs(1));
        Worker::default().round(&world.api).await;
        let answer = world.pay(method).await;
        assert_eq!((answer.status, answer.replayed), (status, true), "{}", answer.body);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        let intent = if status == 200 { &body } else { &body["error"]["payment_intent"] };
        assert_eq!(intent["status"], word);
        assert_eq!(world.pay(method).await, answer);
    }
}

/// PostgreSQL was killed between the payment's commit and the expansion of its answer.
#[tokio::test]
async fn an_answer_that_could_not_be_expanded_is_expanded_later() {
    for latency_ms in [0, 1] {
        let world = World::with(latency_ms);
        let expand = "&expand[]=latest_charge";
        world.ledger.break_at_next_commit();
        let first = world.send("pm_card_visa", expand).await;
        assert_eq!(first.status, 503, "{}", first.body);
        world.ledger.repair();
        world.clock.advance(LEASE + Duration::from_secs(1));
        Worker::default().round(&world.api).await;
        let answer = world.send("pm_card_visa", expand).await;
        assert_eq!((answer.status, answer.replayed), (200, true), "{}", answer.body);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["latest_charge"]["object"], "charge", "{}", answer.body);
        assert_eq!(world.send("pm_card_visa", expand).await, answer);
    }
}
