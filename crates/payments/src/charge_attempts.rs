//! What callers are shown when a processor has acted on a charge: the charge, or the intent that it pays.

use crate::charges::Charges;
use crate::payment_intents::{PaymentIntents, declined_intent};
use api::call::{Call, Outcome};
use api::error::Result;
use attempts::{Answering, Attempted, declined};
use domain::Versioned;
use domain::payments::PaidIntent;
use domain::payments::charge::Charge;

impl Attempted for Charges {
    async fn related(call: &Call, charge: &Charge) -> Result<PaidIntent> {
        call.referenced_if_any(charge.payment_intent).await
    }

    fn answer(charge: &Versioned<Charge>, intent: &PaidIntent, answering: Answering) -> Outcome {
        let Answering { call, attempt, decline } = answering;
        match (decline, intent) {
            (None, Some(intent)) if attempt.subject == intent.id => Ok(call.reply::<PaymentIntents>(intent)),
            (None, _) => Ok(call.reply::<Self>(charge)),
            (Some(decline), Some(intent)) => Err(declined_intent(call, intent, None, decline)),
            (Some(decline), None) => Err(declined(decline).detail("charge", charge.id.to_string())),
        }
    }
}
