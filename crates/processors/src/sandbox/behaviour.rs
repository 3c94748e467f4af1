//! What the sandbox's cards do, by credential. A credential is the only thing about a card that reaches a processor.

use Authentication::{Always, Never, OnSession, UnlessSetUp};
use Refusal::{
    Blocked, Expired, Generic, IncorrectCvc, InsufficientFunds, LostCard, ProcessingError, StolenCard, Velocity,
};

/// What a card does that is not plain success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    pub authentication: Authentication,
    /// Why authorizations and sales are declined, after authentication.
    pub charge: Option<Refusal>,
    /// Why setups are declined, after authentication.
    pub setup: Option<Refusal>,
    pub increment: Option<Refusal>,
    pub refund: Refunding,
    /// Funds are available at once.
    pub available_now: bool,
    /// Lowest and highest risk score.
    pub risk: (u8, u8),
}

/// When the payer must authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    Never,
    Always,
    /// Until it was set up for payments without the payer.
    UnlessSetUp,
    /// Only while the payer is there: it counts as set up for payments without them.
    OnSession,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refunding {
    AtOnce,
    /// Pending at first, then done.
    Later,
    /// Pending at first, then failed.
    FailsLater,
}

/// Why a card is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Generic,
    InsufficientFunds,
    LostCard,
    StolenCard,
    Velocity,
    Expired,
    IncorrectCvc,
    ProcessingError,
    /// Stopped by the risk engine.
    Blocked,
}

const OK: Behaviour = Behaviour {
    authentication: Never,
    charge: None,
    setup: None,
    increment: None,
    refund: Refunding::AtOnce,
    available_now: false,
    risk: (1, 64),
};

const fn declined(why: Refusal) -> Behaviour {
    Behaviour { charge: Some(why), setup: Some(why), ..OK }
}

const fn authenticated(authentication: Authentication) -> Behaviour {
    Behaviour { authentication, ..OK }
}

const BEHAVIOURS: &[(&str, Behaviour)] = &[
    ("sandbox:ok", OK),
    ("sandbox:generic_decline", declined(Generic)),
    ("sandbox:insufficient_funds", declined(InsufficientFunds)),
    ("sandbox:lost_card", declined(LostCard)),
    ("sandbox:stolen_card", declined(StolenCard)),
    ("sandbox:card_velocity_exceeded", declined(Velocity)),
    ("sandbox:expired_card", declined(Expired)),
    ("sandbox:incorrect_cvc", declined(IncorrectCvc)),
    ("sandbox:processing_error", declined(ProcessingError)),
    ("sandbox:charge_declined", Behaviour { charge: Some(Generic), ..OK }),
    ("sandbox:increment_declined", Behaviour { increment: Some(Generic), ..OK }),
    ("sandbox:authentication_required", authenticated(Always)),
    ("sandbox:authentication_unless_set_up", authenticated(UnlessSetUp)),
    ("sandbox:authentication_on_session", authenticated(OnSession)),
    ("sandbox:authentication_generic_decline", Behaviour { authentication: Always, ..declined(Generic) }),
    (
        "sandbox:authentication_insufficient_funds",
        Behaviour { authentication: Always, charge: Some(InsufficientFunds), ..OK },
    ),
    ("sandbox:authentication_processing_error", Behaviour { authentication: Always, ..declined(ProcessingError) }),
    // The dispute that follows is made elsewhere; for the processor the payment succeeds.
    ("sandbox:dispute", OK),
    ("sandbox:available_now", Behaviour { available_now: true, ..OK }),
    ("sandbox:refund_pending", Behaviour { refund: Refunding::Later, ..OK }),
    ("sandbox:refund_fails", Behaviour { refund: Refunding::FailsLater, ..OK }),
    ("sandbox:blocked", Behaviour { risk: (75, 100), ..declined(Blocked) }),
    ("sandbox:elevated_risk", Behaviour { risk: (65, 74), ..OK }),
    ("sandbox:highest_risk", Behaviour { risk: (75, 100), ..OK }),
];

impl Behaviour {
    /// `None` for a credential that is not the sandbox's.
    pub fn of(credential: &str) -> Option<Behaviour> {
        BEHAVIOURS.iter().find(|(name, _)| *name == credential).map(|(_, behaviour)| *behaviour)
    }
}

#[cfg(test)]
pub(super) fn credentials() -> impl Iterator<Item = &'static str> {
    BEHAVIOURS.iter().map(|(name, _)| *name)
}
