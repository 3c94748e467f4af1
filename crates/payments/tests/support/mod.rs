//! Payments on an in-memory ledger that can fail, and a clock that stands still.

#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part of it, and panics if something is wrong")]

use api::form::Node;
use api::{Answer, Api, Environment, Registry, Request};
use contracts::Tenant;
use processors::Processors;
use processors::sandbox::{Sandbox, SandboxConfig};
use std::sync::Arc;
use testkit::{FailingLedger, ManualClock, ModelLedger, OneTenant, caller, tenant};

pub struct World {
    pub api: Arc<Api>,
    pub ledger: Arc<FailingLedger>,
    pub clock: Arc<ManualClock>,
    pub tenant: Tenant,
}

impl World {
    pub fn new(sandbox: SandboxConfig) -> Self {
        let clock = ManualClock::new();
        let tenant = tenant();
        let model = ModelLedger::new(clock.clone());
        model.create_tenant(tenant.id);
        let ledger = FailingLedger::new(model);
        let sandbox = Sandbox::new(sandbox, clock.clone());
        let mut registry = Registry::default();
        attempts::register(&mut registry, Processors::new(vec![Arc::new(sandbox)]).unwrap());
        payments::register(&mut registry);
        let environment = Environment { public_url: "http://localhost".into() };
        let identity = Arc::new(OneTenant(tenant.clone()));
        let api = Api::new(ledger.clone(), identity, clock.clone(), environment, registry);
        World { api, ledger, clock, tenant }
    }

    /// A payment of $20 with a key that is always the same.
    pub async fn pay(&self, method: &str, more: &str) -> Answer {
        let form = format!("amount=2000&currency=usd&confirm=true&payment_method={method}{more}");
        let key = Some("order 7".to_owned());
        self.send(&http::Method::POST, "/v1/payment_intents", &[], &form, key).await
    }

    pub async fn get(&self, path: &str, path_params: &[(&str, &str)], query: &str) -> Answer {
        self.send(&http::Method::GET, path, path_params, query, None).await
    }

    async fn send(
        &self,
        method: &http::Method,
        path: &str,
        path_params: &[(&str, &str)],
        form: &str,
        idempotency_key: Option<String>,
    ) -> Answer {
        let mut params = Node::empty();
        params.decode(form.as_bytes()).unwrap();
        let endpoint = self.api.endpoints.get(method, path).unwrap().clone();
        let request = Request {
            idempotency_key,
            request_id: "req_1".into(),
            ..Request::new(endpoint, path_params, params, caller(&self.tenant))
        };
        self.api.answer(request).await
    }
}
