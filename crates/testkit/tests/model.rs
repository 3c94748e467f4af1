//! The model keeps the contract.

use testkit::{ManualClock, ModelLedger, Subject, tenant_id};

async fn model() -> Subject {
    let clock = ManualClock::new();
    let ledger = ModelLedger::new(clock.clone());
    ledger.create_tenant(tenant_id(0));
    Subject::new(ledger, tenant_id(0), clock, Box::new(()))
}

testkit::contract_suite!(model);
