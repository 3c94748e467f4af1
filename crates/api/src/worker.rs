//! What happens without a request: objects that are due are given to their kinds, jobs are done for the tenants that need
//! them, and old idempotency keys are deleted.

use crate::api::Api;
use crate::call::Call;
use crate::due::Job;
use crate::error::{ApiError, Failure, Result};
use crate::lag::Lag;
use crate::metrics;
use contracts::ledger::IDEMPOTENCY_LIFETIME;
use contracts::{Caller, Due, KeyKind, Stored, Tenant};
use domain::Version;
use futures_util::{StreamExt, stream};
use platform::telemetry::traces::{self, TRACE};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument;
use types::{ObjectId, TenantId, Timestamp};

/// How many objects are read at a time.
const PAGE: u32 = 100;
/// How many objects of a tenant are dealt with side by side.
const OBJECTS_AT_A_TIME: usize = 16;
/// How many tenants are dealt with side by side: one whose processor hangs does not hold up the others.
const TENANTS_AT_A_TIME: usize = 16;
/// For how many tenants a job is done in a round, and how many of them side by side. When something is to do for all tenants
/// at the same moment, neither what falls due nor their payments may have to wait for it.
const JOB_TENANTS_A_ROUND: usize = 64;
const JOB_TENANTS_AT_A_TIME: usize = 4;
/// How often all that is due is read. In between only what has fallen due since a while before is: what has been due for
/// longer rests for longer.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How often deleting old idempotency keys is begun.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// How long an object that a look did not change is left alone: at first, and at most.
const REST_MIN: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(300);

/// The worker, with its memory between two rounds.
#[derive(Debug, Default)]
pub struct Worker {
    jobs: HashMap<&'static str, Progress>,
    /// When deleting old keys was begun last, and whether there are more of them.
    forgot: Timestamp,
    more_to_forget: bool,
    /// When all that is due was read last.
    swept: Timestamp,
    rests: HashMap<(TenantId, ObjectId), Rest>,
    lag: Lag,
}

/// How far a job has got.
#[derive(Debug, Default)]
struct Progress {
    /// When its tenants were looked for last.
    looked: Timestamp,
    /// The tenants that were found, without those for which it is done.
    tenants: VecDeque<TenantId>,
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

/// Whether a multiple of `every` since 1970 has passed since `last`, which is then now.
fn is_time(last: &mut Timestamp, every: Duration, now: Timestamp) -> bool {
    let count = |time: Timestamp| u128::from(time.millis().unsigned_abs()) / every.as_millis().max(1);
    let is_time = *last < now && count(*last) < count(now);
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
        let began = Instant::now();
        self.wake_due(api, now).await;
        for job in &api.jobs {
            self.jobs.entry(job.name).or_default().go_on(api, job, now).await;
        }
        if is_time(&mut self.forgot, FORGET_EVERY, now) || self.more_to_forget {
            self.more_to_forget = forget_keys(api, now).await;
        }
        metrics::worker_round_duration().record(began.elapsed().as_secs_f64());
        metrics::worker_last_round().set(api.services.clock.now().millis() as f64 / 1000.0);
    }

    /// Another process leads from now on: what was measured here says nothing any more.
    pub fn rest(&mut self, api: &Api) {
        self.lag = Lag::default();
        self.lag.report(api);
    }

    /// Deals with the objects that are due, page by page.
    async fn wake_due(&mut self, api: &Arc<Api>, now: Timestamp) {
        let sweeps = is_time(&mut self.swept, SWEEP_EVERY, now);
        let since = if sweeps { Timestamp::default() } else { self.swept.minus(SWEEP_EVERY) };
        let mut before = std::mem::take(&mut self.rests);
        if sweeps {
            self.lag = Lag::default();
        }
        let mut after: Option<Due> = None;
        loop {
            let page = match api.services.ledger.due(since..=now, after.as_ref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "the worker cannot read what is due");
                    self.rests.extend(before);
                    self.swept = Timestamp::default();
                    return;
                }
            };
            let is_last = u32::try_from(page.len()).is_ok_and(|count| count < PAGE);
            after = page.last().cloned();
            let mut tenants: BTreeMap<TenantId, Vec<Stored>> = BTreeMap::new();
            for Due { tenant, stored } in page {
                self.lag.found(&stored, sweeps, now);
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
            self.lag.report(api);
            if is_last {
                break;
            }
        }
        if !sweeps {
            // They were not read now.
            self.rests.extend(before);
        }
    }
}

