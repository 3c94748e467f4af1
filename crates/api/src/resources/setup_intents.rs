//! Setup intents.

use crate::attempts;
use crate::call::Call;
use crate::error::{ApiError, Failure, Result};
use crate::json::Json::{self, Null};
use crate::params::{MetadataParam, Unsettable, assign};
use crate::registry::{Registry, Returns};
use crate::reply::Reply;
use crate::resource::{Expandable, Resource, View, reference, show};
use crate::resources::payment_intents::params::{
    AllowRedirects, AutomaticPaymentMethodsParams, FutureUsageParam, MethodType, MicrodepositParams, RetrieveParams,
    ThreeDSecure,
};
use crate::resources::payment_intents::render::{next_action, payment_error};
use crate::resources::payment_intents::{check_url, customer, give_up};
use crate::resources::payment_methods::{self, PaymentMethodDataParams};
use crate::{choices, object, params};
use contracts::{FieldFilter, ListQuery};
use domain::attempt::Terms;
use domain::customer::Customer;
use domain::payment_intent::{FutureUsage, Status};
use domain::payment_method::PaymentMethod;
use domain::refusal::Refusal;
use domain::settle::Affected;
use domain::setup_intent::{self, SetupIntent};
use domain::{Changes, Versioned};
use std::collections::BTreeMap;
use types::Kind;

params! {
    pub struct CardOptionsParams { pub request_three_d_secure: Option<ThreeDSecure>, }
    pub struct MethodOptionsParams { pub card: Option<CardOptionsParams>, }

    pub struct DetailParams {
        pub customer: Option<String>,
        pub description: Option<Unsettable<String>>,
        pub metadata: Option<MetadataParam>,
        pub payment_method_types: Option<Vec<MethodType>>,
    }

    pub struct MethodParams {
        pub payment_method: Option<String>,
        pub payment_method_data: Option<PaymentMethodDataParams>,
        pub payment_method_options: Option<MethodOptionsParams>,
    }

    pub struct ConfirmationParams {
        pub return_url: Option<String>,
        pub use_stripe_sdk: Option<bool>,
    }

    pub struct CreateParams {
        pub automatic_payment_methods: Option<AutomaticPaymentMethodsParams>,
        pub confirm: Option<bool>,
        pub usage: Option<FutureUsageParam>,
        ..details: DetailParams,
        ..method: MethodParams,
        ..confirmation: ConfirmationParams,
    }

    pub struct UpdateParams {
        ..details: DetailParams,
        ..method: MethodParams,
    }

    pub struct ConfirmParams {
        pub client_secret: Option<String>,
        ..method: MethodParams,
        ..confirmation: ConfirmationParams,
    }

    pub struct CancelParams { pub cancellation_reason: Option<CancellationReason>, }

    pub struct FilterParams {
        pub customer: Option<String>,
        pub payment_method: Option<String>,
    }
}

choices! {
    pub enum CancellationReason {
        Abandoned = "abandoned",
        Duplicate = "duplicate",
        RequestedByCustomer = "requested_by_customer",
    }
}

