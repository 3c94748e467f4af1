//! Balance transactions: the lines of the merchant's statement.

use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::json::Json::{self, Null};
use crate::registry::Registry;
use crate::resource::{Expandable, Resource, View, reference};
use crate::{object, params};
use contracts::{FieldFilter, ListQuery};
use domain::balance_transaction::BalanceTransaction;
use types::{Currency, Kind, ObjectId};

params! {
    pub struct FilterParams {
        pub currency: Option<Currency>,
        /// The charge or refund behind the transaction.
        pub source: Option<String>,
        pub entry as "type": Option<String>,
    }
}

pub fn register(registry: &mut Registry) {
    registry.resource::<BalanceTransaction>();
    registry.list::<BalanceTransaction, _, _, _>("/v1/balance_transactions", narrow);
    registry.retrieve::<BalanceTransaction>("/v1/balance_transactions/{id}");
}

async fn narrow(_: Call, params: FilterParams, mut query: ListQuery) -> Result<ListQuery> {
    if let Some(id) = &params.source {
        let source = [Kind::Charge, Kind::Refund].into_iter().find_map(|kind| ObjectId::parse(kind, id));
        let missing = || ApiError::coded("resource_missing", format!("No such source: '{id}'")).param("source");
        query.parents = vec![source.ok_or_else(missing)?];
    }
    let currency = params.currency.map(|currency| ("currency", currency.to_string()));
    let entry = params.entry.map(|entry| ("type", entry));
    query.fields.extend(currency.into_iter().chain(entry).map(|(name, value)| FieldFilter::equal(&[name], value)));
    Ok(query)
}

impl Resource for BalanceTransaction {
    const EXPANDABLE: &'static [Expandable] = &[reference("source", &[Kind::Charge, Kind::Refund])];

    fn render(&self, view: &View) -> Json<'_> {
        let fee_details = match self.fee {
            0 => Vec::new(),
            fee => vec![object! {
                "amount": fee,
                "application": Null,
                "currency": self.currency,
                "description": "Processing fees",
                "type": "stripe_fee",
            }],
        };
        object! {
            "id": self.id,
            "object": "balance_transaction",
            "amount": self.amount,
            "available_on": self.available_on.seconds(),
            "balance_type": "payments",
            "created": self.created.seconds(),
            "currency": self.currency,
            "description": &self.description,
            "exchange_rate": Null,
            "fee": self.fee,
            "fee_details": fee_details,
            "net": self.net(),
            "reporting_category": self.entry.as_str(),
            "source": self.source,
            "status": if self.available_on <= view.now { "available" } else { "pending" },
            "type": self.entry.as_str(),
        }
    }
}
