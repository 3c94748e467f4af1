//! Payment methods: cards, until there are other ways to pay.

mod card;
mod check;
mod free;
mod render;
mod taken;

pub use card::{PaymentMethodDataParams, create_from_token, named_or_described, resolve};
pub use check::{CardCheck, check};
pub use free::check_free;
pub use render::{PaymentMethods, checks};

use crate::contact::BillingDetailsParams;
use crate::customer_lookup;
use api::Registry;
use api::call::{Call, Outcome};
use api::choice::{Choice, chosen};
use api::endpoint::Returns;
use api::error::{ApiError, Result};
use api::metadata::{MetadataParam, merged_metadata};
use api::params;
use api::params::NoParams;
use api::reply::Reply;
use api::resource::decoded;
use attempts::{Answering, Attempted, declined};
use contracts::{FieldFilter, LedgerError, ListQuery, Operator};
use domain::payments::customer::{self, Customer};
use domain::payments::payment_method::{self, AllowRedisplay, Edit, MethodType, PaymentMethod, may_attach};
use domain::{Object, Versioned};
use types::{Kind, ObjectId};

const ONE: Returns = Returns::Object(Kind::PaymentMethod);

params! {
    pub struct UpdateParams {
        pub allow_redisplay: Option<Choice<AllowRedisplay>>,
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
        pub allow_redisplay: Option<Choice<AllowRedisplay>>,
        pub kind as "type": Option<Choice<MethodType>>,
    }
}

/// What a payer may say of a new payment method: everything, for it is the payer's.
const PAYERS: &[&str] = &["allow_redisplay", "billing_details", "card", "metadata", "type"];

pub fn register(registry: &mut Registry) {
    registry.resource::<PaymentMethods>();
    attempts::target::<PaymentMethods>(registry);
    registry.post("/v1/payment_methods", ONE, create).publishable(PAYERS);
    registry.list::<PaymentMethods, _, _, _>("/v1/payment_methods", narrow);
    registry.get("/v1/payment_methods/{id}", ONE, retrieve);
    registry.post("/v1/payment_methods/{id}", ONE, update);
    registry.post("/v1/payment_methods/{id}/attach", ONE, attach);
    registry.post("/v1/payment_methods/{id}/detach", ONE, detach);
    registry.list::<PaymentMethods, _, _, _>("/v1/customers/{id}/payment_methods", narrow_to_customer);
    registry.get("/v1/customers/{customerId}/payment_methods/{id}", ONE, retrieve_of_customer);
}

async fn create(call: Call, params: PaymentMethodDataParams) -> Result<Reply> {
    let mut changes = call.changes();
    let method = card::create(&call, &mut changes, params).await?;
    call.commit_and_show::<PaymentMethods>(changes, &method).await
}

async fn retrieve(call: Call, _: NoParams) -> Result<Reply> {
    let mut changes = call.changes();
    match card::from_test_name(&call, &mut changes, call.path_text("id")).await? {
        Some(method) => call.commit_and_show::<PaymentMethods>(changes, &method).await,
        None => Ok(call.reply::<PaymentMethods>(&call.path_object("id").await?)),
    }
}

async fn update(call: Call, params: UpdateParams) -> Result<Reply> {
    let mut method = call.path_object::<PaymentMethod>("id").await?;
    payment_method::may_update(&method)?;
    let metadata = merged_metadata(&method.metadata, params.metadata)?;
    let expiry = match params.card {
        Some(ExpiryParams { exp_month: None, exp_year: None }) | None => None,
        Some(card) => {
            let month = card.exp_month.unwrap_or(method.card.exp_month.into());
            let year = card.exp_year.unwrap_or(method.card.exp_year.into());
            Some(card::read_expiry(month, year, call.now)?)
        }
    };
    let billing_details = params.billing_details.map(|params| {
        let mut details = method.billing_details.clone();
        params.apply(&mut details);
        details
    });
    let edit =
        Edit { billing_details, expiry, metadata: Some(metadata), allow_redisplay: chosen(params.allow_redisplay) };
    let mut changes = call.changes();
    payment_method::update(&mut changes, &mut method, edit)?;
    call.commit_and_show::<PaymentMethods>(changes, &method).await
}

