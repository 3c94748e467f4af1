//! A setup attempt: one confirmation of a setup intent, and how it ended.

use super::intent::{FutureUsage, PaymentError};
use super::payment_method::{Card, PaymentMethod};
use crate::attempts::{self, Attempt};
use crate::changes::Changes;
use crate::commit::Index;
use crate::named::named;
use crate::object::{Column, ColumnType, Object, Path, Versioned, column};
use serde::{Deserialize, Serialize};
use types::{Kind, ObjectId, Timestamp};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetupAttempt {
    pub id: ObjectId,
    pub created: Timestamp,
    pub setup_intent: ObjectId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<ObjectId>,
    pub payment_method: ObjectId,
    /// As it was then.
    pub card: Card,
    pub usage: FutureUsage,
    pub status: Status,
    /// Whether the payer authenticated; absent if that was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub three_d_secure: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_error: Option<PaymentError>,
}

named! {
    pub enum Status {
        Processing = "processing",
        RequiresAction = "requires_action",
        Succeeded = "succeeded",
        Failed = "failed",
        /// The intent was confirmed again, changed or canceled while the payer was asked to act.
        Abandoned = "abandoned",
    }
}

/// Creates a setup attempt of an intent, for its customer. It has no event: the intent has.
pub fn create(
    changes: &mut Changes,
    (setup_intent, customer): (ObjectId, Option<ObjectId>),
    method: &PaymentMethod,
    usage: FutureUsage,
) -> Versioned<SetupAttempt> {
    let attempt = SetupAttempt {
        id: changes.new_id(Kind::SetupAttempt),
        created: changes.now,
        setup_intent,
        customer,
        payment_method: method.id,
        card: method.card.clone(),
        usage,
        status: Status::Processing,
        three_d_secure: None,
        setup_error: None,
    };
    changes.create(attempt, None)
}

/// Records what has become of the attempt; `error` says why the intent failed, if it did.
pub fn record(
    changes: &mut Changes,
    setup_attempt: &mut Versioned<SetupAttempt>,
    attempt: &Attempt,
    error: Option<&PaymentError>,
) {
    changes.update(setup_attempt, None, |setup_attempt| {
        setup_attempt.three_d_secure = attempt.authenticated;
        setup_attempt.status = match attempt.status {
            attempts::Status::Succeeded => Status::Succeeded,
            attempts::Status::Declined => Status::Failed,
            attempts::Status::RequiresAction => Status::RequiresAction,
            attempts::Status::Canceled => Status::Abandoned,
            attempts::Status::Started | attempts::Status::Pending | attempts::Status::Unknown => Status::Processing,
        };
        setup_attempt.setup_error = error.cloned();
    });
}

/// The processor is asked again: the payer has acted, or need not act any more.
pub fn resume(changes: &mut Changes, setup_attempt: &mut Versioned<SetupAttempt>) {
    changes.update(setup_attempt, None, |setup_attempt| setup_attempt.status = Status::Processing);
}

/// Gives a setup attempt up that has not ended.
pub fn abandon(changes: &mut Changes, setup_attempt: &mut Versioned<SetupAttempt>) {
    if matches!(setup_attempt.status, Status::Processing | Status::RequiresAction) {
        changes.update(setup_attempt, None, |setup_attempt| setup_attempt.status = Status::Abandoned);
    }
}

impl Object for SetupAttempt {
    const KIND: Kind = Kind::SetupAttempt;
    const PLURAL: &'static str = "setup_attempts";
    const COLUMNS: &'static [Column] = &[
        column("setup_intent", ColumnType::Text),
        column("payment_method", ColumnType::Text),
        column("usage", ColumnType::Text),
        column("three_d_secure", ColumnType::Boolean),
    ];
    const HIDDEN: &'static [Path] = &[];
    const FALLS_DUE: bool = false;

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        Index {
            customer: self.customer,
            parent: Some(self.setup_intent),
            status: Some(self.status.as_str().to_owned()),
            ..Index::default()
        }
    }
}
