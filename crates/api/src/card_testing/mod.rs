//! Card testing: stolen and guessed cards are tried with a publishable key, which any page shows, until one is good. So tries
//! that fail are counted, and further ones are refused. An intent counts its own failures, wherever they come from, and is
//! canceled when there are too many ([`domain::attempts::Conditions`]). Here is counted what no object knows of: the failures of
//! a card, of a client's address, and of an API key, of late and in this process. Only in live mode: test cards are the same for
//! all, and tell an attacker nothing.

mod limits;
mod tries;
mod window;

pub use limits::CardTestingLimits;
pub(crate) use tries::{Tries, Try};

use crate::error::ApiError;
use window::Refused;

/// What failures are counted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Card,
    Address,
    Key,
}

impl Limit {
    fn refuse(self, why: Refused) -> ApiError {
        // It is not known yet that too many have failed: trying again helps, and clients do so by themselves.
        let Refused::Failed(wait) = why else { return ApiError::overloaded() };
        refused(match self {
            Limit::Card => "card",
            Limit::Address => "address",
            Limit::Key => "key",
        });
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

/// An intent was canceled because too many tries had failed.
pub fn intent_given_up() {
    refused("intent");
}

fn refused(limit: &'static str) {
    crate::metrics::card_testing_refusals(limit).increment(1);
}
