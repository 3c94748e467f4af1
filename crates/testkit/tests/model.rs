//! The model keeps the contract.

use testkit::contract::Subject;
use testkit::{ManualClock, ModelLedger};
use types::{Clock, SeededEntropy, TenantId};

async fn model() -> Subject {
    let clock = ManualClock::new();
    let ledger = ModelLedger::new(clock.clone());
    let tenant = TenantId::new(clock.now(), &mut SeededEntropy::new(0));
    ledger.create_tenant(tenant);
    Subject::new(ledger, tenant, clock, Box::new(()))
}

testkit::contract_suite!(model);
