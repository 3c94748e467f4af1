//! What a processor answers.

use serde::{Deserialize, Serialize};
use types::Timestamp;

/// What became of an attempt, as far as its processor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done(Done),
    Declined {
        decline: Decline,
        reference: Option<String>,
    },
    /// The payer must authenticate first.
    ActionRequired {
        reference: Option<String>,
        page: PayerPage,
    },
    /// It was not carried out, and will not be.
    Canceled,
    /// Accepted; the result comes later.
    Pending {
        reference: Option<String>,
        due: Option<Timestamp>,
    },
    /// Timeout, lost connection, 5xx: it may have happened, or not.
    Unknown {
        reason: String,
    },
}

/// Where the payer authenticates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayerPage {
    /// Florin's own page for test cards.
    Sandbox,
    /// A page of the processor's, or of the card's issuer.
    Url(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// The processor's name for it; empty if it gave none.
    pub reference: String,
    pub authorization_code: Option<String>,
    /// Whether the funds are available at once rather than after the usual days.
    pub available_now: bool,
    /// 0 to 100.
    pub risk_score: u8,
}

impl Done {
    /// The processor's name for it, if it gave one.
    pub(super) fn name(&self) -> Option<String> {
        Some(self.reference.clone()).filter(|name| !name.is_empty())
    }
}

/// Why a card was declined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// `card_declined`, `expired_card`, …
    pub code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
    /// For the payer.
    pub message: String,
    /// The risk engine stopped it before the issuer was asked.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub blocked: bool,
}

impl Decline {
    /// The payer would have to authenticate, and cannot, or is not to be asked.
    pub fn authentication_required() -> Self {
        Decline {
            code: "authentication_required".to_owned(),
            decline_code: Some("authentication_required".to_owned()),
            message: "Your card was declined. This transaction requires authentication.".to_owned(),
            blocked: false,
        }
    }

    /// The authorization that was to be released has expired, or was released before: so it is released.
    pub fn says_released(&self) -> bool {
        matches!(self.code.as_str(), "authorization_expired" | "authorization_released")
    }

    /// The processor has canceled what no merchant wanted canceled.
    pub(super) fn canceled_by_processor() -> Self {
        Decline {
            code: "processing_error".to_owned(),
            decline_code: None,
            message: "The payment was canceled by its processor. Try again, or use another payment method.".to_owned(),
            blocked: false,
        }
    }
}

impl Outcome {
    /// Whether it is known for good.
    pub const fn is_final(&self) -> bool {
        match self {
            Outcome::Done(_) | Outcome::Declined { .. } | Outcome::Canceled => true,
            Outcome::ActionRequired { .. } | Outcome::Pending { .. } | Outcome::Unknown { .. } => false,
        }
    }

    /// The decline, if that is the outcome.
    pub fn decline(&self) -> Option<Decline> {
        match self {
            Outcome::Declined { decline, .. } => Some(decline.clone()),
            Outcome::Done(_)
            | Outcome::ActionRequired { .. }
            | Outcome::Canceled
            | Outcome::Pending { .. }
            | Outcome::Unknown { .. } => None,
        }
    }
}
