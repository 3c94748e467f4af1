//! One request to a processor, and what came of it. It is committed before the processor is called, and its id is the
//! processor's own idempotency key, so that asking again can never charge twice.

use crate::changes::Changes;
use crate::commit::{Index, term};
use crate::object::{Column, ColumnType, Object, Versioned, column};
use crate::words::words;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use types::{Currency, Kind, ObjectId, Timestamp};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub id: ObjectId,
    pub created: Timestamp,
    /// The processor's name: `sandbox`.
    pub processor: String,
    pub operation: Operation,
    /// Minor units: what to authorize, capture or refund; for `increment` the new total.
    pub amount: i64,
    pub currency: Currency,
    pub status: Status,
    /// The payment or setup intent, charge or refund that it is for.
    pub target: ObjectId,
    /// The object that the caller is shown: the intent where there is one, else the charge.
    pub subject: ObjectId,
    /// The payment method's credential.
    pub credential: String,
    /// What the processor called the authorization that this one builds on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// The payer is not there: nobody can authenticate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off_session: bool,
    /// The payment method was set up for payments without the payer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub set_up: bool,
    /// The merchant wants the payer to authenticate even if the issuer does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub challenge: bool,
    /// What came of authentication, once there was any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticated: Option<bool>,
    /// Opens the page on which the payer authenticates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// What the processor calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<Decline>,
    /// How often the processor was asked what came of it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub queries: u32,
    /// When it is to be asked about again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// The request that is to be answered with its outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestKey>,
    /// What else its target needs to know when the outcome is in.
    #[serde(default, skip_serializing_if = "Terms::is_default")]
    pub terms: Terms,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

words! {
    pub enum Operation {
        /// Reserve the amount on the card.
        Authorize = "authorize",
        /// Reserve and take it at once.
        Sale = "sale",
        /// Take some of what is reserved.
        Capture = "capture",
        /// Raise what is reserved.
        Increment = "increment",
        /// Give up what is reserved.
        Void = "void",
        Refund = "refund",
        /// Check a card and prepare it for payments without the payer.
        Setup = "setup",
    }

    pub enum Status {
        /// Committed; the processor may or may not have been called.
        Started = "started",
        Succeeded = "succeeded",
        Declined = "declined",
        /// The payer must authenticate.
        RequiresAction = "requires_action",
        /// The processor has accepted it and will say later.
        Pending = "pending",
        /// Nobody knows; it is asked about until somebody does.
        Unknown = "unknown",
        /// Given up before the payer authenticated.
        Canceled = "canceled",
    }
}

impl Status {
    /// Whether the outcome is known for good.
    pub const fn is_final(self) -> bool {
        matches!(self, Status::Succeeded | Status::Declined | Status::Canceled)
    }
}

/// Choices of the request that only matter once the outcome is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// A capture after which more is to follow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more_to_come: bool,
    /// A payer's action is not waited for: the payment fails if one is needed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub error_on_action: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// The client handles the action itself instead of being sent to a page.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub use_sdk: bool,
}

impl Terms {
    fn is_default(&self) -> bool {
        *self == Terms::default()
    }
}

/// The idempotency key of the request under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestKey {
    pub key: String,
    /// In hexadecimal.
    pub fingerprint: String,
}

/// Why a card was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// `card_declined`, `expired_card`, …
    pub code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
    /// In words for the payer.
    pub message: String,
    /// The risk engine stopped it before the issuer was asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
}

/// What a processor answers.
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
    },
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

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What the processor calls it.
    pub reference: String,
    pub authorization_code: Option<String>,
    /// Whether the funds are available at once rather than after the usual days.
    pub available_now: bool,
    /// 0 to 100.
    pub risk_score: u8,
}

/// How long a request to a processor may take before somebody else asks what came of it.
pub const LEASE: Duration = Duration::from_secs(30);

/// An attempt about to be made: nothing authenticated, nobody's key. `(target, subject)` are what it is for and what
/// the caller is shown.
pub fn new(
    changes: &mut Changes,
    processor: &str,
    operation: Operation,
    currency: Currency,
    (target, subject): (ObjectId, ObjectId),
    credential: &str,
) -> Attempt {
    Attempt {
        id: changes.new_id(Kind::Attempt),
        created: changes.now,
        processor: processor.to_owned(),
        operation,
        amount: 0,
        currency,
        status: Status::Started,
        target,
        subject,
        credential: credential.to_owned(),
        original: None,
        off_session: false,
        set_up: false,
        challenge: false,
        authenticated: None,
        secret: None,
        reference: None,
        decline: None,
        queries: 0,
        due: Some(changes.now.plus(LEASE)),
        request: None,
        terms: Terms::default(),
    }
}

/// Enters what the processor answered into the attempt itself.
pub fn record(changes: &mut Changes, attempt: &mut Versioned<Attempt>, outcome: &Outcome) {
    let now = changes.now;
    changes.update(attempt, None, |attempt| {
        attempt.due = None;
        match outcome {
            Outcome::Done(done) => {
                attempt.status = Status::Succeeded;
                attempt.reference = Some(done.reference.clone());
            }
            Outcome::Declined { decline, reference } => {
                attempt.status = Status::Declined;
                attempt.decline = Some(decline.clone());
                attempt.reference = reference.clone().or(attempt.reference.take());
            }
            Outcome::ActionRequired { reference } => {
                attempt.status = Status::RequiresAction;
                attempt.reference.clone_from(reference);
            }
            Outcome::Pending { reference, due } => {
                attempt.status = Status::Pending;
                attempt.reference.clone_from(reference);
                attempt.due = Some(due.unwrap_or(now.plus(backoff(attempt.queries))));
            }
            Outcome::Unknown { .. } => {
                attempt.status = Status::Unknown;
                attempt.due = Some(now.plus(backoff(attempt.queries)));
            }
        }
        // Whatever it was, the request has its answer with it.
        attempt.request = None;
    });
}

/// How long to wait before asking again: from a second, doubling, to an hour.
fn backoff(queries: u32) -> Duration {
    Duration::from_secs(1 << queries.min(11)).min(Duration::from_secs(3600))
}

impl Attempt {
    /// Whether attempts at this target are found by a term; intents are their attempts' parents.
    pub fn is_found_by(target: ObjectId) -> bool {
        !matches!(target.kind, Kind::PaymentIntent | Kind::SetupIntent)
    }
}

impl Object for Attempt {
    const KIND: Kind = Kind::Attempt;
    const PLURAL: &'static str = "attempts";
    const COLUMNS: &'static [Column] = &[
        column("processor", ColumnType::Text),
        column("operation", ColumnType::Text),
        column("amount", ColumnType::Integer),
        column("currency", ColumnType::Text),
        column("reference", ColumnType::Text),
        column("queries", ColumnType::Integer),
    ];
    const HIDDEN: &'static [&'static [&'static str]] = &[&["credential"], &["secret"]];

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        let target = Some(self.target).filter(|target| Attempt::is_found_by(*target));
        Index {
            parent: Some(self.subject),
            status: Some(self.status.as_str().to_owned()),
            due: self.due,
            terms: target.map(|target| term(["target"], &target.to_string())).into_iter().collect(),
            ..Index::default()
        }
    }
}
