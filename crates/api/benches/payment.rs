//! What a payment costs before anything is written: `cargo bench --package api`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use api::form::Node;
use api::json::pretty;
use api::resource::{View, decode, show};
use api::{Api, Config, Incoming};
use contracts::{Caller, Ledger, Tenant};
use criterion::{Criterion, criterion_group, criterion_main};
use domain::attempt::{Done, Outcome};
use domain::commit::Commit;
use domain::payment_intent::{PaymentIntent, confirm};
use domain::payment_method::PaymentMethod;
use domain::policy::Policy;
use domain::settle::{Affected, settle};
use domain::{Changes, Versioned};
use http::Method;
use processors::Processors;
use processors::sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;
use std::hint::black_box;
use std::sync::Arc;
use testkit::{EmptyLedger, ManualClock, ModelLedger, OneTenant, caller, tenant};
use tokio::runtime::Runtime;
use types::{Clock, Kind, ObjectId, SystemEntropy, Timestamp};

/// What `florin bench` sends.
const FORM: &str = "amount=2000&currency=usd&payment_method=pm_card_visa&payment_method_types%5B%5D=card&confirm=true";
const UNCONFIRMED: &str = "amount=2000&currency=usd&payment_method=pm_card_visa&payment_method_types%5B%5D=card";

struct World {
    api: Arc<Api>,
    caller: Caller,
    now: Timestamp,
}

impl World {
    fn new(tenant: &Tenant, clock: Arc<ManualClock>, ledger: Arc<dyn Ledger>) -> Self {
        let now = clock.now();
        let sandbox = Sandbox::new(SandboxConfig::default(), clock.clone());
        let config = Config { public_url: "http://localhost".into() };
        let api = Api::new(ledger, Arc::new(OneTenant(tenant.clone())), Processors::new(sandbox), clock, config);
        World { api, caller: caller(tenant), now }
    }

    async fn post(&self, form: &'static str, key: u64) -> String {
        let incoming = Incoming {
            method: Method::POST,
            path: "/v1/payment_intents".to_owned(),
            query: None,
            content_type: None,
            body: form.into(),
            idempotency_key: Some(format!("{key:032x}")),
            request_id: "req_1".into(),
            caller: self.caller.clone(),
        };
        let answer = self.api.handle(incoming).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    fn view(&self) -> View {
        let tenant = self.caller.tenant.id;
        View { tenant, livemode: false, now: self.now, public: false, public_url: "http://localhost".into() }
    }
}

/// One payment intent and its method as they are stored.
struct Payment {
    intent: String,
    method: String,
}

async fn stored(world: &World, ledger: &ModelLedger, form: &'static str, key: u64) -> Payment {
    let shown: Value = serde_json::from_str(&world.post(form, key).await).unwrap();
    let id = |kind, name: &str| ObjectId::parse(kind, shown[name].as_str().unwrap()).unwrap();
    let ids = [id(Kind::PaymentIntent, "id"), id(Kind::PaymentMethod, "payment_method")];
    let found = ledger.objects(world.caller.tenant.id, &ids).await.unwrap();
    let mut states = found.into_iter().map(|stored| stored.unwrap().state);
    Payment { intent: states.next().unwrap(), method: states.next().unwrap() }
}

/// Creates, confirms and settles: everything that one payment writes.
fn decide(now: Timestamp, intent: &PaymentIntent, method: &PaymentMethod, policy: &Policy) -> Commit {
    let mut changes = Changes::new(now, Box::new(SystemEntropy::new()));
    let method = PaymentMethod { id: changes.new_id(Kind::PaymentMethod), ..method.clone() };
    let intent = PaymentIntent { id: changes.new_id(Kind::PaymentIntent), ..intent.clone() };
    let method: Versioned<PaymentMethod> = changes.create(method, None);
    let mut intent = changes.create(intent, Some("payment_intent.created"));
    let confirmation = confirm::Confirmation::default();
    let mut attempt = confirm::begin(&mut changes, &mut intent, &method, "sandbox", confirmation).unwrap();
    let mut affected = Affected { payment_intent: Some(intent), payment_method: Some(method), ..Affected::default() };
    let done = Outcome::Done(Done { reference: "reference".to_owned(), ..Done::default() });
    assert_eq!(settle(&mut changes, &mut attempt, &mut affected, policy, &done), None);
    changes.into_commit()
}

fn benches(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let clock = ManualClock::new();
    let tenant = tenant();
    let model = ModelLedger::new(clock.clone());
    model.create_tenant(tenant.id);
    let world = World::new(&tenant, clock.clone(), model.clone());
    let paid = runtime.block_on(stored(&world, &model, FORM, 1));
    let open = runtime.block_on(stored(&world, &model, UNCONFIRMED, 2));
    let view = world.view();

    criterion.bench_function("decode a form", |bencher| {
        bencher.iter(|| {
            let mut node = Node::empty();
            node.decode(black_box(FORM.as_bytes())).unwrap();
            node
        });
    });

    let intent = decode::<PaymentIntent>(&paid.intent).unwrap();
    criterion.bench_function("render an intent", |bencher| {
        bencher.iter(|| pretty(&show(black_box(&intent), &view)));
    });
    criterion.bench_function("render a stored intent", |bencher| {
        bencher.iter(|| pretty(&show(&decode::<PaymentIntent>(black_box(&paid.intent)).unwrap(), &view)));
    });

    let unconfirmed = decode::<PaymentIntent>(&open.intent).unwrap();
    let method = decode::<PaymentMethod>(&open.method).unwrap();
    let policy = Policy::default();
    criterion.bench_function("decide a payment", |bencher| {
        bencher.iter(|| decide(world.now, black_box(&unconfirmed), black_box(&method), &policy));
    });

    let world = World::new(&tenant, clock, Arc::new(EmptyLedger));
    let mut key = 0;
    criterion.bench_function("answer a payment, nothing written", |bencher| {
        bencher.iter(|| {
            key += 1;
            runtime.block_on(world.post(FORM, key))
        });
    });
}

criterion_group!(payment, benches);
criterion_main!(payment);
