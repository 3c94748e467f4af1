//! What happens without a request: attempts nobody knows the outcome of are asked about, authorizations run out, funds
//! become available, old idempotency keys are forgotten.

use crate::Api;
use crate::attempts;
use crate::call::{Call, decoded};
use crate::error::{Failure, Result};
use contracts::ledger::IDEMPOTENCY_LIFETIME;
use contracts::{Caller, Due, KeyKind, Stored, Tenant};
use domain::Version;
use domain::account::{Account, PENDING_PREFIX};
use domain::attempt::{Attempt, Status as AttemptStatus};
use domain::balance::{self, Line};
use domain::charge::{Charge, capture};
use domain::payment_intent::{PaymentIntent, cancel};
use domain::settle::Affected;
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use types::{Kind, ObjectId, TenantId, Timestamp};

/// How many objects are read at a time.
const PAGE: u32 = 100;
/// How many objects of a tenant are looked at side by side.
const AT_A_TIME: usize = 16;
/// How many tenants are looked after side by side: one whose processor hangs does not hold up the others.
const TENANTS_AT_A_TIME: usize = 16;
/// How often funds that have become available are looked for: they do so at midnight, and count as available before
/// they are moved.
const RELEASE_EVERY: Duration = Duration::from_secs(60);
/// How often old idempotency keys are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// How long an object that a look did not change is left alone: at first, and at most.
const REST_MIN: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(300);

/// A worker's memory between its rounds.
#[derive(Debug, Default)]
pub struct Rounds {
    released: Timestamp,
    forgot: Timestamp,
    rests: HashMap<(TenantId, ObjectId), Rest>,
}

/// An object was looked at and is still as it was: it is looked at again, but less and less often.
#[derive(Clone, Copy, Debug)]
struct Rest {
    version: Version,
    until: Timestamp,
    length: Duration,
}

impl Rest {
    fn after(before: Option<&Rest>, version: Version, now: Timestamp) -> Self {
        let same = before.filter(|rest| rest.version == version);
        let length = same.map_or(REST_MIN, |rest| REST_MAX.min(rest.length * 2));
        Rest { version, until: now.plus(length), length }
    }
}

impl Rounds {
    /// Does what is due for every tenant, once. What fails is logged, and is due again.
    pub async fn next(&mut self, api: &Arc<Api>) {
        let now = api.clock.now();
        let is_time = |last: &mut Timestamp, every: Duration| {
            let due = last.plus(every) <= now;
            if due {
                *last = now;
            }
            due
        };
        self.wake_due(api, now).await;
        if is_time(&mut self.released, RELEASE_EVERY) {
            release_all(api).await;
        }
        if is_time(&mut self.forgot, FORGET_EVERY) {
            forget_keys(api, now).await;
        }
    }

    /// Looks at all objects whose time has come, page by page.
    async fn wake_due(&mut self, api: &Arc<Api>, now: Timestamp) {
        let mut before = std::mem::take(&mut self.rests);
        let mut after: Option<Due> = None;
        loop {
            let page = match api.ledger.due(now, after.as_ref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "the worker cannot read what is due");
                    self.rests.extend(before);
                    return;
                }
            };
            let is_last = u32::try_from(page.len()).is_ok_and(|count| count < PAGE);
            after = page.last().cloned();
            let mut tenants: BTreeMap<TenantId, Vec<Stored>> = BTreeMap::new();
            for Due { tenant, stored } in page {
                let key = (tenant, stored.id);
                let rest = before.remove(&key);
                if let Some(rest) = rest.filter(|rest| rest.version == stored.version && rest.until > now) {
                    self.rests.insert(key, rest);
                    continue;
                }
                self.rests.insert(key, Rest::after(rest.as_ref(), stored.version, now));
                tenants.entry(tenant).or_default().push(stored);
            }
            stream::iter(tenants)
                .for_each_concurrent(TENANTS_AT_A_TIME, |(tenant, due)| wake_all(api, tenant, due))
                .await;
            if is_last {
                return;
            }
        }
    }
}

fn caller_of(tenant: Tenant) -> Caller {
    Caller { tenant: Arc::new(tenant), key: KeyKind::Secret, livemode: false }
}

/// Looks at objects of one tenant, side by side, for each may have to wait for a processor that does not answer.
async fn wake_all(api: &Arc<Api>, tenant: TenantId, due: Vec<Stored>) {
    let caller = match api.identity.tenant(tenant).await {
        Ok(Some(tenant)) => caller_of(tenant),
        Ok(None) => return,
        Err(error) => return tracing::warn!(%tenant, %error, "the worker cannot read the tenant"),
    };
    let caller = &caller;
    stream::iter(due)
        .for_each_concurrent(AT_A_TIME, |stored| async move {
            logged(&caller.tenant, stored.id, wake(api, caller, &stored).await);
        })
        .await;
}

