//! Analysts see nothing that opens something: no value of an attribute that a kind hides, wherever else a copy of it may be.

mod store;

use super::{in_process, sql_views};
use contracts::Ledger;
use domain::object::Path;
use ledger::{CommitterConfig, PgLedger, ScanConfig, Scans};
use platform::database::store::{ANALYST_ROLE, SERVICE_ROLE};
use serde_json::Value;
use std::collections::BTreeSet;
use testkit::{ManualClock, TestDatabase, tenant};
use types::Kind;

const RETURN: &str = "return_url=https%3A%2F%2Fshop.example.com";
const PAYMENT: &str = "amount=2000&currency=usd&confirm=true";

/// Requests after which there is an object with each hidden attribute, and a copy of each object that others hold copies of.
fn requests() -> Vec<(&'static str, String)> {
    let (declined, challenged) = ("pm_card_visa_chargeDeclined", "pm_card_authenticationRequired");
    vec![
        ("/v1/customers", "name=Ada&payment_method=pm_card_visa".to_owned()),
        ("/v1/payment_intents", format!("{PAYMENT}&payment_method=pm_card_visa")),
        ("/v1/payment_intents", format!("{PAYMENT}&payment_method={declined}")),
        ("/v1/payment_intents", format!("{PAYMENT}&payment_method={challenged}&{RETURN}")),
        ("/v1/setup_intents", format!("confirm=true&payment_method={declined}")),
        ("/v1/setup_intents", format!("confirm=true&payment_method={challenged}&{RETURN}")),
        ("/v1/charges", "amount=2000&currency=usd&source=tok_visa".to_owned()),
        ("/v1/charges", "amount=2000&currency=usd&source=tok_chargeDeclined".to_owned()),
    ]
}

fn at(state: &Value, path: Path) -> &Value {
    path.iter().fold(state, |value, name| &value[*name])
}

/// All states of a kind.
async fn states(ledger: &PgLedger, kind: Kind) -> Vec<Value> {
    let mut query = api::list::all(kind);
    query.paging.limit = 100;
    let page = ledger.list(tenant().id, &query).await.unwrap();
    page.items.iter().map(|stored| serde_json::from_str(&stored.state).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn analysts_see_no_value_that_a_kind_hides() {
    let database = TestDatabase::start().await;
    let mut admin = database.connect().await;
    let (clock, tenant, views) = (ManualClock::new(), tenant(), sql_views().unwrap());
    ledger::admin::ensure_roles(&admin).await.unwrap();
    ledger::admin::migrate(&mut admin).await.unwrap();
    let work = platform::database::store::begin_as_owner(&mut admin).await.unwrap();
    ledger::admin::open_books(&work, tenant.id, &views).await.unwrap();
    work.commit().await.unwrap();
    let pool = database.pool(SERVICE_ROLE, 4);
    let scans = Scans::new(pool.clone(), &ScanConfig::default());
    let ledger = PgLedger::new(pool, scans, clock.clone(), CommitterConfig::default());
    let api = in_process::api(ledger.clone(), clock);
    for (path, form) in requests() {
        let answer = in_process::post(&api, path, "", &form).await;
        assert!(matches!(answer.status, 200 | 402), "{path} {form}: {}", answer.body);
    }

    let mut secrets = BTreeSet::new();
    for view in &views {
        let mut states = states(&ledger, view.kind).await;
        let real =
            |state: &Value| view.hidden.iter().filter_map(|path| at(state, path).as_str().map(str::to_owned)).collect();
        secrets.extend(states.iter().flat_map(|state| -> Vec<String> { real(state) }));
        // An attribute that these requests give no value could be shown unnoticed, so each gets one more.
        for path in view.hidden {
            let (name, owner) = path.split_last().unwrap();
            let canary = format!("canary of {} {}", view.name, path.join("."));
            let state = states.iter_mut().find(|state| at(state, owner).is_object());
            let state = state.unwrap_or_else(|| panic!("no request of this test makes an object for a {canary}"));
            owner.iter().fold(&mut *state, |value, name| &mut value[*name])[*name] = Value::String(canary.clone());
            store::replace_state(&admin, state["id"].as_str().unwrap(), &state.to_string()).await;
            secrets.insert(canary);
        }
    }
    let real = secrets.iter().filter(|secret| !secret.starts_with("canary")).count();
    assert!(real >= 10, "client secrets, credentials and secrets of pages: {secrets:?}");

    let analyst = database.pool(ANALYST_ROLE, 1).get().await.unwrap();
    let seen = store::all_rows(&analyst).await;
    assert!(seen.iter().any(|row| row.contains("last_payment_error")), "the copies are among what is seen");
    for secret in secrets {
        let shows = seen.iter().find(|row| row.contains(&secret));
        assert!(shows.is_none(), "an analyst sees {secret}: {}", shows.unwrap());
    }
}
