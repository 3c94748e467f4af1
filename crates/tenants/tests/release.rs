//! Funds become available: the worker visits the tenants that have some, and no others.

#![allow(clippy::unwrap_used, clippy::panic)]

use api::worker::Worker;
use api::{Api, Environment, Registry};
use async_trait::async_trait;
use contracts::{Caller, Identity, IdentityError, Ledger as _, Tenant};
use domain::commit::Action;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::build::{self, Doc, Draft};
use testkit::{ManualClock, ModelLedger, tenant, tenant_id};
use types::{Clock, Currency, Kind, SeededEntropy, TenantId, Timestamp};

/// Every id is a tenant's. Remembers which were asked for.
#[derive(Default)]
struct Everyone(Mutex<Vec<TenantId>>);

#[async_trait]
impl Identity for Everyone {
    async fn authenticate(&self, _: &str) -> Result<Option<Caller>, IdentityError> {
        Ok(None)
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, IdentityError> {
        panic!("not all tenants have to be read");
    }

    async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, IdentityError> {
        self.0.lock().unwrap().push(id);
        Ok(Some(Tenant { id, ..tenant() }))
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// Books with funds that become available on a day.
async fn with_funds(ledger: &ModelLedger, number: u64, now: Timestamp, day: Timestamp) -> TenantId {
    let tenant = tenant_id(number);
    ledger.create_tenant(tenant);
    let mut entropy = SeededEntropy::new(number);
    let mut doc = Doc::new(Kind::Customer, now, &mut entropy, json!({}));
    let pending = domain::books::chart::pending(Currency::USD, day);
    let accounts = (&build::open_account("assets/processor/sandbox/usd"), &pending);
    let posted = build::transfer(now, &mut entropy, Action::Post, accounts, 500, doc.id);
    ledger.commit(tenant, Draft::at(now).create(&mut doc, None).transfer(posted).commit()).await.unwrap();
    tenant
}

#[tokio::test]
async fn only_tenants_with_funds_to_release_are_visited_and_not_all_of_them_at_once() {
    const MANY: u64 = 150;
    let clock = ManualClock::new();
    let (began, ledger, identity) = (clock.now(), ModelLedger::new(clock.clone()), Arc::new(Everyone::default()));
    let mut due = Vec::new();
    for number in 0..MANY {
        due.push(with_funds(&ledger, number, began, began.plus(DAY)).await);
    }
    let later = with_funds(&ledger, MANY, began, began.plus(2 * DAY)).await;
    let mut registry = Registry::default();
    tenants::register(&mut registry);
    let environment = Environment { public_url: "http://localhost".into(), ..Environment::default() };
    let api = Api::new(ledger.clone(), identity.clone(), clock.clone(), environment, registry);
    let mut worker = Worker::default();
    let visits = || std::mem::take(&mut *identity.0.lock().unwrap());

    clock.set(Timestamp::from_millis(began.plus(DAY).millis() - 1));
    worker.round(&api).await;
    assert_eq!(visits(), [], "one millisecond before midnight");
    clock.advance(Duration::from_millis(1));
    worker.round(&api).await;
    let first = visits().len() as u64;
    assert!(0 < first && first < MANY, "{first} in one round");
    let mut visited = first;
    for _ in 0..MANY {
        worker.round(&api).await;
        visited += visits().len() as u64;
    }
    assert_eq!(visited, MANY, "each once");
    for tenant in due {
        let available = ledger.balances(tenant, "liabilities/available/usd").await.unwrap();
        assert_eq!(available[0].credit_balance(), 500);
    }
    assert_eq!(ledger.balances(later, "liabilities/available/").await.unwrap(), []);

    // What is committed about midnight is found later.
    with_funds(&ledger, MANY + 1, began, began.plus(DAY)).await;
    clock.advance(Duration::from_secs(599));
    worker.round(&api).await;
    assert_eq!(visits(), []);
    clock.advance(Duration::from_secs(1));
    worker.round(&api).await;
    assert_eq!(visits(), [tenant_id(MANY + 1)]);
}
