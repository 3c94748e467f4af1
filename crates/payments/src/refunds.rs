//! Refunds.

use api::Registry;
use api::call::{Call, Outcome};
use api::choice::{Choice, chosen};
use api::endpoint::Returns;
use api::error::{ApiError, Failure, Result};
use api::json::Json::{self, Null};
use api::metadata::{MetadataParam, merged_metadata, new_metadata};
use api::params::NoParams;
use api::reply::Reply;
use api::resource::{Audience, Expandable, Resource, Schema, reference};
use api::{object, params};
use attempts::{Answering, Attempted, capabilities_of, run};
use contracts::ListQuery;
use domain::Versioned;
use domain::payments::charge::Charge;
use domain::payments::payment_intent::PaymentIntent;
use domain::payments::refund::{self, Reason, Refund, Status};
use types::{Currency, Kind};

params! {
    pub struct CreateParams {
        pub amount: Option<i64>,
        pub charge: Option<String>,
        /// Must be the charge's, when it is given at all.
        pub currency: Option<Currency>,
        pub metadata: Option<MetadataParam>,
        pub payment_intent: Option<String>,
        pub reason: Option<Choice<Reason>>,
    }

    pub struct UpdateParams {
        pub metadata: Option<MetadataParam>,
    }

    pub struct FilterParams {
        pub charge: Option<String>,
        pub payment_intent: Option<String>,
    }
}

pub fn register(registry: &mut Registry) {
    registry.resource::<Refunds>();
    attempts::target::<Refunds>(registry);
    registry.post("/v1/refunds", Returns::Object(Kind::Refund), create);
    registry.list::<Refunds, _, _, _>("/v1/refunds", narrow);
    registry.retrieve::<Refunds>("/v1/refunds/{id}");
    registry.post("/v1/refunds/{id}", Returns::Object(Kind::Refund), update);
    registry.post("/v1/refunds/{id}/cancel", Returns::Object(Kind::Refund), cancel);
    registry.post("/v1/test_helpers/refunds/{id}/expire", Returns::Object(Kind::Refund), expire);
}

async fn create(call: Call, params: CreateParams) -> Result<Reply> {
    let mut charge = charge_of(&call, params.charge.as_deref(), params.payment_intent.as_deref()).await?;
    if let Some(currency) = params.currency.filter(|currency| *currency != charge.currency) {
        let message = format!("The charge is in {}, so it cannot be refunded in {currency}.", charge.currency);
        return Err(ApiError::invalid(message).param("currency").into());
    }
    let mut changes = call.changes();
    let request = refund::Request {
        amount: params.amount,
        reason: chosen(params.reason),
        metadata: new_metadata(params.metadata)?,
        key: call.request_key(),
    };
    let (refund, attempt) = refund::begin(&mut changes, &mut charge, request)?;
    run::<Refunds>(&call, changes, attempt, refund, charge).await
}

/// The charge that is named itself, or the one that paid the intent.
async fn charge_of(call: &Call, charge: Option<&str>, intent: Option<&str>) -> Result<Versioned<Charge>> {
    let intent = match intent {
        Some(id) => Some(call.param_object::<PaymentIntent>("payment_intent", id).await?),
        None => None,
    };
    let Some(id) = charge else {
        let Some(intent) = intent else {
            let message = "One of the following params should be provided for this request: charge or payment_intent.";
            return Err(ApiError::coded("parameter_missing", message).param("charge").into());
        };
        return match intent.latest_charge {
            Some(charge) => call.referenced(charge).await,
            None => {
                let message =
                    format!("This PaymentIntent ({}) does not have a successful charge to refund.", intent.id);
                Err(ApiError::invalid(message).param("payment_intent").into())
            }
        };
    };
    let charge = call.param_object::<Charge>("charge", id).await?;
    if intent.is_some_and(|intent| charge.payment_intent != Some(intent.id)) {
        return Err(ApiError::invalid("The charge does not belong to the payment_intent.").param("charge").into());
    }
    Ok(charge)
}

