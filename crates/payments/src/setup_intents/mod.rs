//! Setup intents.

mod params;
mod render;

pub use render::SetupIntents;

use crate::customer_lookup;
use crate::intent::{MicrodepositParams, RetrieveParams, automatic_payment_methods, redirect_status, type_names};
use crate::payment_methods::{self, check_free};
use api::Registry;
use api::call::{Call, Outcome};
use api::choice::{Choice, chosen};
use api::endpoint::Returns;
use api::error::{ApiError, Failure, Result};
use api::params::assign;
use api::reply::Reply;
use api::resource::show;
use api::url;
use attempts::{Answering, Attempted, PayersIntent, declined, run, withdrawn};
use contracts::{FieldFilter, ListQuery};
use domain::attempts::{Attempt, Options};
use domain::payments::customer::Customer;
use domain::payments::intent::Status;
use domain::payments::payment_method::PaymentMethod;
use domain::payments::setup_intent::{self, Draft, Edit, Setup, SetupIntent, Waiting};
use domain::{Changes, Refusal, Versioned};
use params::{
    CancelParams, ConfirmParams, ConfirmationParams, CreateParams, DetailParams, FilterParams, MethodParams,
    UpdateParams,
};
use types::Kind;

/// What a payer may say when confirming. How the card is authenticated is up to the merchant.
const PAYERS: &[&str] = &["client_secret", "payment_method", "payment_method_data", "return_url", "use_stripe_sdk"];

pub fn register(registry: &mut Registry) {
    const ONE: Returns = Returns::Object(Kind::SetupIntent);
    registry.resource::<SetupIntents>();
    attempts::target::<SetupIntents>(registry);
    registry.post("/v1/setup_intents", ONE, create);
    registry.list::<SetupIntents, _, _, _>("/v1/setup_intents", narrow);
    registry.get("/v1/setup_intents/{id}", ONE, retrieve).publishable(&["client_secret"]);
    registry.post("/v1/setup_intents/{id}", ONE, update);
    registry.post("/v1/setup_intents/{id}/confirm", ONE, confirm).publishable(PAYERS);
    registry.post("/v1/setup_intents/{id}/cancel", ONE, cancel);
    registry.post("/v1/setup_intents/{id}/verify_microdeposits", ONE, verify_microdeposits);
}

async fn create(call: Call, params: CreateParams) -> Result<Reply> {
    let confirms = params.confirm.unwrap_or(false);
    if params.confirmation.return_url.is_some() && !confirms {
        let message = "return_url can only be given together with confirm=true.";
        return Err(ApiError::invalid(message).param("return_url").into());
    }
    let mut changes = call.changes();
    let mut draft = Draft::new(&mut changes);
    let intent = draft.describe();
    if let Some(Choice(usage)) = params.usage {
        intent.usage = usage;
    }
    let types = params.details.payment_method_types.as_ref();
    intent.automatic_payment_methods = automatic_payment_methods(params.automatic_payment_methods.as_ref(), types);
    describe(&call, &mut changes, intent, params.details).await?;
    let method = chosen_method(&call, &mut changes, intent, params.method).await?;
    let intent = setup_intent::create(&mut changes, draft, method.as_ref())?;
    if confirms {
        if let Some(method) = &method {
            check_free(&call, "payment_method", method, None).await?;
        }
        return confirm_with(&call, changes, intent, method, params.confirmation).await;
    }
    call.commit_and_show::<SetupIntents>(changes, &intent).await
}

async fn describe(call: &Call, changes: &mut Changes, intent: &mut SetupIntent, params: DetailParams) -> Result<()> {
    let customer = customer_lookup::id_decided_for(call, changes, params.customer.as_deref()).await?;
    intent.customer = customer.or(intent.customer);
    assign(&mut intent.description, params.description);
    params.metadata.unwrap_or_default().apply(&mut intent.metadata)?;
    if let Some(types) = params.payment_method_types {
        intent.payment_method_types = type_names(&types);
    }
    Ok(())
}

/// The payment method that the parameters name or describe; what they say about 3-D Secure is noted in the intent.
async fn chosen_method(
    call: &Call,
    changes: &mut Changes,
    intent: &mut SetupIntent,
    params: MethodParams,
) -> Result<Option<Versioned<PaymentMethod>>> {
    let choice = params.payment_method_options.and_then(|options| options.card?.request_three_d_secure);
    intent.request_three_d_secure = chosen(choice).or(intent.request_three_d_secure);
    payment_methods::named_or_described(call, changes, params.payment_method, params.payment_method_data).await
}

async fn narrow(call: Call, params: FilterParams, mut query: ListQuery) -> Result<ListQuery> {
    if let Some(id) = &params.customer {
        query.customer = Some(call.param_object::<Customer>("customer", id).await?.id);
    }
    if let Some(id) = params.payment_method {
        query.fields.push(FieldFilter::equal(&["payment_method"], id));
    }
    Ok(query)
}

async fn intent_of(call: &Call, client_secret: Option<&str>) -> Result<Versioned<SetupIntent>> {
    let intent = call.path_object::<SetupIntent>("id").await?;
    call.check_client_secret(&intent.client_secret, client_secret)?;
    Ok(intent)
}

async fn retrieve(call: Call, params: RetrieveParams) -> Result<Reply> {
    let intent = intent_of(&call, params.client_secret.as_deref()).await?;
    Ok(call.reply::<SetupIntents>(&intent))
}

