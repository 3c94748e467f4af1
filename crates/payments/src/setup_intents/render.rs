//! A setup intent as it is shown.

use crate::intent::{next_action, payment_error, render_automatic};
use api::json::Json::{self, Null};
use api::object;
use api::resource::{Audience, Expandable, Resource, Schema, reference};
use domain::payments::intent::ThreeDSecure;
use domain::payments::setup_intent::SetupIntent;
use types::Kind;

/// `/v1/setup_intents`.
pub struct SetupIntents;

impl Resource for SetupIntents {
    type Object = SetupIntent;

    const PATH: &'static str = "/v1/setup_intents";
    const SCHEMA: Schema = Schema::Stripe;
    const EXPANDABLE: &'static [Expandable] = &[
        reference("customer", &[Kind::Customer]),
        reference("latest_attempt", &[Kind::SetupAttempt]),
        reference("payment_method", &[Kind::PaymentMethod]),
    ];

    const PUBLIC: &'static [&'static str] = &[
        "id",
        "object",
        "automatic_payment_methods",
        "cancellation_reason",
        "client_secret",
        "created",
        "description",
        "last_setup_error",
        "livemode",
        "next_action",
        "payment_method",
        "payment_method_configuration_details",
        "payment_method_types",
        "status",
        "usage",
    ];

    const EVENTS_WITH_PREVIOUS: &'static [&'static str] = &[];

    fn render<'a>(intent: &'a SetupIntent, audience: &Audience) -> Json<'a> {
        object! {
            "id": intent.id,
            "object": "setup_intent",
            "allowed_payment_method_types": Null,
            "application": Null,
            "automatic_payment_methods": intent.automatic_payment_methods.map(render_automatic),
            "cancellation_reason": intent.cancellation_reason.map(|reason| reason.as_str()),
            "client_secret": &intent.client_secret,
            "created": intent.created.seconds(),
            "customer": intent.customer,
            "customer_account": Null,
            "description": &intent.description,
            "excluded_payment_method_types": Null,
            "last_setup_error": intent.last_setup_error.as_ref().map(|error| payment_error(error, audience)),
            "latest_attempt": intent.latest_attempt,
            "livemode": audience.livemode,
            "mandate": Null,
            "metadata": &intent.metadata,
            "next_action": intent.next_action.as_ref().map(|action| next_action(action, audience)),
            "on_behalf_of": Null,
            "payment_method": intent.payment_method,
            "payment_method_configuration_details": Null,
            "payment_method_options": object! { "card": object! {
                "mandate_options": Null,
                "network": Null,
                "request_three_d_secure": intent.request_three_d_secure.unwrap_or(ThreeDSecure::Automatic).as_str(),
            }},
            "payment_method_types": &intent.payment_method_types,
            "single_use_mandate": Null,
            "status": intent.status.as_str(),
            "usage": intent.usage.as_str(),
        }
    }
}
