//! Payments on an in-memory ledger that can fail, and a clock that stands still.

#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part of it, and panics if something is wrong")]

pub mod staged;
pub mod tries;

use api::form::Form;
use api::open::{OpenAnswer, OpenRequest};
use api::worker::Worker;
use api::{Answer, Api, CardTestingLimits, Environment, Origin, Registry, Request};
use contracts::{Balance, Caller, KeyKind, Ledger, Tenant};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Method};
use processors::sandbox::{Sandbox, SandboxConfig};
use processors::{Processor, Processors};
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::{FailingLedger, ManualClock, ModelLedger, OneTenant, caller, tenant};
use types::{Clock, Timestamp};

pub struct World {
    pub api: Arc<Api>,
    pub ledger: Arc<FailingLedger>,
    pub clock: Arc<ManualClock>,
    pub tenant: Tenant,
    pub processor: Arc<dyn Processor>,
    limits: CardTestingLimits,
    /// Where requests come from.
    pub origin: Mutex<Origin>,
    /// Whether they come with live keys.
    pub livemode: AtomicBool,
}

impl World {
    pub fn new(sandbox: SandboxConfig) -> Self {
        Self::of(|clock| Arc::new(Sandbox::new(sandbox, clock)))
    }

    /// With limits of its own for tries to pay that fail.
    pub fn limited(sandbox: SandboxConfig, limits: CardTestingLimits) -> Self {
        Self::made(|clock| Arc::new(Sandbox::new(sandbox, clock)), limits, |_| ())
    }

    /// With a processor of its own, too.
    pub fn limited_of(
        processor: impl FnOnce(Arc<ManualClock>) -> Arc<dyn Processor>,
        limits: CardTestingLimits,
    ) -> Self {
        Self::made(processor, limits, |_| ())
    }

    /// With a processor of its own.
    pub fn of(processor: impl FnOnce(Arc<ManualClock>) -> Arc<dyn Processor>) -> Self {
        Self::with(processor, |_| ())
    }

    /// With endpoints beside those of payments.
    pub fn with(
        processor: impl FnOnce(Arc<ManualClock>) -> Arc<dyn Processor>,
        register: impl FnOnce(&mut Registry),
    ) -> Self {
        Self::made(processor, CardTestingLimits::default(), register)
    }

    fn made(
        processor: impl FnOnce(Arc<ManualClock>) -> Arc<dyn Processor>,
        limits: CardTestingLimits,
        register: impl FnOnce(&mut Registry),
    ) -> Self {
        let clock = ManualClock::new();
        let tenant = tenant();
        let model = ModelLedger::new(clock.clone());
        model.create_tenant(tenant.id);
        let ledger = FailingLedger::new(model);
        let processor = processor(clock.clone());
        let api = api(ledger.clone(), &tenant, clock.clone(), (vec![processor.clone()], &limits), register);
        let (origin, livemode) = (Mutex::default(), AtomicBool::new(false));
        World { api, ledger, clock, tenant, processor, limits, origin, livemode }
    }

    /// Another process with the same books, which are fast for it; its clock is that much ahead.
    pub fn another_process(&self, ahead: Duration) -> Arc<Api> {
        let clock = Arc::new(Ahead(self.clock.clone(), ahead));
        api(self.ledger.model(), &self.tenant, clock, (vec![self.processor.clone()], &self.limits), |_| ())
    }

    /// A process with the same books, and other processors; new cards go to the first.
    pub fn with_processors(&self, processors: Vec<Arc<dyn Processor>>) -> World {
        let World { ledger, clock, tenant, limits, .. } = self;
        World {
            api: api(ledger.clone(), tenant, clock.clone(), (processors, limits), |_| ()),
            ledger: ledger.clone(),
            clock: clock.clone(),
            tenant: tenant.clone(),
            processor: self.processor.clone(),
            limits: limits.clone(),
            origin: Mutex::default(),
            livemode: AtomicBool::new(false),
        }
    }

    /// How many log entries an object has.
    pub async fn version(&self, id: &str) -> i32 {
        let stored = self.ledger.objects(self.tenant.id, &[id.parse().unwrap()]).await.unwrap();
        stored[0].as_ref().unwrap().version
    }

    /// A payment of $20 with a key that is always the same.
    pub async fn pay(&self, method: &str, more: &str) -> Answer {
        let form = format!("amount=2000&currency=usd&confirm=true&payment_method={method}{more}");
        let key = Some("order 7".to_owned());
        self.send(&Method::POST, "/v1/payment_intents", &[], &form, key).await
    }

    pub async fn get(&self, path: &str, path_params: &[(&str, &str)], query: &str) -> Answer {
        self.send(&Method::GET, path, path_params, query, None).await
    }

    pub async fn post(&self, path: &str, path_params: &[(&str, &str)], form: &str) -> Answer {
        self.send(&Method::POST, path, path_params, form, None).await
    }

    pub async fn send(
        &self,
        method: &Method,
        path: &str,
        path_params: &[(&str, &str)],
        form: &str,
        idempotency_key: Option<String>,
    ) -> Answer {
        self.send_with(KeyKind::Secret, method, (path, path_params), form, idempotency_key).await
    }

