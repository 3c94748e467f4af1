//! What a request may use.

use crate::card_testing::{CardTestingLimits, Tries};
use crate::extensions::Extensions;
use crate::kinds::Kinds;
use contracts::{Identity, Ledger};
use std::any::Any;
use std::sync::Arc;
use types::Clock;

/// The services that requests and the worker use.
pub struct Services {
    pub ledger: Arc<dyn Ledger>,
    pub identity: Arc<dyn Identity>,
    pub clock: Arc<dyn Clock>,
    pub environment: Environment,
    pub kinds: Kinds,
    pub(crate) extensions: Extensions,
    pub(crate) tries: Arc<Tries>,
}

/// Where the API runs.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Where payers' browsers reach this server, without a trailing slash: `http://127.0.0.1:8420`.
    pub public_url: Arc<str>,
    /// How many tries to pay may fail.
    pub card_testing: CardTestingLimits,
}

impl Services {
    /// What another crate has put into the registry.
    pub fn extension<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.extensions.get()
    }
}