async fn narrow(call: Call, params: FilterParams, mut query: ListQuery) -> Result<ListQuery> {
    if let Some(id) = &params.payment_intent {
        let intent = call.param_object::<PaymentIntent>("payment_intent", id).await?;
        let mut charges = api::list::all(Kind::Charge);
        charges.parents = vec![intent.id];
        charges.paging.limit = 100;
        let page = call.services.ledger.list(call.tenant_id(), &charges).await.map_err(Failure::of_query)?;
        query.parents = page.items.iter().map(|charge| charge.id).collect();
        // An intent without charges has no refunds: nothing has the intent itself for a parent.
        if query.parents.is_empty() {
            query.parents.push(intent.id);
        }
    }
    if let Some(id) = &params.charge {
        let charge = call.param_object::<Charge>("charge", id).await?.id;
        if !query.parents.is_empty() && !query.parents.contains(&charge) {
            return Err(ApiError::invalid("The charge does not belong to the payment_intent.").param("charge").into());
        }
        query.parents = vec![charge];
    }
    Ok(query)
}

async fn update(call: Call, params: UpdateParams) -> Result<Reply> {
    let mut refund = call.path_object::<Refund>("id").await?;
    let metadata = merged_metadata(&refund.metadata, params.metadata)?;
    let mut changes = call.changes();
    refund::update(&mut changes, &mut refund, metadata);
    call.commit_and_show::<Refunds>(changes, &refund).await
}

async fn cancel(call: Call, _: NoParams) -> Result<Reply> {
    let mut refund = call.path_object::<Refund>("id").await?;
    let mut charge = call.referenced::<Charge>(refund.charge).await?;
    let mut attempt = call.referenced(refund.attempt).await?;
    let mut changes = call.changes();
    let capabilities = capabilities_of(&call, &attempt)?;
    let key = call.request_key();
    refund::cancel(&mut changes, &mut refund, &mut charge, &mut attempt, &capabilities, key)?;
    run::<Refunds>(&call, changes, attempt, refund, charge).await
}

async fn expire(call: Call, _: NoParams) -> Result<Reply> {
    let refund = call.path_object::<Refund>("id").await?;
    Err(refund::refuse_to_expire(&refund).into())
}

/// `/v1/refunds`.
pub struct Refunds;

impl Attempted for Refunds {
    async fn related(call: &Call, refund: &Refund) -> Result<Versioned<Charge>> {
        call.referenced(refund.charge).await
    }

    /// A refund that fails is a refund with that status, not an error.
    fn answer(refund: &Versioned<Refund>, _: &Versioned<Charge>, Answering { call, .. }: Answering) -> Outcome {
        Ok(call.reply::<Self>(refund))
    }
}

impl Resource for Refunds {
    type Object = Refund;

    const PATH: &'static str = "/v1/refunds";
    const SCHEMA: Schema = Schema::Stripe;
    const EXPANDABLE: &'static [Expandable] = &[
        reference("balance_transaction", &[Kind::BalanceTransaction]),
        reference("charge", &[Kind::Charge]),
        reference("failure_balance_transaction", &[Kind::BalanceTransaction]),
        reference("payment_intent", &[Kind::PaymentIntent]),
        reference("payment_method", &[Kind::PaymentMethod]),
    ];

    const PUBLIC: &'static [&'static str] = &[];
    const EVENTS_WITH_PREVIOUS: &'static [&'static str] = &[];
    const EVENTS_TOLD_AGAIN: &'static [&'static str] = &["charge.refund.updated"];

    fn render<'a>(refund: &'a Refund, _: &Audience) -> Json<'a> {
        object! {
            "id": refund.id,
            "object": "refund",
            "amount": refund.amount,
            "balance_transaction": refund.source.map(|source| source.balance_transaction),
            "charge": refund.charge,
            "created": refund.created.seconds(),
            "currency": refund.currency,
            "customer": Null,
            "customer_account": Null,
            "destination_details": object! { "card": destination(refund), "type": "card" },
            "metadata": &refund.metadata,
            "payment_intent": refund.payment_intent,
            "payment_method": refund.payment_method,
            "reason": refund.reason.map(|reason| reason.as_str()),
            "receipt_number": Null,
            "source_transfer_reversal": Null,
            "status": refund.status.as_str(),
            "transfer_reversal": Null,
        }
        .with("failure_balance_transaction", refund.failure_balance_transaction)
        .with("failure_reason", refund.failure_reason.as_ref())
        .with("pending_reason", (refund.status == Status::Pending).then_some("processing"))
    }
}

fn destination(refund: &Refund) -> Json<'_> {
    if refund.source.is_none() {
        // An authorization was released: nothing is on its way.
        return object! { "type": "reversal" };
    }
    match &refund.reference {
        Some(reference) => object! {
            "reference": reference,
            "reference_status": "available",
            "reference_type": "acquirer_reference_number",
            "type": "refund",
        },
        None => {
            object! { "reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund" }
        }
    }
}