pub fn register(registry: &mut Registry) {
    const ONE: Returns = Returns::Object(Kind::SetupIntent);
    registry.resource::<SetupIntent>();
    registry.post("/v1/setup_intents", ONE, create);
    registry.list::<SetupIntent, _, _, _>("/v1/setup_intents", narrow);
    registry.get("/v1/setup_intents/{id}", ONE, retrieve).publishable();
    registry.post("/v1/setup_intents/{id}", ONE, update);
    registry.post("/v1/setup_intents/{id}/confirm", ONE, confirm).publishable();
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
    let id = changes.new_id(Kind::SetupIntent);
    let automatic = match &params.automatic_payment_methods {
        Some(automatic) => automatic.enabled.then(|| automatic.allow_redirects.unwrap_or(AllowRedirects::Always)),
        None => params.details.payment_method_types.is_none().then_some(AllowRedirects::Always),
    };
    let mut intent = SetupIntent {
        id,
        created: call.now,
        status: Status::RequiresPaymentMethod,
        client_secret: format!("{id}_secret_{}", changes.new_secret(25)),
        usage: params.usage.map_or(FutureUsage::OffSession, FutureUsageParam::into_domain),
        payment_method_types: vec!["card".to_owned()],
        automatic_payment_methods: automatic.map(|redirects| redirects.as_str().to_owned()),
        customer: None,
        payment_method: None,
        description: None,
        metadata: BTreeMap::new(),
        request_three_d_secure: None,
        last_setup_error: None,
        next_action: None,
        cancellation_reason: None,
        attempt: None,
    };
    describe(&call, &mut intent, params.details).await?;
    let method = choose(&call, &mut changes, &mut intent, params.method).await?;
    let intent = changes.create(intent, Some("setup_intent.created"));
    if confirms {
        return confirm_with(&call, changes, intent, method, params.confirmation).await;
    }
    call.commit_and_show(changes, &intent).await
}

async fn describe(call: &Call, intent: &mut SetupIntent, params: DetailParams) -> Result<()> {
    intent.customer = customer(call, params.customer.as_deref()).await?.or(intent.customer);
    assign(&mut intent.description, params.description);
    params.metadata.unwrap_or_default().apply(&mut intent.metadata)?;
    if let Some(types) = params.payment_method_types {
        intent.payment_method_types = types.iter().map(|kind| kind.as_str().to_owned()).collect();
    }
    Ok(())
}

/// The payment method that the parameters name or describe, entered into the intent.
async fn choose(
    call: &Call,
    changes: &mut Changes,
    intent: &mut SetupIntent,
    params: MethodParams,
) -> Result<Option<Versioned<PaymentMethod>>> {
    if let Some(choice) = params.payment_method_options.and_then(|options| options.card?.request_three_d_secure) {
        intent.request_three_d_secure = Some(choice.as_str().to_owned());
    }
    let chosen = payment_methods::chosen(call, changes, params.payment_method, params.payment_method_data).await?;
    if let Some(method) = &chosen {
        setup_intent::may_use(intent, method)?;
        intent.payment_method = Some(method.id);
        intent.status = Status::RequiresConfirmation;
    }
    Ok(chosen)
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
    Ok(call.reply(&intent))
}

async fn update(call: Call, params: UpdateParams) -> Result<Reply> {
    let mut intent = call.path_object::<SetupIntent>("id").await?;
    intent.check_open("updated").map_err(|refusal| refused(&call, &intent, refusal))?;
    let mut changes = call.changes();
    let mut next = (*intent).clone();
    describe(&call, &mut next, params.details).await?;
    if choose(&call, &mut changes, &mut next, params.method).await?.is_some() {
        give_up(&call, &mut changes, next.attempt.take()).await?;
        next.next_action = None;
    }
    changes.update(&mut intent, None, |intent| *intent = next);
    call.commit_and_show(changes, &intent).await
}

async fn confirm(call: Call, params: ConfirmParams) -> Result<Reply> {
    let mut intent = intent_of(&call, params.client_secret.as_deref()).await?;
    intent.check_open("confirmed").map_err(|refusal| refused(&call, &intent, refusal))?;
    let mut changes = call.changes();
    let mut next = (*intent).clone();
    give_up(&call, &mut changes, next.attempt.take()).await?;
    let method = match (choose(&call, &mut changes, &mut next, params.method).await?, next.payment_method) {
        (None, Some(id)) => Some(call.referenced::<PaymentMethod>(id).await?),
        (chosen, _) => chosen,
    };
    changes.update(&mut intent, None, |intent| *intent = next);
    confirm_with(&call, changes, intent, method, params.confirmation).await
}

