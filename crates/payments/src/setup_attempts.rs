//! Setup attempts: every confirmation of a setup intent, and how it ended.

use crate::intent::payment_error;
use crate::payment_methods::checks;
use api::Registry;
use api::call::Call;
use api::error::Result;
use api::json::Json::{self, Null};
use api::resource::{Audience, Expandable, Resource, Schema, reference};
use api::{object, params};
use contracts::ListQuery;
use domain::payments::setup_attempt::SetupAttempt;
use domain::payments::setup_intent::SetupIntent;
use types::Kind;

params! {
    pub struct FilterParams {
        pub setup_intent: String,
    }
}

pub fn register(registry: &mut Registry) {
    registry.resource::<SetupAttempts>();
    registry.list::<SetupAttempts, _, _, _>("/v1/setup_attempts", narrow);
}

async fn narrow(call: Call, params: FilterParams, mut query: ListQuery) -> Result<ListQuery> {
    query.parents = vec![call.param_object::<SetupIntent>("setup_intent", &params.setup_intent).await?.id];
    Ok(query)
}

/// `/v1/setup_attempts`.
pub struct SetupAttempts;

impl Resource for SetupAttempts {
    type Object = SetupAttempt;

    const PATH: &'static str = "/v1/setup_attempts";
    const SCHEMA: Schema = Schema::Stripe;
    const EXPANDABLE: &'static [Expandable] = &[
        reference("customer", &[Kind::Customer]),
        reference("payment_method", &[Kind::PaymentMethod]),
        reference("setup_intent", &[Kind::SetupIntent]),
    ];
    const PUBLIC: &'static [&'static str] = &[];
    const EVENTS_WITH_PREVIOUS: &'static [&'static str] = &[];

    fn render<'a>(attempt: &'a SetupAttempt, audience: &Audience) -> Json<'a> {
        object! {
            "id": attempt.id,
            "object": "setup_attempt",
            "application": Null,
            "created": attempt.created.seconds(),
            "customer": attempt.customer,
            "customer_account": Null,
            "flow_directions": Null,
            "livemode": audience.livemode,
            "on_behalf_of": Null,
            "payment_method": attempt.payment_method,
            "payment_method_details": object! { "card": card(attempt), "type": "card" },
            "setup_error": attempt.setup_error.as_ref().map(|error| payment_error(error, audience)),
            "setup_intent": attempt.setup_intent,
            "status": attempt.status.as_str(),
            "usage": attempt.usage.as_str(),
        }
    }
}

fn card(attempt: &SetupAttempt) -> Json<'_> {
    let card = &attempt.card;
    object! {
        "brand": &card.brand,
        "checks": checks(card),
        "country": &card.country,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": &card.fingerprint,
        "funding": &card.funding,
        "last4": &card.last4,
        "network": &card.brand,
        "three_d_secure": attempt.three_d_secure.map(|authenticated| object! {
            "authentication_flow": "challenge",
            "electronic_commerce_indicator": Null,
            "result": if authenticated { "authenticated" } else { "failed" },
            "result_reason": Null,
            "transaction_id": Null,
            "version": "2.2.0",
        }),
        "wallet": Null,
    }
}
