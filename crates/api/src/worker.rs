//! What happens without a request: objects that are due are given to their kinds, jobs are done for each tenant, and old
//! idempotency keys are deleted.

use crate::api::Api;
use crate::call::Call;
use crate::due::Job;
use crate::error::{ApiError, Failure, Result};
use contracts::ledger::IDEMPOTENCY_LIFETIME;
use contracts::{Caller, Due, KeyKind, Stored, Tenant};
use domain::Version;
use futures_util::{StreamExt, stream};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use types::{ObjectId, TenantId, Timestamp};

/// How many objects are read at a time.
const PAGE: u32 = 100;
/// How many objects of a tenant are dealt with side by side.
const OBJECTS_AT_A_TIME: usize = 16;
/// How many tenants are dealt with side by side: one whose processor hangs does not hold up the others.
const TENANTS_AT_A_TIME: usize = 16;
/// How often old idempotency keys are deleted.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// How long an object that a look did not change is left alone: at first, and at most.
const REST_MIN: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(300);

/// The worker, with its memory between two rounds.
#[derive(Debug, Default)]
pub struct Worker {
    /// When each job was done last.
    jobs: HashMap<&'static str, Timestamp>,
    forgot: Timestamp,
    rests: HashMap<(TenantId, ObjectId), Rest>,
}

/// An object was looked at and did not change: it is looked at again, but less and less often.
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

/// Whether `every` has passed since `last`, which is then now.
fn is_time(last: &mut Timestamp, every: Duration, now: Timestamp) -> bool {
    let is_time = last.plus(every) <= now;
    if is_time {
        *last = now;
    }
    is_time
}

impl Worker {
    /// One round: does what is due for every tenant, once. What fails is logged, and is due again. Nothing is due by a
    /// clock that cannot be trusted.
    pub async fn round(&mut self, api: &Arc<Api>) {
        let now = api.services.clock.now();
        if api.services.clock.vouches_for(now).is_err() {
            return;
        }
        self.wake_due(api, now).await;
        for job in &api.jobs {
            if is_time(self.jobs.entry(job.name).or_default(), job.every, now) {
                do_for_all(api, job).await;
            }
        }
        if is_time(&mut self.forgot, FORGET_EVERY, now) {
            forget_keys(api, now).await;
        }
    }

    /// Deals with all objects that are due, page by page.
    async fn wake_due(&mut self, api: &Arc<Api>, now: Timestamp) {
        let mut before = std::mem::take(&mut self.rests);
        let mut after: Option<Due> = None;
        loop {
            let page = match api.services.ledger.due(now, after.as_ref(), PAGE).await {
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

/// Deals with objects of one tenant side by side: each may have to wait for a processor that does not answer.
async fn wake_all(api: &Arc<Api>, tenant: TenantId, due: Vec<Stored>) {
    let caller = match api.services.identity.tenant(tenant).await {
        Ok(Some(tenant)) => caller_of(tenant),
        Ok(None) => return,
        Err(error) => return tracing::warn!(%tenant, %error, "the worker cannot read the tenant"),
    };
    let caller = &caller;
    stream::iter(due)
        .for_each_concurrent(OBJECTS_AT_A_TIME, |stored| async move {
            logged(&caller.tenant, stored.id, wake(api, caller, &stored).await);
        })
        .await;
}

/// Gives an object that is due to its kind.
async fn wake(api: &Arc<Api>, caller: &Caller, stored: &Stored) -> Result<()> {
    let Some(handler) = api.due.of(stored.id.kind) else {
        tracing::error!(object = %stored.id, "it is due, but its kind never falls due");
        return Err(ApiError::internal().into());
    };
    handler(Call::background(&api.services, caller, None), stored)?.await
}

async fn do_for_all(api: &Arc<Api>, job: &Job) {
    let tenants = match api.services.identity.tenants().await {
        Ok(tenants) => tenants,
        Err(error) => return tracing::warn!(%error, "the worker cannot read the tenants"),
    };
    stream::iter(tenants)
        .for_each_concurrent(TENANTS_AT_A_TIME, |tenant| async move {
            let caller = caller_of(tenant);
            let call = Call::background(&api.services, &caller, None);
            logged(&caller.tenant, job.name, (job.run)(call).await);
        })
        .await;
}

async fn forget_keys(api: &Arc<Api>, now: Timestamp) {
    let before = Timestamp::from_seconds(now.seconds().saturating_sub_unsigned(IDEMPOTENCY_LIFETIME.as_secs()));
    if let Err(error) = api.services.ledger.forget_idempotency(before).await {
        tracing::warn!(%error, "the worker cannot delete old idempotency keys");
    }
}

fn logged(tenant: &Tenant, what: impl std::fmt::Display, result: Result<()>) {
    match result {
        Ok(()) => (),
        // Another process was faster; what is left to do is found again.
        Err(Failure::Conflict) => tracing::debug!(tenant = %tenant.id, %what, "changed meanwhile"),
        Err(failure) => tracing::warn!(tenant = %tenant.id, %what, ?failure, "the worker will try again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_does_not_change_is_looked_at_less_often() {
        let now = Timestamp::from_seconds(1_000);
        let first = Rest::after(None, 1, now);
        let second = Rest::after(Some(&first), 1, now);
        assert_eq!((first.until, second.until), (Timestamp::from_seconds(1_001), Timestamp::from_seconds(1_002)));
        assert_eq!(Rest::after(Some(&second), 2, now).length, REST_MIN, "it has changed");
        let many = (0..20).fold(first, |rest, _| Rest::after(Some(&rest), 1, now));
        assert_eq!(many.length, REST_MAX);
    }
}