async fn confirm_with(
    call: &Call,
    mut changes: Changes,
    mut intent: Versioned<SetupIntent>,
    method: Option<Versioned<PaymentMethod>>,
    params: ConfirmationParams,
) -> Result<Reply> {
    let Some(method) = method else {
        let message = "You cannot confirm this SetupIntent because it's missing a payment method.";
        return Err(refused(call, &intent, Refusal::new("setup_intent_unexpected_state", message)));
    };
    if let Some(url) = &params.return_url {
        check_url("return_url", url)?;
    }
    let terms =
        Terms { return_url: params.return_url, use_sdk: params.use_stripe_sdk.unwrap_or(false), ..Terms::default() };
    let processor = call.api.processors.preferred().name();
    let currency = call.tenant().settings.default_currency;
    let with = (terms, attempts::request_key(call));
    let attempt = setup_intent::begin(&mut changes, &mut intent, &method, processor, currency, with)
        .map_err(|refusal| refused(call, &intent, refusal))?;
    let affected = Affected { setup_intent: Some(intent), payment_method: Some(method), ..Affected::default() };
    attempts::run(call, changes, attempt, affected).await
}

async fn cancel(call: Call, params: CancelParams) -> Result<Reply> {
    let mut intent = call.path_object::<SetupIntent>("id").await?;
    intent.check_open("canceled").map_err(|refusal| refused(&call, &intent, refusal))?;
    let mut changes = call.changes();
    give_up(&call, &mut changes, intent.attempt).await?;
    let reason = params.cancellation_reason.map(|reason| reason.as_str().to_owned());
    setup_intent::cancel(&mut changes, &mut intent, reason);
    call.commit_and_show(changes, &intent).await
}

/// Only intents that set up a bank account wait for microdeposits.
async fn verify_microdeposits(call: Call, _: MicrodepositParams) -> Result<Reply> {
    let intent = call.path_object::<SetupIntent>("id").await?;
    let message = "This SetupIntent does not wait for microdeposits: it does not set up a bank account.";
    Err(refused(&call, &intent, Refusal::new("setup_intent_unexpected_state", message)))
}

fn refused(call: &Call, intent: &SetupIntent, refusal: Refusal) -> Failure {
    let error = attempts::refused(refusal);
    if error.code == Some("setup_intent_unexpected_state") {
        return error.detail("setup_intent", show(intent, &call.view())).into();
    }
    error.into()
}

impl Resource for SetupIntent {
    const EXPANDABLE: &'static [Expandable] =
        &[reference("customer", &[Kind::Customer]), reference("payment_method", &[Kind::PaymentMethod])];

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

    fn render(&self, view: &View) -> Json<'_> {
        object! {
            "id": self.id,
            "object": "setup_intent",
            "allowed_payment_method_types": Null,
            "application": Null,
            "automatic_payment_methods": self.automatic_payment_methods.as_ref().map(|redirects| object! {
                "allow_redirects": redirects,
                "enabled": true,
            }),
            "cancellation_reason": &self.cancellation_reason,
            "client_secret": &self.client_secret,
            "created": self.created.seconds(),
            "customer": self.customer,
            "customer_account": Null,
            "description": &self.description,
            "excluded_payment_method_types": Null,
            "last_setup_error": self.last_setup_error.as_ref().map(|error| payment_error(error, view)),
            "latest_attempt": Null,
            "livemode": view.livemode,
            "mandate": Null,
            "metadata": &self.metadata,
            "next_action": self.next_action.as_ref().map(|action| next_action(action, view)),
            "on_behalf_of": Null,
            "payment_method": self.payment_method,
            "payment_method_configuration_details": Null,
            "payment_method_options": object! { "card": object! {
                "mandate_options": Null,
                "network": Null,
                "request_three_d_secure": self.request_three_d_secure.as_deref().unwrap_or("automatic"),
            }},
            "payment_method_types": &self.payment_method_types,
            "single_use_mandate": Null,
            "status": self.status.as_str(),
            "usage": self.usage.as_str(),
        }
    }
}
