//! Payment methods: cards, until there are other ways to pay.

pub mod attach;
mod card;
pub(super) mod render;

pub use card::{CardNumber, CardParams, Cvc, PaymentMethodDataParams, chosen, from_card, from_token, resolve};

use crate::call::Call;
use crate::error::{ApiError, Failure, Result};
use crate::params::{MetadataParam, NoParams, merged_metadata};
use crate::registry::{Registry, Returns};
use crate::reply::Reply;
use crate::resources::customers;
use crate::resources::party::{AllowRedisplay, BillingDetailsParams};
use crate::{choices, params};
use contracts::{FieldFilter, ListQuery, Operator};
use domain::customer::Customer;
use domain::payment_method::PaymentMethod;
use types::Kind;

const ONE: Returns = Returns::Object(Kind::PaymentMethod);

params! {
    pub struct UpdateParams {
        pub allow_redisplay: Option<AllowRedisplay>,
        pub billing_details: Option<BillingDetailsParams>,
        pub card: Option<ExpiryParams>,
        pub metadata: Option<MetadataParam>,
    }

    pub struct ExpiryParams {
        pub exp_month: Option<i64>,
        pub exp_year: Option<i64>,
    }

    pub struct AttachParams {
        pub customer: String,
    }

    pub struct FilterParams {
        pub customer: Option<String>,
        ..shown: ShownParams,
    }

    /// Which of a customer's payment methods to list.
    pub struct ShownParams {
        pub allow_redisplay: Option<AllowRedisplay>,
        pub kind as "type": Option<MethodType>,
    }
}

choices! {
    /// The types of payment methods that there are here.
    pub enum MethodType {
        Card = "card",
    }
}

pub fn register(registry: &mut Registry) {
    registry.resource::<PaymentMethod>();
    registry.post("/v1/payment_methods", ONE, create).publishable();
    registry.list::<PaymentMethod, _, _, _>("/v1/payment_methods", narrow);
    registry.get("/v1/payment_methods/{id}", ONE, retrieve);
    registry.post("/v1/payment_methods/{id}", ONE, update);
    registry.post("/v1/payment_methods/{id}/attach", ONE, attach);
    registry.post("/v1/payment_methods/{id}/detach", ONE, detach);
    registry.list::<PaymentMethod, _, _, _>("/v1/customers/{id}/payment_methods", narrow_to_customer);
    registry.get("/v1/customers/{customerId}/payment_methods/{id}", ONE, retrieve_of_customer);
}

async fn create(call: Call, params: PaymentMethodDataParams) -> Result<Reply> {
    let mut changes = call.changes();
    let method = from_card(&call, &mut changes, params)?;
    let method = changes.create(method, None);
    call.commit_and_show(changes, &method).await
}

async fn retrieve(call: Call, _: NoParams) -> Result<Reply> {
    let mut changes = call.changes();
    match card::from_test_name(&call, &mut changes, call.path_text("id")) {
        Some(method) => {
            let method = changes.create(method, None);
            call.commit_and_show(changes, &method).await
        }
        None => Ok(call.reply(&call.path_object::<PaymentMethod>("id").await?)),
    }
}

async fn update(call: Call, params: UpdateParams) -> Result<Reply> {
    let mut method = call.path_object::<PaymentMethod>("id").await?;
    if method.customer.is_none() {
        let message = "You must save this PaymentMethod to a customer before you can update it.";
        return Err(ApiError::coded("payment_method_unexpected_state", message).into());
    }
    let metadata = merged_metadata(&method.metadata, params.metadata)?;
    let expiry = match params.card {
        Some(ExpiryParams { exp_month: None, exp_year: None }) | None => None,
        Some(card) => {
            let month = card.exp_month.unwrap_or(method.card.exp_month.into());
            let year = card.exp_year.unwrap_or(method.card.exp_year.into());
            Some(card::read_expiry(month, year, call.now)?)
        }
    };
    let mut changes = call.changes();
    changes.update_if_changed(&mut method, "payment_method.updated", |method| {
        method.metadata = metadata;
        if let Some((month, year)) = expiry {
            (method.card.exp_month, method.card.exp_year) = (month, year);
        }
        if let Some(choice) = params.allow_redisplay {
            method.allow_redisplay = Some(choice.as_str().to_owned());
        }
        if let Some(details) = params.billing_details {
            change_billing_details(method, details);
        }
    });
    call.commit_and_show(changes, &method).await
}