    /// A payer's request about an intent, which is given with its secret: with a publishable key.
    pub async fn confirm_by_payer(&self, intent: &Value, form: &str, idempotency_key: Option<&str>) -> Answer {
        let (id, secret) = (intent["id"].as_str().unwrap(), intent["client_secret"].as_str().unwrap());
        let path = format!("/v1/{}s/{{id}}/confirm", intent["object"].as_str().unwrap());
        let form = format!("client_secret={secret}&{form}");
        let key = idempotency_key.map(str::to_owned);
        self.send_with(KeyKind::Publishable, &Method::POST, (&path, &[("id", id)]), &form, key).await
    }

    pub async fn send_with(
        &self,
        key: KeyKind,
        method: &Method,
        at: (&str, &[(&str, &str)]),
        form: &str,
        idempotency_key: Option<String>,
    ) -> Answer {
        self.send_to(&self.api, key, method, at, form, idempotency_key).await
    }

    /// A request to that process.
    pub async fn send_to(
        &self,
        api: &Arc<Api>,
        key: KeyKind,
        method: &Method,
        (path, path_params): (&str, &[(&str, &str)]),
        form: &str,
        idempotency_key: Option<String>,
    ) -> Answer {
        let mut params = Form::default();
        params.decode(form.as_bytes()).unwrap();
        let endpoint = api.endpoints.get(method, path).unwrap().clone();
        let livemode = self.livemode.load(Ordering::Relaxed);
        let caller = Caller { key, livemode, ..caller(&self.tenant) };
        let origin = *self.origin.lock().unwrap();
        let request = Request {
            idempotency_key,
            request_id: "req_1".into(),
            origin,
            ..Request::new(endpoint, path_params, params.into_params(), caller)
        };
        api.answer(request, ()).await
    }

    pub async fn object(&self, path: &str, id: &str) -> Value {
        serde_json::from_str(&self.get(path, &[("id", id)], "").await.body).unwrap()
    }

    pub async fn intent(&self, id: &str) -> Value {
        self.object("/v1/payment_intents/{id}", id).await
    }

    /// The only attempt of an intent.
    pub async fn attempt(&self, intent: &str) -> Value {
        let list = self.get("/x/v1/attempts", &[], &format!("payment_intent={intent}")).await;
        let list: Value = serde_json::from_str(&list.body).unwrap();
        assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");
        list["data"][0].clone()
    }

    /// The attempts that a query finds: status, and whether it is due.
    pub async fn attempts(&self, query: &str) -> Vec<(String, bool)> {
        let list = body(&self.get("/x/v1/attempts", &[], query).await);
        let attempts = list["data"].as_array().unwrap().iter();
        attempts.map(|one| (one["status"].as_str().unwrap().to_owned(), !one["next_query_at"].is_null())).collect()
    }

    /// What a worker does after so many seconds.
    pub async fn work(&self, after: u64) {
        self.clock.advance(Duration::from_secs(after));
        Worker::default().round(&self.api).await;
    }

    /// The posted balances of the accounts whose code begins with `prefix`, as credits less debits.
    pub async fn balance(&self, prefix: &str) -> i64 {
        let balances = self.ledger.balances(self.tenant.id, prefix).await.unwrap();
        balances.iter().map(Balance::credit_balance).sum()
    }

    /// A request without an API key.
    pub async fn open(&self, method: Method, path: &str, signature: &str, body: &str) -> OpenAnswer {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let route = self.api.open.find(path).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("sandbox-signature", signature.parse().unwrap());
        let request = OpenRequest {
            services: self.api.services.clone(),
            method,
            path_params: route.path_params.clone(),
            query: query.to_owned(),
            headers,
            body: body.to_owned().into(),
        };
        route.answer(request, ()).await
    }

    /// Sends a notice about an attempt, signed with [`SECRET`]; returns the status of the answer.
    pub async fn notify(&self, tenant: &str, attempt: &str) -> u16 {
        let body = json!({ "tenant": tenant, "attempt": attempt }).to_string();
        self.open(Method::POST, "/webhooks/sandbox", &signature(&body), &body).await.status.as_u16()
    }
}

fn api(
    ledger: Arc<dyn Ledger>,
    tenant: &Tenant,
    clock: Arc<dyn Clock>,
    (processors, limits): (Vec<Arc<dyn Processor>>, &CardTestingLimits),
    register: impl FnOnce(&mut Registry),
) -> Arc<Api> {
    let mut registry = Registry::default();
    attempts::register(&mut registry, Processors::new(processors).unwrap());
    payments::register(&mut registry);
    register(&mut registry);
    let environment = Environment { public_url: "http://localhost".into(), card_testing: limits.clone() };
    Api::new(ledger, Arc::new(OneTenant(tenant.clone())), clock, environment, registry)
}

/// A clock that is ahead of another one.
struct Ahead(Arc<ManualClock>, Duration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        self.0.now().plus(self.1)
    }
}

pub fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

/// The sandbox's webhook secret.
pub const SECRET: &str = "whsec_of_the_sandbox";

pub fn signature(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
