//! Attempts: requests to processors, and what became of each. An attempt is committed before its processor is called,
//! and its id is the processor's own idempotency key, so that asking again can never charge twice.

pub mod cancel;
mod conditions;
mod conflict;
pub mod lifecycle;
mod meaning;
mod outcome;
mod resolve;
mod schedule;
mod target;

pub use conditions::{Capabilities, Conditions};
pub use conflict::{Conflict, Heard, Remedy, Statement, forgets, hear};
pub use outcome::{Decline, Done, Outcome, PayerPage};
pub use resolve::apply;
pub(crate) use resolve::resolve;
pub use schedule::{CLOCK_SKEW, LEASE, QUESTION};
pub use target::{Continuation, Resolution, Target, Unexpected};

use crate::commit::{Index, RequestKey};
use crate::named::named;
use crate::object::{Column, ColumnType, Object, Path, column};
use crate::retries::{FallsDue, backoff};
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
    /// The object that the processor acts on.
    pub target: ObjectId,
    /// The object that the caller is shown: the intent if there is one, else the charge.
    pub subject: ObjectId,
    /// The payment method's credential.
    pub credential: String,
    /// The processor's name for the authorization that this attempt builds on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// The payer is not there to authenticate.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub off_session: bool,
    /// The payment method was set up for payments without the payer.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub set_up: bool,
    /// The merchant wants the payer to authenticate even if the issuer does not.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub challenge: bool,
    /// Whether the payer authenticated; absent before the payer has tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticated: Option<bool>,
    /// Gives access to the page on which the payer authenticates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The processor's name for this attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<Decline>,
    /// Since when a page of the processor's is open, so that it can be carried out without another question. It may have ended here
    /// before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_processor: Option<Timestamp>,
    /// Since when the processor is asked to cancel it, until it has said what has become of it. It may have ended here before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceling: Option<Timestamp>,
    /// The attempt that succeeded too late, and that this one takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverses: Option<ObjectId>,
    /// The end that is recorded is Florin's own word: the processor has not said it.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub is_assumed: bool,
    /// What the processor has said for good since, each once, in that order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
    /// What the processor says against the outcome that is recorded, or against what it said before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
    /// How often the processor was asked what became of it.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub queries: u32,
    /// A process is asking the processor: until `due`, no other asks.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub asking: bool,
    /// When the worker asks the processor about it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// The request that gets the outcome as its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestKey>,
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub options: Options,
}

impl Attempt {
    /// Whether the payer can be asked to authenticate.
    fn has_payer(&self) -> bool {
        self.secret.is_some() && !self.off_session
    }

    /// Whether there is something left to ask the processor.
    pub fn is_open(&self) -> bool {
        !self.status.is_final() || self.canceling.is_some() || self.at_processor.is_some()
    }

    /// Whether the processor may never have received it: it has said nothing of it yet.
    pub fn may_be_lost(&self) -> bool {
        let is_unanswered = matches!(self.status, Status::Started | Status::Unknown);
        is_unanswered && self.reference.is_none() && self.at_processor.is_none()
    }

    /// When to ask again after a question without an answer.
    fn next_question(&self, now: Timestamp) -> Timestamp {
        let soonest = backoff(self.queries);
        self.forgotten().map_or(now.plus(soonest), |since| schedule::next_reminder(since, now, soonest))
    }

    /// Whether a process is asking the processor about it, and has not been at it for too long.
    pub fn is_leased(&self, now: Timestamp) -> bool {
        self.asking && self.due.is_some_and(|due| due > now)
    }

    /// How much is left of the lease of the process that asks.
    pub fn lease_left(&self, now: Timestamp) -> Duration {
        self.due.filter(|_| self.asking).map_or(Duration::ZERO, |ends| ends.since(now))
    }
}

named! {
    /// What the processor is asked to do.
    pub enum Operation {
        /// Reserve the amount on the card.
        Authorize = "authorize",
        /// Reserve and take it at once.
        Sale = "sale",
        /// Take some of what is reserved.
        Capture = "capture",
        /// Raise what is reserved.
        Increment = "increment",
        /// Release what is reserved.
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
        /// The processor has accepted it; the result comes later.
        Pending = "pending",
        /// The processor's answer is not known; the worker asks until it is.
        Unknown = "unknown",
        /// Given up before the payer authenticated, or canceled by the processor at the merchant's command.
        Canceled = "canceled",
    }
}

impl Status {
    /// Whether the outcome is known for good.
    pub const fn is_final(self) -> bool {
        matches!(self, Status::Succeeded | Status::Declined | Status::Canceled)
    }
}

/// Choices of the request that matter only when the outcome is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// A capture after which others are to follow.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub more_to_come: bool,
    /// The payment fails if the payer must authenticate.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub error_on_action: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// The client library shows the page itself, without a redirect.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub use_sdk: bool,
}

impl FallsDue for Attempt {
    fn postpone(&mut self, now: Timestamp) {
        self.asking = false;
        self.due = self.due.map(|_| now.plus(backoff(self.queries)));
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
        column("reverses", ColumnType::Text),
        column("conflict", ColumnType::Json),
    ];
    // The request's fingerprint is a hash of parameters, among which a card number may be.
    const HIDDEN: &'static [Path] = &[&["credential"], &["secret"], &["request"]];
    const FALLS_DUE: bool = true;

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        Index {
            parent: Some(self.subject),
            status: Some(self.status.as_str().to_owned()),
            due: self.due,
            ..Index::default()
        }
    }
}
