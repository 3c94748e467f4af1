//! What goes wrong between Florin and the sandbox, on request.

use super::config::SandboxConfig;
use super::draw::share;
use domain::attempts::{Attempt, Operation, Status};
use types::Timestamp;

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The effect took place, its answer did not arrive.
    AnswerLost { reason: &'static str },
    /// The request did not arrive.
    RequestLost { reason: &'static str },
}

const TIMEOUT: &str = "sandbox: injected timeout";
const SERVER_ERROR: &str = "sandbox: injected server error (503)";

impl Fault {
    /// The fault that an attempt is dealt, if any: the same each time.
    pub fn of(attempt: &Attempt, config: &SandboxConfig) -> Option<Fault> {
        let SandboxConfig { unknown_rate, lost_rate, error_rate, .. } = *config;
        if unknown_rate == 0.0 && lost_rate == 0.0 && error_rate == 0.0 {
            return None;
        }
        let drawn = share("fault", attempt);
        let (lost_from, error_from) = (unknown_rate, unknown_rate + lost_rate);
        if drawn < lost_from {
            Some(Fault::AnswerLost { reason: TIMEOUT })
        } else if drawn < error_from {
            Some(Fault::RequestLost { reason: TIMEOUT })
        } else if drawn < error_from + error_rate / 2.0 {
            Some(Fault::AnswerLost { reason: SERVER_ERROR })
        } else if drawn < error_from + error_rate {
            Some(Fault::RequestLost { reason: SERVER_ERROR })
        } else {
            None
        }
    }

    pub const fn reason(self) -> &'static str {
        match self {
            Fault::AnswerLost { reason } | Fault::RequestLost { reason } => reason,
        }
    }
}

/// Whether this is the first time that the attempt, or its second leg after authentication, is sent. Only then does a
/// fault strike: what is sent again because it was lost arrives.
pub const fn is_first_call(attempt: &Attempt) -> bool {
    let fresh = match attempt.status {
        Status::Started => true,
        Status::RequiresAction => attempt.authenticated.is_some(),
        _ => false,
    };
    fresh && attempt.queries == 0
}

/// Whether the caller still does not know if the attempt arrived.
pub const fn is_in_doubt(attempt: &Attempt) -> bool {
    matches!(attempt.status, Status::Started | Status::Unknown)
}

/// When a delayed result comes, while it is still to come.
pub fn delayed_until(attempt: &Attempt, config: &SandboxConfig, now: Timestamp) -> Option<Timestamp> {
    let may_be = matches!(attempt.operation, Operation::Authorize | Operation::Sale | Operation::Refund);
    if !may_be || config.pending_rate == 0.0 || share("pending", attempt) >= config.pending_rate {
        return None;
    }
    let due = attempt.created.plus(config.pending());
    (now < due).then_some(due)
}

#[cfg(test)]
mod tests {
    use super::super::samples::attempt;
    use super::*;

    #[test]
    fn faults_come_at_their_rates() {
        let config = SandboxConfig { unknown_rate: 0.2, lost_rate: 0.1, error_rate: 0.2, ..SandboxConfig::default() };
        let (mut answers, mut requests, mut none) = (0, 0, 0);
        for seed in 0..2_000 {
            let attempt = attempt(seed, "sandbox:ok", Operation::Sale);
            match Fault::of(&attempt, &config) {
                Some(Fault::AnswerLost { .. }) => answers += 1,
                Some(Fault::RequestLost { .. }) => requests += 1,
                None => none += 1,
            }
            assert_eq!(Fault::of(&attempt, &SandboxConfig::default()), None);
        }
        for (name, count, expected) in [("answers", answers, 600), ("requests", requests, 400), ("none", none, 1_000)] {
            assert!((expected - 100..=expected + 100).contains(&count), "{count} {name}, about {expected} expected");
        }
    }

    #[test]
    fn only_what_may_be_pending_is_delayed_and_only_for_its_time() {
        let config = SandboxConfig { pending_rate: 1.0, pending_ms: 500, ..SandboxConfig::default() };
        let sale = attempt(1, "sandbox:ok", Operation::Sale);
        let due = Timestamp::from_millis(sale.created.millis() + 500);
        assert_eq!(delayed_until(&sale, &config, sale.created), Some(due));
        assert_eq!(delayed_until(&sale, &config, due), None);
        assert_eq!(delayed_until(&sale, &SandboxConfig::default(), sale.created), None);
        let void = attempt(1, "sandbox:ok", Operation::Void);
        assert_eq!(delayed_until(&void, &config, void.created), None);
    }
}