/// Nobody has compared a new address with what the issuer knows.
fn change_billing_details(method: &mut PaymentMethod, details: BillingDetailsParams) {
    let address = method.billing_details.address.clone().unwrap_or_default();
    details.apply(&mut method.billing_details);
    let new = method.billing_details.address.clone().unwrap_or_default();
    let card = &mut method.card;
    for (before, after, check) in [
        (&address.line1, &new.line1, &mut card.line1_check),
        (&address.postal_code, &new.postal_code, &mut card.postal_code_check),
    ] {
        if before != after {
            *check = after.is_some().then(|| "unchecked".to_owned());
        }
    }
}

async fn attach(call: Call, params: AttachParams) -> Result<Reply> {
    let customer = customers::resolve(&call, "customer", &params.customer).await?;
    let mut changes = call.changes();
    let id = call.path_text("id");
    let mut method = match card::from_test_name(&call, &mut changes, id) {
        Some(method) => changes.create(method, None),
        None => call.path_object("id").await?,
    };
    if !attach::attachable(&method, Some(customer.id))? {
        return Ok(call.reply(&method));
    }
    if let Err(error) = attach::check(&call, &mut changes, &method).await? {
        call.commit(changes, &Err(error.clone())).await?;
        return Err(error.into());
    }
    attach::attach(&mut changes, &mut method, customer.id);
    call.commit_and_show(changes, &method).await
}

async fn detach(call: Call, _: NoParams) -> Result<Reply> {
    let mut method = call.path_object::<PaymentMethod>("id").await?;
    let Some(customer) = method.customer else {
        let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
        return Err(ApiError::coded("payment_method_unexpected_state", message).into());
    };
    let mut customer = call.referenced::<Customer>(customer).await?;
    let mut changes = call.changes();
    attach::detach(&mut changes, &mut method);
    if customer.default_payment_method == Some(method.id) {
        changes.update(&mut customer, Some("customer.updated"), |customer| customer.default_payment_method = None);
    }
    call.commit_and_show(changes, &method).await
}

async fn narrow(call: Call, params: FilterParams, mut query: ListQuery) -> Result<ListQuery> {
    if let Some(id) = &params.customer {
        query.customer = Some(customers::resolve(&call, "customer", id).await?.id);
    }
    narrow_to_shown(&params.shown, &mut query);
    Ok(query)
}

async fn narrow_to_customer(call: Call, params: ShownParams, mut query: ListQuery) -> Result<ListQuery> {
    query.customer = Some(customers::of_path(&call, "id").await?.id);
    narrow_to_shown(&params, &mut query);
    Ok(query)
}

fn narrow_to_shown(params: &ShownParams, query: &mut ListQuery) {
    // There are only cards: asking for those is asking for all.
    let (Some(MethodType::Card) | None) = params.kind;
    if let Some(choice) = params.allow_redisplay {
        let said = FieldFilter::equal(&["allow_redisplay"], choice.as_str());
        query.fields.push(match choice {
            // What was never said is unspecified, and so is left out of the state.
            AllowRedisplay::Unspecified => FieldFilter { operator: Operator::Exists, negated: true, ..said },
            _ => said,
        });
    }
}

async fn retrieve_of_customer(call: Call, _: NoParams) -> Result<Reply> {
    let customer = customers::of_path(&call, "customerId").await?;
    let method = call.path_object::<PaymentMethod>("id").await?;
    if method.customer == Some(customer.id) {
        Ok(call.reply(&method))
    } else {
        Err(Failure::from(ApiError::missing(Kind::PaymentMethod, call.path_text("id"), None)))
    }
}