async fn release_all(api: &Arc<Api>) {
    let tenants = match api.identity.tenants().await {
        Ok(tenants) => tenants,
        Err(error) => return tracing::warn!(%error, "the worker cannot read the tenants"),
    };
    stream::iter(tenants)
        .for_each_concurrent(TENANTS_AT_A_TIME, |tenant| async move {
            let caller = caller_of(tenant);
            logged(&caller.tenant, "funds becoming available", release_funds(api, &caller).await);
        })
        .await;
}

async fn forget_keys(api: &Arc<Api>, now: Timestamp) {
    let before = Timestamp::from_seconds(now.seconds().saturating_sub_unsigned(IDEMPOTENCY_LIFETIME.as_secs()));
    if let Err(error) = api.ledger.forget_idempotency(before).await {
        tracing::warn!(%error, "old idempotency keys are still there");
    }
}

fn logged(tenant: &Tenant, what: impl std::fmt::Display, result: Result<()>) {
    match result {
        Ok(()) => (),
        // Somebody else was faster; what is left to do is found again.
        Err(Failure::Conflict) => tracing::debug!(tenant = %tenant.id, %what, "changed meanwhile"),
        Err(failure) => tracing::warn!(tenant = %tenant.id, %what, ?failure, "the worker will try again"),
    }
}

/// Looks at one object whose time has come.
async fn wake(api: &Arc<Api>, caller: &Caller, stored: &Stored) -> Result<()> {
    match stored.id.kind {
        Kind::Attempt => {
            let attempt = decoded::<Attempt>(stored)?;
            match attempt.status {
                AttemptStatus::Started | AttemptStatus::Unknown | AttemptStatus::Pending => {
                    attempts::ask_again(api, caller, attempt).await
                }
                _ => Ok(()),
            }
        }
        Kind::PaymentIntent => expire_intent(api, caller, stored).await,
        Kind::Charge => expire_charge(api, caller, stored).await,
        _ => Ok(()),
    }
}

async fn expire_intent(api: &Arc<Api>, caller: &Caller, stored: &Stored) -> Result<()> {
    let call = Call::of_worker(api, caller, None);
    let mut intent = decoded::<PaymentIntent>(stored)?;
    let Some(charge) = intent.latest_charge else { return Ok(()) };
    let mut charge = call.referenced::<Charge>(charge).await?;
    let mut changes = call.changes();
    let attempt = cancel::begin(&mut changes, &mut intent, &mut charge, Some("automatic".to_owned()), None)?;
    let affected = Affected { payment_intent: Some(intent), charge: Some(charge), ..Affected::default() };
    attempts::run(&call, changes, attempt, affected).await.map(drop)
}

async fn expire_charge(api: &Arc<Api>, caller: &Caller, stored: &Stored) -> Result<()> {
    let call = Call::of_worker(api, caller, None);
    let mut charge = decoded::<Charge>(stored)?;
    let mut changes = call.changes();
    let subject = charge.id;
    let attempt = capture::begin_release(&mut changes, &mut charge, subject, None)?;
    let affected = Affected { charge: Some(charge), ..Affected::default() };
    attempts::run(&call, changes, attempt, affected).await.map(drop)
}

/// Moves funds whose day has come from pending to available.
async fn release_funds(api: &Arc<Api>, caller: &Caller) -> Result<()> {
    let call = Call::of_worker(api, caller, None);
    let pending = api.ledger.balances(call.tenant_id(), PENDING_PREFIX).await?;
    let today = call.now.date();
    let is_due = |code: &str| Account::pending_date(code).is_some_and(|date| date <= today.as_str());
    if !pending.iter().any(|balance| is_due(&balance.account.code) && balance.credit_balance() != 0) {
        return Ok(());
    }
    let available = api.ledger.balances(call.tenant_id(), domain::account::AVAILABLE_PREFIX).await?;
    let lines: Vec<Line> = pending
        .iter()
        .chain(&available)
        .map(|balance| Line {
            code: balance.account.code.clone(),
            currency: balance.currency(),
            credits: balance.credits_posted,
            debits: balance.debits_posted,
        })
        .collect();
    let mut changes = call.changes();
    balance::release(&mut changes, &lines, identify);
    call.commit_bare(changes).await
}

/// An id that follows from an account and everything ever posted to it: of the day when its funds became available.
fn identify(line: &Line) -> uuid::Uuid {
    let text = format!("{} {} {}", line.code, line.credits, line.debits);
    let digest = Sha256::digest(text.as_bytes());
    let mut tail = [0u8; 10];
    tail.copy_from_slice(&digest[..10]);
    let day = Account::pending_date(&line.code).and_then(Timestamp::from_date).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(day.millis().unsigned_abs(), &tail).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_change_is_looked_at_less_often() {
        let now = Timestamp::from_seconds(1_000);
        let first = Rest::after(None, 1, now);
        let second = Rest::after(Some(&first), 1, now);
        assert_eq!((first.until, second.until), (Timestamp::from_seconds(1_001), Timestamp::from_seconds(1_002)));
        assert_eq!(Rest::after(Some(&second), 2, now).length, REST_MIN, "it has changed");
        let many = (0..20).fold(first, |rest, _| Rest::after(Some(&rest), 1, now));
        assert_eq!(many.length, REST_MAX);
    }
}
