//! What becomes of an attempt if nothing goes wrong on the way: a pure function of the attempt and the time.

use super::behaviour::{Authentication, Behaviour, Refunding, Refusal};
use super::draw::Draw;
use domain::attempts::{Attempt, Decline, Done, Operation, Outcome, PayerPage};
use std::time::Duration;
use types::Timestamp;

/// Decides an attempt. Refunds that are not settled at once are pending for `refund_pending` from the attempt's creation.
pub fn outcome(attempt: &Attempt, now: Timestamp, refund_pending: Duration) -> Outcome {
    let Some(behaviour) = Behaviour::of(&attempt.credential) else {
        return Outcome::Declined { decline: unknown_credential(), reference: None };
    };
    let draw = Draw::of(attempt);
    let result = match attempt.operation {
        Operation::Authorize | Operation::Sale => pay(attempt, &behaviour, behaviour.charge),
        Operation::Setup => pay(attempt, &behaviour, behaviour.setup),
        Operation::Increment => behaviour.increment.map_or(Result::Done, |why| Result::Declined(decline(why))),
        Operation::Capture | Operation::Void => Result::Done,
        Operation::Refund => refund(attempt, behaviour.refund, now, refund_pending),
    };
    let reference = draw.reference();
    match result {
        Result::Done => Outcome::Done(done(attempt.operation, &behaviour, &draw, reference)),
        Result::Declined(decline) => Outcome::Declined { decline, reference: Some(reference) },
        Result::ActionRequired => Outcome::ActionRequired { reference: Some(reference), page: PayerPage::Sandbox },
        Result::Pending(due) => Outcome::Pending { reference: Some(reference), due: Some(due) },
    }
}

/// An outcome, before the facts that every answer carries.
enum Result {
    Done,
    Declined(Decline),
    ActionRequired,
    Pending(Timestamp),
}

/// The payer first, then their bank.
fn pay(attempt: &Attempt, behaviour: &Behaviour, refusal: Option<Refusal>) -> Result {
    match attempt.authenticated {
        // A failed authentication is a decline, also if the card would not have asked for it.
        Some(false) => return Result::Declined(authentication_failed(attempt.operation)),
        None if must_authenticate(attempt, behaviour.authentication) => {
            return if attempt.off_session {
                Result::Declined(authentication_required())
            } else {
                Result::ActionRequired
            };
        }
        _ => {}
    }
    refusal.map_or(Result::Done, |why| Result::Declined(decline(why)))
}

/// The merchant may ask for it, and so may the card's issuer.
const fn must_authenticate(attempt: &Attempt, authentication: Authentication) -> bool {
    let issuer_asks = match authentication {
        Authentication::Never => false,
        Authentication::Always => true,
        Authentication::UnlessSetUp => !attempt.set_up,
        Authentication::OnSession => !attempt.off_session,
    };
    attempt.challenge || issuer_asks
}

fn refund(attempt: &Attempt, refunding: Refunding, now: Timestamp, pending: Duration) -> Result {
    let due = attempt.created.plus(pending);
    match refunding {
        Refunding::AtOnce => Result::Done,
        Refunding::Later | Refunding::FailsLater if now < due => Result::Pending(due),
        Refunding::Later => Result::Done,
        Refunding::FailsLater => Result::Declined(refund_failed()),
    }
}

fn done(operation: Operation, behaviour: &Behaviour, draw: &Draw, reference: String) -> Done {
    let asks_issuer = matches!(operation, Operation::Authorize | Operation::Sale | Operation::Setup);
    let takes_funds = matches!(operation, Operation::Sale | Operation::Capture);
    Done {
        reference,
        authorization_code: asks_issuer.then(|| draw.authorization_code()),
        available_now: behaviour.available_now && takes_funds,
        risk_score: draw.risk_score(behaviour.risk),
    }
}

fn decline(why: Refusal) -> Decline {
    const DECLINED: &str = "card_declined";
    let (code, decline_code, message) = match why {
        Refusal::Generic => (DECLINED, Some("generic_decline"), "Your card was declined."),
        Refusal::InsufficientFunds => (DECLINED, Some("insufficient_funds"), "Your card has insufficient funds."),
        // The payer may be the thief: the message does not say what the bank knows.
        Refusal::LostCard => (DECLINED, Some("lost_card"), "Your card was declined."),
        Refusal::StolenCard => (DECLINED, Some("stolen_card"), "Your card was declined."),
        Refusal::Velocity => (
            DECLINED,
            Some("card_velocity_exceeded"),
            "Your card was declined: too many payments, or too large ones, in a short time.",
        ),
        Refusal::Blocked => (DECLINED, Some("fraudulent"), "Your card was declined."),
        Refusal::Expired => ("expired_card", None, "Your card has expired."),
        Refusal::IncorrectCvc => ("incorrect_cvc", None, "Your card's security code is incorrect."),
        Refusal::ProcessingError => {
            ("processing_error", None, "Your card could not be processed. Try again in a few minutes.")
        }
    };
    Decline {
        code: code.to_owned(),
        decline_code: decline_code.map(str::to_owned),
        message: message.to_owned(),
        blocked: why == Refusal::Blocked,
    }
}

