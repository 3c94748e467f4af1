//! Card testing: stolen and guessed cards are tried with a publishable key, which any page shows, until one is good. So tries
//! that fail are counted, and further ones are refused. An intent counts its own failures, wherever they come from, and is
//! canceled when there are too many ([`domain::attempts::Conditions`]). Here is counted what no object knows of: the failures of
//! a card, of a client's address, and of an API key, of late and in this process.

mod limits;
mod window;

pub use limits::CardTestingLimits;

use crate::error::ApiError;
use crate::origin::Origin;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use types::{TenantId, Timestamp};
use window::{Subject, Window};

/// Declines of one card are counted for so long; Stripe says the same of a card that was declined too often.
const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);

/// What failures are counted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Card,
    Address,
    Key,
}

impl Limit {
    const fn name(self) -> &'static str {
        match self {
            Limit::Card => "card",
            Limit::Address => "address",
            Limit::Key => "key",
        }
    }

    fn error(self, wait: Duration) -> ApiError {
        match self {
            Limit::Card => {
                let message =
                    "This card has been declined too many times. Use another card, or try again after 24 hours.";
                let mut error = ApiError::card("card_decline_rate_limit_exceeded", message);
                // A repeated request may find that the card can be tried again.
                error.kept = false;
                error
            }
            // The same for both: it says nothing of what else comes from there.
            Limit::Address | Limit::Key => {
                let mut error = ApiError::overloaded();
                error.message = "Too many payments have failed; try again later.".to_owned();
                error.retry_after = Some(wait);
                error
            }
        }
    }
}

/// The tries of payers that have failed of late.
pub(crate) struct Tries {
    card: Mutex<Window>,
    address: Mutex<Window>,
    key: Mutex<Window>,
}

impl Tries {
    pub fn new(limits: &CardTestingLimits) -> Arc<Self> {
        let window = |max, length| Mutex::new(Window::new(max, length));
        Arc::new(Tries {
            card: window(limits.card_failures_max, DAY),
            address: window(limits.address_failures_max, HOUR),
            key: window(limits.key_failures_max, HOUR),
        })
    }

    fn window(&self, limit: Limit) -> &Mutex<Window> {
        match limit {
            Limit::Card => &self.card,
            Limit::Address => &self.address,
            Limit::Key => &self.key,
        }
    }

    /// Counts a payer's request as a try that fails, until it is known that it does not.
    pub fn begin(self: &Arc<Self>, tenant: TenantId, origin: Origin, now: Timestamp) -> Result<Try, ApiError> {
        let begun = Try { tries: self.clone(), tenant, now, entered: Mutex::default(), failed: AtomicBool::new(false) };
        begun.enter(Limit::Key, &origin.key)?;
        if let Some(address) = origin.address {
            begun.enter(Limit::Address, address.to_string().as_bytes())?;
        }
        Ok(begun)
    }
}

/// A payer's try. When it is dropped and has not failed, it is not counted any more.
pub(crate) struct Try {
    tries: Arc<Tries>,
    tenant: TenantId,
    now: Timestamp,
    entered: Mutex<Vec<(Limit, Subject, u64)>>,
    failed: AtomicBool,
}

impl Try {
    /// Counts the card that is tried, by its fingerprint.
    pub fn card(&self, fingerprint: &str) -> Result<(), ApiError> {
        self.enter(Limit::Card, fingerprint.as_bytes())
    }

    pub fn failed(&self) {
        if !self.failed.swap(true, Ordering::AcqRel) {
            metrics::counter!("florin_card_testing_failures_total").increment(1);
        }
    }

    fn enter(&self, limit: Limit, name: &[u8]) -> Result<(), ApiError> {
        let subject = subject(self.tenant, name);
        let mut entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        // A decision may be made again.
        if entered.iter().any(|(known, name, _)| (*known, *name) == (limit, subject)) {
            return Ok(());
        }
        let window = self.tries.window(limit);
        match window.lock().unwrap_or_else(PoisonError::into_inner).enter(subject, self.now) {
            Ok(number) => {
                entered.push((limit, subject, number));
                Ok(())
            }
            Err(wait) => {
                refused(limit.name());
                Err(limit.error(wait))
            }
        }
    }
}

impl Drop for Try {
    fn drop(&mut self) {
        if self.failed.load(Ordering::Acquire) {
            return;
        }
        for (limit, subject, number) in self.entered.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            self.tries.window(limit).lock().unwrap_or_else(PoisonError::into_inner).leave(subject, number);
        }
    }
}

/// Each tenant's are counted apart.
fn subject(tenant: TenantId, name: &[u8]) -> Subject {
    let digest: [u8; 32] =
        Sha256::new().chain_update(tenant.to_string()).chain_update([0]).chain_update(name).finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

/// An intent was canceled because too many tries had failed.
pub fn intent_given_up() {
    refused("intent");
}

fn refused(limit: &'static str) {
    metrics::counter!("florin_card_testing_refusals_total", "limit" => limit).increment(1);
}
