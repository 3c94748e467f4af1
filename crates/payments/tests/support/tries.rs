//! Payers' tries to pay.

use super::{World, body};
use api::{Answer, CardTestingLimits, Origin};
use processors::sandbox::SandboxConfig;
use serde_json::Value;
use std::sync::atomic::Ordering;

pub const DECLINED: &str = "payment_method=pm_card_visa_chargeDeclined";
pub const LOST: &str = "payment_method=pm_card_visa_chargeDeclinedLostCard";
pub const GOOD: &str = "payment_method=pm_card_visa";
pub const NO_LIMITS: CardTestingLimits =
    CardTestingLimits { intent_failures_max: 0, card_failures_max: 0, address_failures_max: 0, key_failures_max: 0 };

/// In live mode.
pub fn world(limits: CardTestingLimits) -> World {
    let world = World::limited(SandboxConfig::default(), limits);
    world.livemode.store(true, Ordering::Relaxed);
    world
}

/// Where requests come from, from now on.
pub fn at(world: &World, address: &str, key: &str) {
    *world.origin.lock().unwrap() = Origin::new(Some(address.parse().unwrap()), key);
}

pub fn status(answer: &Answer) -> String {
    body(answer)["status"].as_str().unwrap_or_default().to_owned()
}

pub async fn intent(world: &World) -> Value {
    body(&world.post("/v1/payment_intents", &[], "amount=2000&currency=usd").await)
}

/// A payer's try to pay a new intent.
pub async fn pay(world: &World, form: &str) -> Answer {
    world.confirm_by_payer(&intent(world).await, form, None).await
}

pub fn code(answer: &Answer) -> String {
    body(answer)["error"]["code"].as_str().unwrap_or_default().to_owned()
}