impl Progress {
    /// Looks for the job's tenants when it is time to, and does the job for some of those that were found.
    async fn go_on(&mut self, api: &Arc<Api>, job: &Job, now: Timestamp) {
        if is_time(&mut self.looked, job.every, now) {
            match (job.find)(api.services.clone(), now).await {
                Ok(found) => self.tenants = found.into(),
                Err(failure) => {
                    tracing::warn!(job = job.name, ?failure, "the worker cannot find the tenants of a job");
                    self.looked = Timestamp::default();
                }
            }
        }
        let some = self.tenants.len().min(JOB_TENANTS_A_ROUND);
        stream::iter(self.tenants.drain(..some))
            .for_each_concurrent(JOB_TENANTS_AT_A_TIME, |tenant| async move {
                let Some(caller) = caller(api, tenant).await else { return };
                let call = Call::background(&api.services, &caller, None);
                let outcome = logged(&caller.tenant, job.name, (job.run)(call).await);
                metrics::worker_jobs(job.name, outcome).increment(1);
            })
            .await;
    }
}

/// The worker as a caller who acts for a tenant; `None` if the tenant is not there, or cannot be read now.
async fn caller(api: &Api, tenant: TenantId) -> Option<Caller> {
    match api.services.identity.tenant(tenant).await {
        Ok(found) => found.map(|tenant| Caller { tenant: Arc::new(tenant), key: KeyKind::Secret, livemode: false }),
        Err(error) => {
            tracing::warn!(%tenant, %error, "the worker cannot read the tenant");
            None
        }
    }
}

/// Deals with objects of one tenant side by side: each may have to wait for a processor that does not answer.
async fn wake_all(api: &Arc<Api>, tenant: TenantId, due: Vec<Stored>) {
    let Some(caller) = caller(api, tenant).await else { return };
    let caller = &caller;
    stream::iter(due)
        .for_each_concurrent(OBJECTS_AT_A_TIME, |stored| async move {
            let span = tracing::info_span!(target: TRACE, "wake", florin.object = %stored.id);
            let woken = wake(api, caller, &stored).instrument(span.clone()).await;
            if matches!(woken, Err(Failure::Error(_))) {
                traces::failed(&span, || "failed".to_owned());
            }
            let outcome = logged(&caller.tenant, stored.id, woken);
            metrics::worker_objects(stored.id.kind.name(), outcome).increment(1);
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

/// Deletes some old idempotency keys; returns whether there are more.
async fn forget_keys(api: &Api, now: Timestamp) -> bool {
    match api.services.ledger.forget_idempotency(now.minus(IDEMPOTENCY_LIFETIME)).await {
        Ok(more) => more,
        Err(error) => {
            tracing::warn!(%error, "the worker cannot delete old idempotency keys");
            // Begun anew in an hour.
            false
        }
    }
}

/// How it went, in a word.
fn logged(tenant: &Tenant, what: impl std::fmt::Display, result: Result<()>) -> &'static str {
    match result {
        Ok(()) => "done",
        // Another process was faster; what is left to do is found again.
        Err(Failure::Conflict) => {
            tracing::debug!(tenant = %tenant.id, %what, "changed meanwhile");
            "conflict"
        }
        Err(failure) => {
            tracing::warn!(tenant = %tenant.id, %what, ?failure, "the worker will try again");
            "failed"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_again_and_again_is_done_at_midnight_too() {
        let midnight = Timestamp::from_seconds(1_795_219_200);
        let mut last = Timestamp::default();
        for (before_midnight_ms, is) in
            [(3_600_000, true), (1, true), (0, true), (-1, false), (-599_999, false), (-600_000, true)]
        {
            let now = Timestamp::from_millis(midnight.millis() - before_midnight_ms);
            assert_eq!(is_time(&mut last, Duration::from_secs(600), now), is, "{before_midnight_ms}");
        }
    }

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