async fn update(call: Call, params: UpdateParams) -> Result<Reply> {
    let mut intent = call.path_object::<SetupIntent>("id").await?;
    intent.check_open("updated").map_err(|refusal| refused(&call, &intent, refusal))?;
    let mut changes = call.changes();
    let mut described = (*intent).clone();
    describe(&call, &mut changes, &mut described, params.details).await?;
    let method = chosen_method(&call, &mut changes, &mut described, params.method).await?;
    let edit = Edit { described, method: method.as_ref(), waiting: waiting(&call, &intent).await? };
    let updated = setup_intent::update(&mut changes, &mut intent, edit);
    withdrawn::<SetupIntents, _>(&call, updated).await?;
    call.commit_and_show::<SetupIntents>(changes, &intent).await
}

async fn confirm(call: Call, params: ConfirmParams) -> Result<Reply> {
    let mut intent = intent_of(&call, params.client_secret.as_deref()).await?;
    url::checked(&call, params.confirmation.return_url.as_ref())?;
    intent.check_open("confirmed").map_err(|refusal| refused(&call, &intent, refusal))?;
    let mut changes = call.changes();
    let mut described = (*intent).clone();
    let method = match chosen_method(&call, &mut changes, &mut described, params.method).await? {
        None => call.referenced_if_any(intent.payment_method).await?,
        chosen => chosen,
    };
    // Before the attempt that waits for the payer is given up for this card.
    if let Some(method) = &method {
        check_free(&call, "payment_method", method, Some(intent.id)).await?;
        call.try_card(&method.card.fingerprint)?;
    }
    let edit = Edit { described, method: method.as_ref(), waiting: waiting(&call, &intent).await? };
    let prepared = setup_intent::prepare(&mut changes, &mut intent, edit);
    withdrawn::<SetupIntents, _>(&call, prepared).await?;
    confirm_with(&call, changes, intent, method, params.confirmation).await
}

async fn confirm_with(
    call: &Call,
    mut changes: Changes,
    mut intent: Versioned<SetupIntent>,
    method: Option<Versioned<PaymentMethod>>,
    params: ConfirmationParams,
) -> Result<Reply> {
    let Some(mut method) = method else {
        let message = "You cannot confirm this SetupIntent because it's missing a payment method.";
        return Err(refused(call, &intent, Refusal::new("setup_intent_unexpected_state", message)));
    };
    let return_url = url::checked(call, params.return_url.as_ref())?;
    let use_sdk = params.use_stripe_sdk.unwrap_or(false);
    let options = Options { return_url, use_sdk, ..Options::default() };
    let currency = call.tenant().settings.default_currency;
    let with = (options, call.request_key());
    let (attempt, setup_attempt) = setup_intent::begin(&mut changes, &mut intent, &mut method, currency, with)
        .map_err(|refusal| refused(call, &intent, refusal))?;
    let customer = call.referenced_if_any(intent.customer).await?;
    let setup = Setup { method: Some(method), setup_attempt: Some(setup_attempt), customer };
    run::<SetupIntents>(call, changes, attempt, intent, setup).await
}

async fn cancel(call: Call, params: CancelParams) -> Result<Reply> {
    let mut intent = call.path_object::<SetupIntent>("id").await?;
    intent.check_open("canceled").map_err(|refusal| refused(&call, &intent, refusal))?;
    let mut changes = call.changes();
    let waiting = waiting(&call, &intent).await?;
    let canceled = setup_intent::cancel(&mut changes, &mut intent, waiting, chosen(params.cancellation_reason));
    withdrawn::<SetupIntents, _>(&call, canceled).await?;
    call.commit_and_show::<SetupIntents>(changes, &intent).await
}

/// Only intents that set up a bank account wait for microdeposits.
async fn verify_microdeposits(call: Call, _: MicrodepositParams) -> Result<Reply> {
    let intent = call.path_object::<SetupIntent>("id").await?;
    let message = "This SetupIntent does not wait for microdeposits: it does not set up a bank account.";
    Err(refused(&call, &intent, Refusal::new("setup_intent_unexpected_state", message)))
}

/// What the intent waits for, if the payer is asked to act.
async fn waiting(call: &Call, intent: &SetupIntent) -> Result<Option<Waiting>> {
    let (Some(attempt), Some(setup_attempt)) = (intent.attempt, intent.latest_attempt) else { return Ok(None) };
    let (attempt, setup_attempt) = (call.referenced(attempt).await?, call.referenced(setup_attempt).await?);
    Ok(Some(Waiting { attempt, setup_attempt }))
}

/// A refused command as an error that shows the intent.
fn refused(call: &Call, intent: &SetupIntent, refusal: Refusal) -> Failure {
    let error = ApiError::from(refusal);
    if error.code == Some("setup_intent_unexpected_state") {
        return error.detail("setup_intent", show::<SetupIntents>(intent, &call.audience())).into();
    }
    error.into()
}

impl Attempted for SetupIntents {
    async fn related(call: &Call, intent: &SetupIntent) -> Result<Setup> {
        Ok(Setup {
            method: call.referenced_if_any(intent.payment_method).await?,
            setup_attempt: call.referenced_if_any(intent.latest_attempt).await?,
            customer: call.referenced_if_any(intent.customer).await?,
        })
    }

    fn answer(intent: &Versioned<SetupIntent>, _: &Setup, Answering { call, decline, .. }: Answering) -> Outcome {
        match decline {
            None => Ok(call.reply::<Self>(intent)),
            Some(decline) => Err(declined(decline).detail("setup_intent", show::<Self>(intent, &call.audience()))),
        }
    }

    fn gives_up(intent: &SetupIntent) -> bool {
        intent.status == Status::Canceled
    }

    fn payers_intent(intent: &SetupIntent, attempt: &Attempt) -> Option<PayersIntent> {
        let status = redirect_status(intent.status, intent.attempt == Some(attempt.id));
        Some(PayersIntent { id: intent.id, client_secret: intent.client_secret.clone(), status })
    }
}
