//! Payment intents.

mod amount_details;
mod authorized;
mod cancel;
mod capture;
mod chosen_method;
mod confirm;
mod create;
mod increment;
mod line_items;
mod params;
mod refused;
mod render;

pub use confirm::declined_intent;
pub use render::PaymentIntents;

use crate::intent::{MicrodepositParams, RetrieveParams};
use api::Registry;
use api::call::Call;
use api::endpoint::Returns;
use api::error::Result;
use api::reply::Reply;
use api::search::{FieldKind, SearchField, field};
use contracts::ListQuery;
use domain::Refusal;
use domain::payments::customer::Customer;
use domain::payments::payment_intent::PaymentIntent;
use params::{ApplyBalanceParams, FilterParams};
use refused::refused;
use types::Kind;

const SEARCHABLE: &[SearchField] = &[
    field("amount", FieldKind::Number, &["amount"]),
    field("created", FieldKind::Time, &["created"]),
    field("currency", FieldKind::Token, &["currency"]),
    field("customer", FieldKind::Token, &["customer"]),
    field("metadata", FieldKind::Metadata, &["metadata"]),
    field("status", FieldKind::Token, &["status"]),
];

pub fn register(registry: &mut Registry) {
    const ONE: Returns = Returns::Object(Kind::PaymentIntent);
    registry.resource_due::<PaymentIntents, _, _>(cancel::expire);
    attempts::target::<PaymentIntents>(registry);
    registry.post("/v1/payment_intents", ONE, create::create);
    registry.list::<PaymentIntents, _, _, _>("/v1/payment_intents", narrow);
    registry.search::<PaymentIntents>("/v1/payment_intents/search", SEARCHABLE);
    registry.get("/v1/payment_intents/{id}", ONE, retrieve).publishable(&["client_secret"]);
    registry.post("/v1/payment_intents/{id}", ONE, create::update);
    registry.post("/v1/payment_intents/{id}/confirm", ONE, confirm::confirm).publishable(confirm::PAYERS);
    registry.post("/v1/payment_intents/{id}/capture", ONE, capture::capture);
    registry.post("/v1/payment_intents/{id}/cancel", ONE, cancel::cancel);
    registry.post("/v1/payment_intents/{id}/increment_authorization", ONE, increment::increment_authorization);
    registry.post("/v1/payment_intents/{id}/apply_customer_balance", ONE, apply_customer_balance);
    registry.post("/v1/payment_intents/{id}/verify_microdeposits", ONE, verify_microdeposits);
    registry.get(
        "/v1/payment_intents/{id}/amount_details_line_items",
        Returns::ListOf("payment_intent_amount_details_line_item"),
        line_items::list,
    );
}

async fn narrow(call: Call, params: FilterParams, mut query: ListQuery) -> Result<ListQuery> {
    if let Some(id) = &params.customer {
        query.customer = Some(call.param_object::<Customer>("customer", id).await?.id);
    }
    Ok(query)
}

async fn retrieve(call: Call, params: RetrieveParams) -> Result<Reply> {
    let intent = call.path_object::<PaymentIntent>("id").await?;
    call.check_client_secret(&intent.client_secret, params.client_secret.as_deref())?;
    Ok(call.reply::<PaymentIntents>(&intent))
}

/// Only intents that are paid from a customer's cash balance can be; cards are not.
async fn apply_customer_balance(call: Call, _: ApplyBalanceParams) -> Result<Reply> {
    let intent = call.path_object::<PaymentIntent>("id").await?;
    let message = "This PaymentIntent is not paid from a customer's cash balance: its payment_method_types do not include \
         customer_balance.";
    Err(refused(&call, &intent, Refusal::new("payment_intent_unexpected_state", message)))
}

/// Only intents that are paid from a bank account wait for microdeposits.
async fn verify_microdeposits(call: Call, _: MicrodepositParams) -> Result<Reply> {
    let intent = call.path_object::<PaymentIntent>("id").await?;
    let message = "This PaymentIntent does not wait for microdeposits: it is not paid from a bank account.";
    Err(refused(&call, &intent, Refusal::new("payment_intent_unexpected_state", message)))
}
