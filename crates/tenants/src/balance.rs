//! The tenant's balance: computed from the books now, or as it was when funds became available; and funds that become
//! available.

use api::Registry;
use api::call::Call;
use api::endpoint::Returns;
use api::error::Result;
use api::json::Json;
use api::object;
use api::params::NoParams;
use api::reply::Reply;
use api::resource::{Audience, Expandable, Resource, Schema};
use api::services::Services;
use domain::books::balance::{Funds, Posted, Snapshot, is_release_due, release};
use domain::books::chart::{AVAILABLE_PREFIX, PENDING_PREFIX, pending_date};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use types::{Currency, Kind, TenantId, Timestamp};

/// How often the worker looks for funds that have become available: at midnight, when they do, and again for what was
/// committed about then. They count as available before they are moved.
const RELEASE_EVERY: Duration = Duration::from_secs(600);

pub fn register(registry: &mut Registry) {
    registry.resource::<Balances>();
    registry.get("/v1/balance", Returns::Object(Kind::Balance), retrieve);
    registry.job("funds becoming available", RELEASE_EVERY, with_funds_to_release, release_funds);
}

/// What was posted to the accounts that begin so.
async fn posted(call: &Call, prefix: &str) -> Result<Vec<Posted>> {
    let balances = call.services.ledger.balances(call.tenant_id(), prefix).await?;
    let posted = balances.into_iter().map(|balance| Posted {
        currency: balance.currency(),
        credits: balance.credits_posted,
        debits: balance.debits_posted,
        code: balance.account.code,
    });
    Ok(posted.collect())
}

async fn retrieve(call: Call, _: NoParams) -> Result<Reply> {
    let mut accounts = posted(&call, PENDING_PREFIX).await?;
    accounts.extend(posted(&call, AVAILABLE_PREFIX).await?);
    let funds = Funds::of(&accounts, call.now);
    Ok(Reply::value(render(&funds, Some(call.tenant().settings.default_currency), call.caller.livemode)))
}

async fn with_funds_to_release(services: Arc<Services>, now: Timestamp) -> Result<Vec<TenantId>> {
    Ok(services.ledger.tenants_with_past_days(PENDING_PREFIX, now).await?)
}

/// Moves funds whose day has come from pending to available.
async fn release_funds(call: Call) -> Result<()> {
    let mut accounts = posted(&call, PENDING_PREFIX).await?;
    if !is_release_due(&accounts, call.now) {
        return Ok(());
    }
    accounts.extend(posted(&call, AVAILABLE_PREFIX).await?);
    let mut changes = call.changes();
    release(&mut changes, &accounts, identify);
    call.commit_bare(changes).await
}

/// An id that follows from an account and all that was ever posted to it: of the day when its funds became available.
fn identify(account: &Posted) -> uuid::Uuid {
    let text = format!("{} {} {}", account.code, account.credits, account.debits);
    let digest = Sha256::digest(text.as_bytes());
    let mut tail = [0u8; 10];
    tail.copy_from_slice(&digest[..10]);
    let day = pending_date(&account.code).and_then(Timestamp::from_date).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(day.millis().unsigned_abs(), &tail).into_uuid()
}

/// The balances at the moments when funds became available.
pub struct Balances;

impl Resource for Balances {
    type Object = Snapshot;

    const PATH: &'static str = "/v1/balance";
    const SCHEMA: Schema = Schema::Stripe;
    const EXPANDABLE: &'static [Expandable] = &[];
    const PUBLIC: &'static [&'static str] = &[];
    const EVENTS_WITH_PREVIOUS: &'static [&'static str] = &[];

    fn render<'a>(snapshot: &'a Snapshot, audience: &Audience) -> Json<'a> {
        render(&snapshot.funds, None, audience.livemode)
    }
}

/// Every currency of either list is in both, and so is the one that is always shown.
fn render(funds: &Funds, always: Option<Currency>, livemode: bool) -> Json<'static> {
    let always = always.map(|currency| currency.to_string());
    let currencies: BTreeSet<&String> = funds.available.keys().chain(funds.pending.keys()).chain(&always).collect();
    let amounts = |side: &std::collections::BTreeMap<String, i64>| -> Vec<Json<'static>> {
        let shown = currencies.iter().map(|currency| {
            let amount = side.get(*currency).copied().unwrap_or_default();
            object! { "amount": amount, "currency": (*currency).clone(), "source_types": object! { "card": amount } }
        });
        shown.collect()
    };
    object! {
        "object": "balance",
        "available": amounts(&funds.available),
        "livemode": livemode,
        "pending": amounts(&funds.pending),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn each_currency_is_in_both_lists() {
        let mut funds = Funds::default();
        funds.available.insert("eur".to_owned(), -5);
        funds.pending.insert("usd".to_owned(), 940);
        let balance = Value::from(render(&funds, Some(Currency::USD), false));
        assert_eq!(
            balance["available"],
            json!([
                { "amount": -5, "currency": "eur", "source_types": { "card": -5 } },
                { "amount": 0, "currency": "usd", "source_types": { "card": 0 } },
            ])
        );
        assert_eq!(balance["pending"][1]["amount"], 940);
        let empty = Value::from(render(&Funds::default(), Some(Currency::USD), false));
        assert_eq!(empty["available"], empty["pending"]);
        assert_eq!(empty["pending"][0]["currency"], "usd");
    }
}
