//! The merchant's balance: computed from the books now, or as it was when funds became available.

use crate::call::Call;
use crate::error::Result;
use crate::json::Json;
use crate::object;
use crate::params::NoParams;
use crate::registry::{Registry, Returns};
use crate::reply::Reply;
use crate::resource::{Resource, View};
use domain::account::{AVAILABLE_PREFIX, PENDING_PREFIX};
use domain::balance::{Funds, Line, Snapshot};
use std::collections::BTreeSet;
use types::{Currency, Kind};

pub fn register(registry: &mut Registry) {
    registry.resource::<Snapshot>();
    registry.get("/v1/balance", Returns::Object(Kind::Balance), retrieve);
}

async fn retrieve(call: Call, _: NoParams) -> Result<Reply> {
    let mut lines = Vec::new();
    for prefix in [PENDING_PREFIX, AVAILABLE_PREFIX] {
        let balances = call.api.ledger.balances(call.tenant_id(), prefix).await?;
        lines.extend(balances.into_iter().map(|balance| Line {
            currency: balance.currency(),
            credits: balance.credits_posted,
            debits: balance.debits_posted,
            code: balance.account.code,
        }));
    }
    let funds = Funds::of(&lines, call.now);
    Ok(Reply::value(render(&funds, Some(call.tenant().settings.default_currency), call.caller.livemode)))
}

impl Resource for Snapshot {
    fn render(&self, view: &View) -> Json<'_> {
        render(&self.funds, None, view.livemode)
    }
}

/// Every currency that is anywhere is in both lists, and so is the one that must always be there.
fn render(funds: &Funds, always: Option<Currency>, livemode: bool) -> Json<'static> {
    let always = always.map(|currency| currency.to_string());
    let currencies: BTreeSet<&String> = funds.available.keys().chain(funds.pending.keys()).chain(&always).collect();
    let amounts = |side: &std::collections::BTreeMap<String, i64>| -> Vec<Json<'static>> {
        let shown = currencies.iter().map(|currency| {
            let amount = side.get(*currency).copied().unwrap_or_default();
            object! { "amount": amount, "currency": (*currency).clone(), "source_types": object! { "card": amount } }
        });
        shown.collect()
    };
    object! {
        "object": "balance",
        "available": amounts(&funds.available),
        "livemode": livemode,
        "pending": amounts(&funds.pending),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn each_currency_is_in_both_lists() {
        let mut funds = Funds::default();
        funds.available.insert("eur".to_owned(), -5);
        funds.pending.insert("usd".to_owned(), 940);
        let balance = Value::from(render(&funds, Some(Currency::USD), false));
        assert_eq!(
            balance["available"],
            json!([
                { "amount": -5, "currency": "eur", "source_types": { "card": -5 } },
                { "amount": 0, "currency": "usd", "source_types": { "card": 0 } },
            ])
        );
        assert_eq!(balance["pending"][1]["amount"], 940);
        let empty = Value::from(render(&Funds::default(), Some(Currency::USD), false));
        assert_eq!(empty["available"], empty["pending"]);
        assert_eq!(empty["pending"][0]["currency"], "usd");
    }
}