async fn attach(call: Call, params: AttachParams) -> Result<Reply> {
    let mut customer = customer_lookup::of_param(&call, "customer", &params.customer).await?;
    let mut changes = call.changes();
    let id = call.path_text("id");
    let mut method = match card::from_test_name(&call, &mut changes, id).await? {
        Some(method) => method,
        None => call.path_object("id").await?,
    };
    if !may_attach(&method, Some(customer.id))? {
        return Ok(call.reply::<PaymentMethods>(&method));
    }
    if let CardCheck::Declined(error) = check(&call, &mut changes, &method).await? {
        call.commit(changes, &Err(error.clone())).await?;
        return Err(error.into());
    }
    customer::attach(&mut changes, &mut customer, &mut method);
    call.commit_and_show::<PaymentMethods>(changes, &method).await
}

async fn detach(call: Call, _: NoParams) -> Result<Reply> {
    let mut method = call.path_object::<PaymentMethod>("id").await?;
    let Some(customer) = method.customer else {
        let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
        return Err(ApiError::coded("payment_method_unexpected_state", message).into());
    };
    let mut customer = call.referenced::<Customer>(customer).await?;
    let mut changes = call.changes();
    customer::detach(&mut changes, &mut customer, &mut method);
    call.commit_and_show::<PaymentMethods>(changes, &method).await
}

/// All payment methods of a customer.
pub async fn all_of(call: &Call, customer: ObjectId) -> Result<Vec<Versioned<PaymentMethod>>> {
    let mut query = ListQuery { customer: Some(customer), ..api::list::all(Kind::PaymentMethod) };
    query.paging.limit = 100;
    let mut methods = Vec::new();
    loop {
        let page = match call.services.ledger.list(call.tenant_id(), &query).await {
            Err(LedgerError::TooLarge) if query.paging.limit > 1 => {
                query.paging.limit /= 2;
                continue;
            }
            page => page?,
        };
        for stored in &page.items {
            methods.push(decoded(stored)?);
        }
        query.paging.starting_after = page.items.last().map(|stored| stored.id);
        if !page.has_more {
            return Ok(methods);
        }
    }
}

impl Attempted for PaymentMethods {
    async fn related(_: &Call, _: &PaymentMethod) -> Result<()> {
        Ok(())
    }

    fn answer(method: &Versioned<PaymentMethod>, (): &(), Answering { call, decline, .. }: Answering) -> Outcome {
        match decline {
            None => Ok(call.reply::<Self>(method)),
            Some(decline) => Err(declined(decline)),
        }
    }
}

async fn narrow(call: Call, params: FilterParams, mut query: ListQuery) -> Result<ListQuery> {
    if let Some(id) = &params.customer {
        query.customer = Some(customer_lookup::of_param(&call, "customer", id).await?.id);
    }
    narrow_to_shown(&params.shown, &mut query);
    Ok(query)
}

async fn narrow_to_customer(call: Call, params: ShownParams, mut query: ListQuery) -> Result<ListQuery> {
    query.customer = Some(customer_lookup::of_path(&call, "id").await?.id);
    narrow_to_shown(&params, &mut query);
    Ok(query)
}

fn narrow_to_shown(params: &ShownParams, query: &mut ListQuery) {
    // There are only cards: asking for those is asking for all.
    let (Some(Choice(MethodType::Card)) | None) = params.kind;
    if let Some(choice) = chosen(params.allow_redisplay) {
        let said = FieldFilter::equal(&["allow_redisplay"], choice.as_str());
        query.fields.push(match choice {
            // The state leaves out a choice that was never made.
            AllowRedisplay::Unspecified => FieldFilter { operator: Operator::Exists, negated: true, ..said },
            _ => said,
        });
    }
}

async fn retrieve_of_customer(call: Call, _: NoParams) -> Result<Reply> {
    let customer = customer_lookup::of_path(&call, "customerId").await?;
    let method = call.path_object::<PaymentMethod>("id").await?;
    if method.customer == Some(customer.id) {
        Ok(call.reply::<PaymentMethods>(&method))
    } else {
        Err(ApiError::missing(PaymentMethod::NOUN, call.path_text("id"), None).into())
    }
}
