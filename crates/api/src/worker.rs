//! What happens without a request: attempts nobody knows the outcome of are asked about, authorizations run out, funds
//! become available, old idempotency keys are forgotten.

use crate::Api;
use crate::attempts;
use crate::call::{Call, decoded};
use crate::error::{Failure, Result};
use contracts::ledger::IDEMPOTENCY_LIFETIME;
use contracts::{Caller, KeyKind, Stored, Tenant};
use domain::account::{Account, PENDING_PREFIX};
use domain::attempt::{Attempt, Status as AttemptStatus};
use domain::balance::{self, Line};
use domain::charge::{Charge, capture};
use domain::payment_intent::{PaymentIntent, cancel};
use domain::settle::Affected;
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use types::{Kind, Timestamp};

/// How many objects one round takes of one tenant.
const ROUND: u32 = 100;
/// How many of them are looked at side by side.
const AT_A_TIME: usize = 16;
/// How many tenants are looked after side by side: one whose processor hangs does not hold up the others.
const TENANTS_AT_A_TIME: usize = 4;
/// How often funds that have become available are looked for: they do so at midnight, and count as available before
/// they are moved.
const RELEASE_EVERY: Duration = Duration::from_secs(60);
/// How often old idempotency keys are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// A worker's memory of what it does more rarely than every round.
#[derive(Debug, Default)]
pub struct Rounds {
    released: Timestamp,
    forgot: Timestamp,
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
        let chores = Chores {
            release: is_time(&mut self.released, RELEASE_EVERY),
            forget: is_time(&mut self.forgot, FORGET_EVERY),
        };
        round(api, chores).await;
    }
}

/// What a round does beside looking at what is due.
#[derive(Clone, Copy)]
struct Chores {
    release: bool,
    forget: bool,
}

async fn round(api: &Arc<Api>, chores: Chores) {
    let tenants = match api.identity.tenants().await {
        Ok(tenants) => tenants,
        Err(error) => {
            tracing::warn!(%error, "the worker cannot read the tenants");
            return;
        }
    };
    stream::iter(tenants)
        .for_each_concurrent(TENANTS_AT_A_TIME, |tenant| async move {
            let caller = Caller { tenant: Arc::new(tenant), key: KeyKind::Secret, livemode: false };
            tend(api, &caller, chores).await;
        })
        .await;
}

async fn tend(api: &Arc<Api>, caller: &Caller, chores: Chores) {
    let now = api.clock.now();
    let tenant = &caller.tenant;
    match api.ledger.due(tenant.id, now, ROUND).await {
        Ok(due) => {
            // Side by side, for each may have to wait for a processor that does not answer.
            stream::iter(due)
                .for_each_concurrent(AT_A_TIME, |stored| async move {
                    logged(tenant, stored.id, wake(api, caller, &stored).await);
                })
                .await;
        }
        Err(error) => tracing::warn!(tenant = %tenant.id, %error, "the worker cannot read what is due"),
    }
    if chores.release {
        logged(tenant, "funds becoming available", release_funds(api, caller).await);
    }
    let before = Timestamp::from_seconds(now.seconds().saturating_sub_unsigned(IDEMPOTENCY_LIFETIME.as_secs()));
    if chores.forget
        && let Err(error) = api.ledger.forget_idempotency(tenant.id, before).await
    {
        tracing::warn!(tenant = %tenant.id, %error, "old idempotency keys are still there");
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
