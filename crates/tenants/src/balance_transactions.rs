//! Balance transactions: the lines of the tenant's statement.

use api::Registry;
use api::call::Call;
use api::error::{ApiError, Result};
use api::json::Json::{self, Null};
use api::resource::{Audience, Expandable, Resource, Schema, reference_to_any};
use api::{object, params};
use contracts::{FieldFilter, ListQuery};
use domain::books::balance_transaction::BalanceTransaction;
use types::{Currency, ObjectId};

params! {
    pub struct FilterParams {
        pub currency: Option<Currency>,
        /// The charge or refund behind the transaction.
        pub source: Option<String>,
        pub category as "type": Option<String>,
    }
}

pub fn register(registry: &mut Registry) {
    registry.resource::<BalanceTransactions>();
    registry.list::<BalanceTransactions, _, _, _>("/v1/balance_transactions", narrow);
    registry.retrieve::<BalanceTransactions>("/v1/balance_transactions/{id}");
}

async fn narrow(_: Call, params: FilterParams, mut query: ListQuery) -> Result<ListQuery> {
    if let Some(id) = &params.source {
        let missing = |_| ApiError::missing("source", id, Some("source"));
        query.parents = vec![id.parse::<ObjectId>().map_err(missing)?];
    }
    let currency = params.currency.map(|currency| ("currency", currency.to_string()));
    let category = params.category.map(|category| ("type", category));
    query.fields.extend(currency.into_iter().chain(category).map(|(name, value)| FieldFilter::equal(&[name], value)));
    Ok(query)
}

/// `/v1/balance_transactions`.
pub struct BalanceTransactions;

impl Resource for BalanceTransactions {
    type Object = BalanceTransaction;

    const PATH: &'static str = "/v1/balance_transactions";
    const SCHEMA: Schema = Schema::Stripe;
    const EXPANDABLE: &'static [Expandable] = &[reference_to_any("source")];

    const PUBLIC: &'static [&'static str] = &[];
    const EVENTS_WITH_PREVIOUS: &'static [&'static str] = &[];

    fn render<'a>(transaction: &'a BalanceTransaction, audience: &Audience) -> Json<'a> {
        let fee_details = match transaction.fee {
            0 => Vec::new(),
            fee => vec![object! {
                "amount": fee,
                "application": Null,
                "currency": transaction.currency,
                "description": "Processing fees",
                "type": "stripe_fee",
            }],
        };
        object! {
            "id": transaction.id,
            "object": "balance_transaction",
            "amount": transaction.amount,
            "available_on": transaction.available_on.seconds(),
            "balance_type": "payments",
            "created": transaction.created.seconds(),
            "currency": transaction.currency,
            "description": &transaction.description,
            "exchange_rate": Null,
            "fee": transaction.fee,
            "fee_details": fee_details,
            "net": transaction.net(),
            "reporting_category": transaction.category.as_str(),
            "source": transaction.source,
            "status": if transaction.available_on <= audience.now { "available" } else { "pending" },
            "type": transaction.category.as_str(),
        }
    }
}
