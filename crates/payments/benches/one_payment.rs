//! What a payment costs before anything is written: `cargo bench --package payments`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use api::form::Form;
use api::json::pretty;
use api::resource::decode;
use api::{Api, Environment, Registry, Request};
use contracts::{Caller, Ledger, Tenant};
use criterion::{Criterion, criterion_group, criterion_main};
use domain::attempts::{self, Capabilities, Conditions, Done, Outcome};
use domain::books::fees::Fees;
use domain::commit::Commit;
use domain::payments::payment_intent::{self, Draft, PaymentIntent, confirm};
use domain::payments::payment_method::{self, NewPaymentMethod, PaymentMethod};
use domain::{Changes, Versioned};
use http::Method;
use processors::Processors;
use processors::sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;
use std::hint::black_box;
use std::sync::Arc;
use testkit::{EmptyLedger, ManualClock, ModelLedger, OneTenant, caller, tenant};
use tokio::runtime::Runtime;
use types::{Clock, Kind, Money, ObjectId, SystemEntropy, Timestamp};

/// What `florin bench` sends.
const FORM: &str = "amount=2000&currency=usd&payment_method=pm_card_visa&payment_method_types%5B%5D=card&confirm=true";

struct World {
    api: Arc<Api>,
    caller: Caller,
    now: Timestamp,
}

impl World {
    fn new(tenant: &Tenant, clock: Arc<ManualClock>, ledger: Arc<dyn Ledger>) -> Self {
        let now = clock.now();
        let sandbox = Sandbox::new(SandboxConfig::default(), clock.clone());
        let mut registry = Registry::default();
        ::attempts::register(&mut registry, Processors::new(vec![Arc::new(sandbox)]).unwrap());
        payments::register(&mut registry);
        let environment = Environment { public_url: "http://localhost".into(), ..Environment::default() };
        let api = Api::new(ledger, Arc::new(OneTenant(tenant.clone())), clock, environment, registry);
        World { api, caller: caller(tenant), now }
    }

    async fn post(&self, form: &'static str, key: u64) -> String {
        let mut params = Form::default();
        params.decode(form.as_bytes()).unwrap();
        let endpoint = self.api.endpoints.get(&Method::POST, "/v1/payment_intents").unwrap().clone();
        let request = Request {
            idempotency_key: Some(format!("{key:032x}")),
            request_id: "req_1".into(),
            ..Request::new(endpoint, &[], params.into_params(), self.caller.clone())
        };
        let answer = self.api.answer(request, ()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
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

/// Creates and confirms, and applies the outcome: everything that one payment writes.
fn decide(now: Timestamp, method: &PaymentMethod, conditions: &Conditions) -> Commit {
    let mut changes = Changes::new(now, Box::new(SystemEntropy::new()));
    let PaymentMethod { card, processor, credential, billing_details, metadata, .. } = method.clone();
    let new = NewPaymentMethod { card, processor, credential, billing_details, metadata, allow_redisplay: None };
    let mut method: Versioned<PaymentMethod> = payment_method::create(&mut changes, new);
    let draft = Draft::new(&mut changes, Money::new(2_000, types::Currency::USD));
    let mut intent = payment_intent::create(&mut changes, draft, Some(&method)).unwrap();
    let confirmation = confirm::Confirmation::default();
    let mut attempt = confirm::begin(&mut changes, &mut intent, &mut method, confirmation).unwrap();
    let done = Outcome::Done(Done { reference: "reference".to_owned(), ..Done::default() });
    let mut payment = payment_intent::Payment { method: Some(method), customer: None };
    let applied = attempts::apply(&mut changes, &mut attempt, &mut intent, &mut payment, conditions, &done);
    assert_eq!(applied, Ok(None));
    changes.into_commit()
}

fn conditions() -> Conditions {
    let capabilities = Capabilities {
        multicapture: true,
        overcapture_percent: 20,
        increments: true,
        cancels: true,
        authorization_days: 7,
    };
    let fees = Fees { basis_points: 290, fixed: 30 };
    Conditions { fees, settlement_days: 2, statement_descriptor: "FLORIN".to_owned(), capabilities, failures_max: 15 }
}

fn benches(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let clock = ManualClock::new();
    let tenant = tenant();
    let model = ModelLedger::new(clock.clone());
    model.create_tenant(tenant.id);
    let world = World::new(&tenant, clock.clone(), model.clone());
    let paid = runtime.block_on(stored(&world, &model, FORM, 1));

    criterion.bench_function("decode a form", |bencher| {
        bencher.iter(|| {
            let mut form = Form::default();
            form.decode(black_box(FORM.as_bytes())).unwrap();
            form.into_params()
        });
    });

    criterion.bench_function("read and print a stored intent", |bencher| {
        bencher.iter(|| pretty(&decode::<PaymentIntent>(black_box(&paid.intent)).unwrap()));
    });

    let method = decode::<PaymentMethod>(&paid.method).unwrap();
    let conditions = conditions();
    criterion.bench_function("decide a payment", |bencher| {
        bencher.iter(|| decide(world.now, black_box(&method), &conditions));
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
