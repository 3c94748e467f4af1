//! What a kind of object declares so that processors can act on it.

use api::call::{Call, Outcome};
use api::error::Result;
use api::resource::Resource;
use domain::Versioned;
use domain::attempts::{Attempt, Decline, Target};
use types::ObjectId;

/// A kind of object that processors act on. `domain` says what an outcome changes ([`Target`]); this says how the
/// objects are loaded and shown.
pub trait Attempted: Resource<Object: Target> {
    /// Loads the objects that go with the target.
    fn related(call: &Call, target: &Self::Object) -> impl Future<Output = Result<RelatedTo<Self>>> + Send;

    /// What the caller is shown when an outcome is applied: the attempt's subject, or the decline as an error.
    fn answer(target: &Versioned<Self::Object>, related: &RelatedTo<Self>, answering: Answering) -> Outcome;

    /// Whether a decline has ended the target, because too many tries to pay have failed.
    fn gives_up(_: &Self::Object) -> bool {
        false
    }

    /// What the payer's browser takes back to the merchant's page from the page of an attempt; `None` if no payer acts for
    /// this kind.
    fn payers_intent(_: &Self::Object, _: &Attempt) -> Option<PayersIntent> {
        None
    }
}

/// The objects that go with a target.
pub type RelatedTo<R> = <<R as Resource>::Object as Target>::Related;

/// What an answer is made of, beside the objects.
pub struct Answering<'a> {
    pub call: &'a Call,
    pub attempt: &'a Attempt,
    pub decline: Option<&'a Decline>,
}

/// An intent, as the payer's browser knows it.
pub struct PayersIntent {
    pub id: ObjectId,
    pub client_secret: String,
    pub status: RedirectStatus,
}

/// What the merchant's page is told, as `redirect_status`: how far the intent has got by now, whatever became of the
/// attempt on whose page the payer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectStatus {
    /// It is paid, authorized or set up.
    Succeeded,
    /// It goes on without the payer: the processor or the merchant has to act.
    Pending,
    Failed,
}

impl RedirectStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            RedirectStatus::Succeeded => "succeeded",
            RedirectStatus::Pending => "pending",
            RedirectStatus::Failed => "failed",
        }
    }
}
