//! What a client is told while nobody knows, when the ledger fails at the worst moments.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use api::{Api, Config, Incoming, Outgoing, worker};
use async_trait::async_trait;
use contracts::{
    Balance, Caller, CommitError, Committed, Due, EventQuery, IdempotencyRecord, KeyKind, Ledger, LedgerError,
    ListQuery, LogEntry, Page, Settings, Stored, Tenant,
};
use domain::commit::{Commit, Version};
use processors::Processors;
use processors::sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testkit::{ManualClock, ModelLedger, OneTenant};
use types::{Clock, ObjectId, SeededEntropy, TenantId, Timestamp};

/// The model, of which nothing can be read once something was written, until it is repaired.
struct Breaking {
    model: Arc<ModelLedger>,
    breaks: AtomicBool,
    broken: AtomicBool,
}

#[async_trait]
impl Ledger for Breaking {
    async fn commit(&self, tenant: TenantId, commit: Commit) -> Result<Committed, CommitError> {
        let committed = self.model.commit(tenant, commit).await?;
        self.broken.fetch_or(self.breaks.load(Ordering::SeqCst), Ordering::SeqCst);
        Ok(committed)
    }

    async fn objects(&self, tenant: TenantId, ids: &[ObjectId]) -> Result<Vec<Option<Stored>>, LedgerError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(LedgerError::Unavailable("it is starting up".to_owned()));
        }
        self.model.objects(tenant, ids).await
    }

    async fn objects_at(
        &self,
        tenant: TenantId,
        at: &[(ObjectId, Version)],
    ) -> Result<Vec<Option<Stored>>, LedgerError> {
        self.model.objects_at(tenant, at).await
    }

    async fn list(&self, tenant: TenantId, query: &ListQuery) -> Result<Page<Stored>, LedgerError> {
        self.model.list(tenant, query).await
    }

    async fn events(&self, tenant: TenantId, query: &EventQuery) -> Result<Page<LogEntry>, LedgerError> {
        self.model.events(tenant, query).await
    }

    async fn log_entry(&self, tenant: TenantId, position: i64) -> Result<Option<LogEntry>, LedgerError> {
        self.model.log_entry(tenant, position).await
    }

    async fn balances(&self, tenant: TenantId, prefix: &str) -> Result<Vec<Balance>, LedgerError> {
        self.model.balances(tenant, prefix).await
    }

    async fn idempotency(&self, tenant: TenantId, key: &str) -> Result<Option<IdempotencyRecord>, LedgerError> {
        self.model.idempotency(tenant, key).await
    }

    async fn due(&self, now: Timestamp, after: Option<&Due>, limit: u32) -> Result<Vec<Due>, LedgerError> {
        self.model.due(now, after, limit).await
    }

    async fn forget_idempotency(&self, before: Timestamp) -> Result<u64, LedgerError> {
        self.model.forget_idempotency(before).await
    }
}

struct World {
    api: Arc<Api>,
    ledger: Arc<Breaking>,
    clock: Arc<ManualClock>,
    tenant: Tenant,
}

impl World {
    /// With a processor far away: attempts are committed before it is called.
    fn new() -> Self {
        Self::with(1)
    }

    fn with(latency_ms: u64) -> Self {
        let clock = ManualClock::new();
        let now = clock.now();
        let id = TenantId::new(now, &mut SeededEntropy::new(1));
        let tenant = Tenant { id, name: "test".to_owned(), created: now, settings: Settings::default() };
        let model = ModelLedger::new(clock.clone());
        model.create_tenant(id);
        let ledger = Arc::new(Breaking { model, breaks: AtomicBool::new(false), broken: AtomicBool::new(false) });
        let sandbox = Sandbox::new(SandboxConfig { latency_ms, ..SandboxConfig::default() }, clock.clone());
        let config = Config { public_url: "http://localhost".into() };
        let identity = Arc::new(OneTenant(tenant.clone()));
        let api = Api::new(ledger.clone(), identity, Processors::new(sandbox), clock.clone(), config);
        World { api, ledger, clock, tenant }
    }

    async fn pay(&self, method: &str) -> Outgoing {
        self.send(method, "").await
    }

    async fn send(&self, method: &str, more: &str) -> Outgoing {
        let form = format!("amount=2000&currency=usd&confirm=true&payment_method={method}{more}");
        let caller = Caller { tenant: Arc::new(self.tenant.clone()), key: KeyKind::Secret, livemode: false };
        let incoming = Incoming {
            method: http::Method::POST,
            path: "/v1/payment_intents".to_owned(),
            query: None,
            content_type: None,
            body: form.into(),
            idempotency_key: Some("order 7".to_owned()),
            request_id: "req_1".into(),
            caller,
        };
        self.api.handle(incoming).await
    }
}

/// PostgreSQL was killed between the call to the processor and the entry of its answer; a 503 was kept as the answer to
/// the key, so the client could not learn of a payment that had been made.
#[tokio::test]
async fn a_request_whose_outcome_could_not_be_entered_is_answered_with_the_outcome() {
    for (method, status, word) in
        [("pm_card_visa", 200, "succeeded"), ("pm_card_visa_chargeDeclined", 402, "requires_payment_method")]
    {
        let world = World::new();
        world.ledger.breaks.store(true, Ordering::SeqCst);
        let first = world.pay(method).await;
        assert_eq!(first.status, 503, "{}", first.body);
        world.ledger.breaks.store(false, Ordering::SeqCst);
        world.ledger.broken.store(false, Ordering::SeqCst);
        assert_eq!(world.pay(method).await.status, 409, "nothing is known yet");

        world.clock.advance(domain::attempt::LEASE + Duration::from_secs(1));
        worker::Rounds::default().next(&world.api).await;
        let told = world.pay(method).await;
        assert_eq!((told.status, told.replayed), (status, true), "{}", told.body);
        let body: Value = serde_json::from_str(&told.body).unwrap();
        let intent = if status == 200 { &body } else { &body["error"]["payment_intent"] };
        assert_eq!(intent["status"], word);
        assert_eq!(world.pay(method).await, told);
    }
}

/// PostgreSQL was killed between the payment's commit and the expansion of its answer.
#[tokio::test]
async fn an_answer_that_could_not_be_expanded_is_expanded_later() {
    for latency_ms in [0, 1] {
        let world = World::with(latency_ms);
        let expand = "&expand[]=latest_charge";
        world.ledger.breaks.store(true, Ordering::SeqCst);
        let first = world.send("pm_card_visa", expand).await;
        assert_eq!(first.status, 503, "{}", first.body);
        world.ledger.breaks.store(false, Ordering::SeqCst);
        world.ledger.broken.store(false, Ordering::SeqCst);
        world.clock.advance(domain::attempt::LEASE + Duration::from_secs(1));
        worker::Rounds::default().next(&world.api).await;
        let told = world.send("pm_card_visa", expand).await;
        assert_eq!((told.status, told.replayed), (200, true), "{}", told.body);
        let body: Value = serde_json::from_str(&told.body).unwrap();
        assert_eq!(body["latest_charge"]["object"], "charge", "{}", told.body);
        assert_eq!(world.send("pm_card_visa", expand).await, told);
    }
}
