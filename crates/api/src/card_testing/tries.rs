//! Payers' tries to pay, from their request to what becomes of them.

use super::window::{Refused, Subject, Window};
use super::{CardTestingLimits, Limit};
use crate::error::ApiError;
use crate::origin::Origin;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use types::{ObjectId, TenantId, Timestamp};

/// Declines of one card are counted for so long; Stripe says the same of a card that was declined too often.
const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);

/// So many tries whose outcome is not known yet are remembered: the oldest one is forgotten for a new one.
const WAITING_MAX: usize = 50_000;

/// The tries of payers that have failed of late.
pub(crate) struct Tries {
    limits: CardTestingLimits,
    card: Mutex<Window>,
    address: Mutex<Window>,
    key: Mutex<Window>,
    /// By attempt: whose failure it is if it fails.
    waiting: Mutex<BTreeMap<ObjectId, Vec<(Limit, Subject)>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tries {
    pub fn new(limits: &CardTestingLimits) -> Arc<Self> {
        let window = |length| Mutex::new(Window::new(length));
        Arc::new(Tries {
            limits: limits.clone(),
            card: window(DAY),
            address: window(HOUR),
            key: window(HOUR),
            waiting: Mutex::default(),
        })
    }

    fn window(&self, limit: Limit) -> MutexGuard<'_, Window> {
        locked(match limit {
            Limit::Card => &self.card,
            Limit::Address => &self.address,
            Limit::Key => &self.key,
        })
    }

    /// Begins a payer's request. Where too much has failed with the key, an attacker is among its payers; the others are not to
    /// suffer. From then on each address has one failure.
    pub fn begin(self: &Arc<Self>, tenant: TenantId, origin: Origin, now: Timestamp) -> Result<Try, ApiError> {
        let begun = Try { tries: self.clone(), tenant, now, state: Mutex::default() };
        let over = begun.enter(Limit::Key, &origin.key, self.limits.key_failures_max).err();
        if over.is_some() {
            let _ = begun.enter(Limit::Key, &origin.key, 0);
        }
        match (over, origin.address.map(|address| address.to_string())) {
            (None, None) => (),
            (Some(why), None) => return Err(Limit::Key.refuse(why)),
            (None, Some(address)) => begun
                .enter(Limit::Address, address.as_bytes(), self.limits.address_failures_max)
                .map_err(|why| Limit::Address.refuse(why))?,
            (Some(_), Some(address)) => {
                begun.enter(Limit::Address, address.as_bytes(), 1).map_err(|why| Limit::Key.refuse(why))?;
            }
        }
        Ok(begun)
    }

    /// It is known what has become of an attempt, and maybe of a try whose request has ended before.
    pub fn ended(&self, attempt: ObjectId, failed: bool, now: Timestamp) {
        let Some(subjects) = locked(&self.waiting).remove(&attempt) else { return };
        if failed {
            count();
            for (limit, subject) in subjects {
                self.window(limit).fail(subject, now);
            }
        }
    }
}

/// A payer's try: under way until it is dropped.
pub(crate) struct Try {
    tries: Arc<Tries>,
    tenant: TenantId,
    now: Timestamp,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entered: Vec<(Limit, Subject, u64)>,
    failed: Failed,
}

/// Whose failure a try is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Failed {
    #[default]
    None,
    /// No processor was asked, so that it says nothing of a card: else a payer who sends nonsense could use up the key's failures.
    Address,
    All,
}

impl Try {
    /// The card that is tried, by its fingerprint.
    pub fn card(&self, fingerprint: &str) -> Result<(), ApiError> {
        self.enter(Limit::Card, fingerprint.as_bytes(), self.tries.limits.card_failures_max)
            .map_err(|why| Limit::Card.refuse(why))
    }

    /// It was declined, unless that is a refusal of ours.
    pub fn failed(&self, error: &ApiError) {
        let mut state = locked(&self.state);
        if error.code == Some("card_decline_rate_limit_exceeded") || state.failed != Failed::None {
            return;
        }
        let has_card = state.entered.iter().any(|(limit, ..)| *limit == Limit::Card);
        state.failed = if has_card { Failed::All } else { Failed::Address };
        count();
    }

    /// What becomes of it is known later.
    pub fn waits(&self, attempt: ObjectId) {
        let subjects = locked(&self.state).entered.iter().map(|(limit, subject, _)| (*limit, *subject)).collect();
        let mut waiting = locked(&self.tries.waiting);
        waiting.insert(attempt, subjects);
        if waiting.len() > WAITING_MAX {
            // Ids are in the order of time.
            waiting.pop_first();
        }
    }

    fn enter(&self, limit: Limit, name: &[u8], max: u32) -> Result<(), Refused> {
        let subject = subject(self.tenant, name);
        let mut state = locked(&self.state);
        // A decision may be made again.
        if !state.entered.iter().any(|(known, name, _)| (*known, *name) == (limit, subject)) {
            let number = self.tries.window(limit).begin(subject, max, self.now)?;
            state.entered.push((limit, subject, number));
        }
        Ok(())
    }
}

impl Drop for Try {
    fn drop(&mut self) {
        let mut state = locked(&self.state);
        let failed = state.failed;
        for (limit, subject, number) in state.entered.drain(..) {
            let counts = failed == Failed::All || (failed == Failed::Address && limit == Limit::Address);
            self.tries.window(limit).end(subject, number, counts);
        }
    }
}

fn count() {
    crate::metrics::card_testing_failures().increment(1);
}

/// Each tenant's are counted apart.
fn subject(tenant: TenantId, name: &[u8]) -> Subject {
    let digest: [u8; 32] =
        Sha256::new().chain_update(tenant.to_string()).chain_update([0]).chain_update(name).finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}