fn authentication_required() -> Decline {
    Decline {
        code: "authentication_required".to_owned(),
        decline_code: Some("authentication_required".to_owned()),
        message: "Your card was declined: the payment needs the cardholder's authentication.".to_owned(),
        blocked: false,
    }
}

fn authentication_failed(operation: Operation) -> Decline {
    let code = match operation {
        Operation::Setup => "setup_intent_authentication_failure",
        _ => "payment_intent_authentication_failure",
    };
    Decline {
        code: code.to_owned(),
        decline_code: None,
        message: "The cardholder's authentication failed. Try again, or use another payment method.".to_owned(),
        blocked: false,
    }
}

/// Its code is the refund's failure reason.
fn refund_failed() -> Decline {
    Decline {
        code: "expired_or_canceled_card".to_owned(),
        decline_code: None,
        message: "The refund was returned: the card has expired or was canceled.".to_owned(),
        blocked: false,
    }
}

fn unknown_credential() -> Decline {
    Decline {
        code: "processing_error".to_owned(),
        decline_code: None,
        message: "The sandbox does not know this card.".to_owned(),
        blocked: false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{behaviour, samples};
    use super::*;

    const PENDING: Duration = Duration::from_secs(3);

    /// The outcome in two words: its name, and what tells it from others of its name.
    fn summary(attempt: &Attempt, now: Timestamp) -> String {
        match outcome(attempt, now, PENDING) {
            Outcome::Done(done) if done.available_now => "done now".to_owned(),
            Outcome::Done(_) => "done".to_owned(),
            Outcome::Declined { decline, .. } => {
                let blocked = if decline.blocked { " blocked" } else { "" };
                format!("{} {}{blocked}", decline.code, decline.decline_code.as_deref().unwrap_or("-"))
            }
            Outcome::ActionRequired { .. } => "action".to_owned(),
            Outcome::Pending { .. } => "pending".to_owned(),
            Outcome::Canceled | Outcome::Unknown { .. } => "not decided".to_owned(),
        }
    }

    fn check(credential: &str, operation: Operation, change: fn(&mut Attempt), expected: &str) {
        let mut attempt = samples::attempt(1, credential, operation);
        change(&mut attempt);
        assert_eq!(summary(&attempt, attempt.created), expected, "{credential} {operation:?} {attempt:?}");
    }

    #[test]
    fn each_credential_pays_and_sets_up_as_its_card_says() {
        for (credential, sale, setup) in [
            ("ok", "done", "done"),
            ("generic_decline", "card_declined generic_decline", "card_declined generic_decline"),
            ("insufficient_funds", "card_declined insufficient_funds", "card_declined insufficient_funds"),
            ("lost_card", "card_declined lost_card", "card_declined lost_card"),
            ("stolen_card", "card_declined stolen_card", "card_declined stolen_card"),
            ("card_velocity_exceeded", "card_declined card_velocity_exceeded", "card_declined card_velocity_exceeded"),
            ("expired_card", "expired_card -", "expired_card -"),
            ("incorrect_cvc", "incorrect_cvc -", "incorrect_cvc -"),
            ("processing_error", "processing_error -", "processing_error -"),
            ("charge_declined", "card_declined generic_decline", "done"),
            ("increment_declined", "done", "done"),
            ("authentication_required", "action", "action"),
            ("authentication_unless_set_up", "action", "action"),
            ("authentication_on_session", "action", "action"),
            ("authentication_generic_decline", "action", "action"),
            ("authentication_insufficient_funds", "action", "action"),
            ("authentication_processing_error", "action", "action"),
            ("dispute", "done", "done"),
            ("available_now", "done now", "done"),
            ("refund_pending", "done", "done"),
            ("refund_fails", "done", "done"),
            ("blocked", "card_declined fraudulent blocked", "card_declined fraudulent blocked"),
            ("elevated_risk", "done", "done"),
            ("highest_risk", "done", "done"),
        ] {
            let credential = format!("sandbox:{credential}");
            check(&credential, Operation::Sale, |_| {}, sale);
            let authorize = if sale == "done now" { "done" } else { sale };
            check(&credential, Operation::Authorize, |_| {}, authorize);
            check(&credential, Operation::Setup, |_| {}, setup);
        }
        assert_eq!(behaviour::credentials().count(), 24, "each is in the table above");
    }

    #[test]
    fn authentication_decides() {
        let off_session = |attempt: &mut Attempt| attempt.off_session = true;
        let set_up = |attempt: &mut Attempt| (attempt.set_up, attempt.off_session) = (true, true);
        let passed = |attempt: &mut Attempt| attempt.authenticated = Some(true);
        let failed = |attempt: &mut Attempt| attempt.authenticated = Some(false);
        let required = "authentication_required authentication_required";
        for (credential, off_session_is, set_up_is, passed_is) in [
            ("authentication_required", required, required, "done"),
            ("authentication_unless_set_up", required, "done", "done"),
            ("authentication_on_session", "done", "done", "done"),
            ("authentication_generic_decline", required, required, "card_declined generic_decline"),
            ("authentication_insufficient_funds", required, required, "card_declined insufficient_funds"),
            ("authentication_processing_error", required, required, "processing_error -"),
        ] {
            let credential = format!("sandbox:{credential}");
            check(&credential, Operation::Sale, off_session, off_session_is);
            check(&credential, Operation::Sale, set_up, set_up_is);
            check(&credential, Operation::Sale, passed, passed_is);
            check(&credential, Operation::Sale, failed, "payment_intent_authentication_failure -");
            check(&credential, Operation::Authorize, failed, "payment_intent_authentication_failure -");
            check(&credential, Operation::Setup, failed, "setup_intent_authentication_failure -");
        }
        check("sandbox:authentication_unless_set_up", Operation::Sale, |attempt| attempt.set_up = true, "done");
        check("sandbox:authentication_insufficient_funds", Operation::Setup, passed, "done");

        let challenged = |attempt: &mut Attempt| attempt.challenge = true;
        let challenged_and_passed =
            |attempt: &mut Attempt| (attempt.challenge, attempt.authenticated) = (true, Some(true));
        for operation in [Operation::Sale, Operation::Authorize, Operation::Setup] {
            check("sandbox:ok", operation, challenged, "action");
            check("sandbox:ok", operation, challenged_and_passed, "done");
        }
        check("sandbox:ok", Operation::Capture, challenged, "done");
    }

    #[test]
    fn what_follows_an_authorization_succeeds_but_where_the_card_says_otherwise() {
        for credential in behaviour::credentials() {
            let capture = if credential == "sandbox:available_now" { "done now" } else { "done" };
            check(credential, Operation::Capture, |_| {}, capture);
            check(credential, Operation::Void, |_| {}, "done");
            let increment =
                if credential == "sandbox:increment_declined" { "card_declined generic_decline" } else { "done" };
            check(credential, Operation::Increment, |_| {}, increment);
            let pending = ["sandbox:refund_pending", "sandbox:refund_fails"].contains(&credential);
            check(credential, Operation::Refund, |_| {}, if pending { "pending" } else { "done" });
        }
    }

    #[test]
    fn pending_refunds_end_after_their_time() {
        for (credential, end) in
            [("sandbox:refund_pending", "done"), ("sandbox:refund_fails", "expired_or_canceled_card -")]
        {
            let attempt = samples::attempt(1, credential, Operation::Refund);
            let due = attempt.created.plus(PENDING);
            let last = Timestamp::from_millis(due.millis() - 1);
            let Outcome::Pending { due: told, reference } = outcome(&attempt, last, PENDING) else {
                panic!("{credential} is pending");
            };
            assert_eq!(told, Some(due));
            assert!(reference.is_some());
            assert_eq!(summary(&attempt, due), end);
        }
    }

    #[test]
    fn an_unknown_credential_is_declined() {
        check("of_another_processor", Operation::Sale, |_| {}, "processing_error -");
    }

    #[test]
    fn risk_scores_are_stable_and_in_the_cards_range() {
        for (credential, range) in
            [("sandbox:ok", 1..=64), ("sandbox:elevated_risk", 65..=74), ("sandbox:highest_risk", 75..=100)]
        {
            for seed in 0..50 {
                let attempt = samples::attempt(seed, credential, Operation::Sale);
                let once = outcome(&attempt, attempt.created, PENDING);
                let Outcome::Done(done) = &once else { panic!("{credential} succeeds") };
                assert!(range.contains(&done.risk_score), "{}", done.risk_score);
                assert!(done.authorization_code.is_some());
                assert_eq!(once, outcome(&attempt, attempt.created.plus(PENDING), PENDING));
            }
        }
    }
}
