//! What a payer may say with a publishable key: each parameter of each operation that such keys open is a decision, written down
//! here, and what the merchant has set stays.

use super::in_process::{self, post, send};
use super::tests::all;
use api::Api;
use api::endpoint::Access;
use contracts::KeyKind;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use testkit::{ManualClock, ModelLedger, tenant};

/// Who decides what a parameter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decides {
    /// The payer.
    Payer,
    /// The merchant; a payer may not even give it.
    Merchant,
    /// The payer, unless the merchant has said something else.
    MerchantFirst,
}
use Decides::{Merchant, MerchantFirst, Payer};

/// A parameter, what a payer gives, and who decides.
type Decision = (&'static str, &'static str, Decides);

const DATA: &str = "payment_method_data[type]=card&payment_method_data[card][token]=tok_visa\
    &payment_method_data[billing_details][name]=Eve&payment_method_data[billing_details][address][city]=Bari";
const SHIPPING: &str = "shipping[name]=Eve&shipping[address][city]=Bari";

/// The operations that publishable keys open. `SECRET` stands for the client secret.
const DECISIONS: &[(&str, &str, &[Decision])] = &[
    ("GET", "/v1/payment_intents/{id}", &[("client_secret", "client_secret=SECRET", Payer)]),
    (
        "POST",
        "/v1/payment_intents/{id}/confirm",
        &[
            ("amount_details", "amount_details[discount_amount]=7", Merchant),
            ("amount_to_confirm", "amount_to_confirm=2000", Payer),
            ("capture_method", "capture_method=manual", Merchant),
            ("client_secret", "client_secret=SECRET", Payer),
            ("error_on_requires_action", "error_on_requires_action=true", Merchant),
            ("off_session", "off_session=true", Merchant),
            ("payment_details", "payment_details[order_reference]=E", Merchant),
            ("payment_method", "payment_method=pm_card_mastercard", Payer),
            ("payment_method_data", DATA, Payer),
            ("payment_method_options", "payment_method_options[card][request_three_d_secure]=automatic", Merchant),
            ("receipt_email", "receipt_email=eve@b.example", MerchantFirst),
            ("return_url", "return_url=https://eve.example", Payer),
            ("setup_future_usage", "setup_future_usage=on_session", MerchantFirst),
            ("shipping", SHIPPING, MerchantFirst),
            ("use_stripe_sdk", "use_stripe_sdk=true", Payer),
        ],
    ),
    ("GET", "/v1/setup_intents/{id}", &[("client_secret", "client_secret=SECRET", Payer)]),
    (
        "POST",
        "/v1/setup_intents/{id}/confirm",
        &[
            ("client_secret", "client_secret=SECRET", Payer),
            ("payment_method", "payment_method=pm_card_mastercard", Payer),
            ("payment_method_data", DATA, Payer),
            ("payment_method_options", "payment_method_options[card][request_three_d_secure]=automatic", Merchant),
            ("return_url", "return_url=https://eve.example", Payer),
            ("use_stripe_sdk", "use_stripe_sdk=true", Payer),
        ],
    ),
    (
        "POST",
        "/v1/payment_methods",
        &[
            ("allow_redisplay", "allow_redisplay=always", Payer),
            ("billing_details", "billing_details[name]=Eve", Payer),
            ("card", "card[token]=tok_visa", Payer),
            ("metadata", "metadata[k]=v", Payer),
            ("type", "type=card", Payer),
        ],
    ),
];

/// What becomes of an intent by confirming it; the rest is the merchant's.
const CONFIRMED: &[&str] = &[
    "amount_received",
    "last_payment_error",
    "last_setup_error",
    "latest_attempt",
    "latest_charge",
    "next_action",
    "payment_method",
    "status",
];

/// An intent on which the merchant has said nothing that need not be said, and one on which the merchant has said everything.
fn made(path: &str) -> Option<[(&'static str, &'static str); 2]> {
    match path.split('/').nth(2)? {
        "payment_intents" => {
            let all = "amount=2000&currency=usd&payment_method=pm_card_visa&payment_method_types[]=card&receipt_email=a@b.example\
                &setup_future_usage=off_session&shipping[name]=Ada&shipping[address][city]=Vigo&description=D&metadata[k]=v\
                &statement_descriptor_suffix=ORDER&transfer_group=G&payment_details[order_reference]=O\
                &amount_details[discount_amount]=1&payment_method_options[card][request_three_d_secure]=any";
            Some([
                ("/v1/payment_intents", "amount=2000&currency=usd&payment_method=pm_card_visa"),
                ("/v1/payment_intents", all),
            ])
        }
        "setup_intents" => {
            let all = "payment_method=pm_card_visa&payment_method_types[]=card&usage=on_session&description=D&metadata[k]=v\
                &payment_method_options[card][request_three_d_secure]=any";
            Some([("/v1/setup_intents", "payment_method=pm_card_visa"), ("/v1/setup_intents", all)])
        }
        _ => None,
    }
}

fn new_api() -> Arc<Api> {
    let clock = ManualClock::new();
    let ledger = ModelLedger::new(clock.clone());
    ledger.create_tenant(tenant().id);
    in_process::api(ledger, clock)
}

/// The merchant's part of an intent.
async fn merchants_part(api: &Arc<Api>, path: &str, id: &str) -> Value {
    let answer = send(api, &Method::GET, &format!("{path}/{{id}}"), id, "", KeyKind::Secret).await;
    let mut intent: Value = serde_json::from_str(&answer.body).unwrap();
    intent.as_object_mut().unwrap().retain(|name, _| !CONFIRMED.contains(&name.as_str()));
    intent
}

#[test]
fn each_parameter_that_a_payer_could_give_is_a_decision() {
    let registry = all();
    let open: Vec<_> = registry.endpoints.iter().filter(|endpoint| endpoint.access != Access::Secret).collect();
    assert_eq!(open.len(), DECISIONS.len());
    for endpoint in open {
        let at = (endpoint.method.as_str(), endpoint.path);
        let decisions = DECISIONS.iter().find(|(method, path, _)| (*method, *path) == at);
        let (.., decisions) = decisions.unwrap_or_else(|| panic!("{at:?} is open to payers: decide what they may say"));
        let declared: BTreeSet<&str> =
            endpoint.params["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let decided: BTreeSet<&str> = decisions.iter().map(|(param, ..)| *param).collect();
        assert_eq!(decided, declared, "{at:?}");
        for (param, _, decides) in *decisions {
            assert_eq!(endpoint.is_payers(param), *decides != Merchant, "{param} of {at:?}");
        }
        let Access::Publishable { params } = endpoint.access else { continue };
        assert!(params.iter().all(|param| declared.contains(param)), "{at:?} has no such parameter: {params:?}");
    }
}

/// Payers have turned 3-D Secure off that the merchant had asked for, and have had goods sent elsewhere.
#[tokio::test]
async fn what_the_merchant_has_set_stays() {
    for (method, path, decisions) in DECISIONS.iter().filter(|(method, ..)| *method == "POST") {
        for (param, form, decides) in *decisions {
            let Some(made) = made(path) else { continue };
            for (says_all, (resource, merchants_form)) in made.into_iter().enumerate() {
                let at = format!("{method} {path} {param}, says_all {says_all}");
                let api = new_api();
                let intent: Value = serde_json::from_str(&post(&api, resource, "", merchants_form).await.body).unwrap();
                let (id, secret) = (intent["id"].as_str().unwrap(), intent["client_secret"].as_str().unwrap());
                let before = merchants_part(&api, resource, id).await;
                let form = format!("client_secret={secret}&{}", form.replace("SECRET", secret));
                let answer = send(&api, &Method::POST, path, id, &form, KeyKind::Publishable).await;
                let error: Value = serde_json::from_str(&answer.body).unwrap();
                let after = merchants_part(&api, resource, id).await;
                let is_refused = match decides {
                    Payer => false,
                    Merchant => true,
                    MerchantFirst => says_all == 1,
                };
                if is_refused {
                    assert_eq!(
                        (answer.status, error["error"]["param"].as_str()),
                        (400, Some(*param)),
                        "{at}: {}",
                        answer.body
                    );
                    let code =
                        if *decides == Merchant { "secret_key_required" } else { "payment_intent_invalid_parameter" };
                    assert_eq!(error["error"]["code"], code, "{at}");
                } else {
                    assert_eq!(answer.status, 200, "{at}: {}", answer.body);
                }
                if is_refused || *decides == Payer {
                    assert_eq!(after, before, "{at}");
                } else {
                    assert_ne!(after[param], before[param], "{at}");
                }
            }
        }
    }
}

/// With a publishable key the use of a card can be extended, and what a payer has said can be said anew.
#[tokio::test]
async fn a_payer_may_correct_what_the_payer_has_said() {
    let api = new_api();
    let made = post(&api, "/v1/payment_intents", "", "amount=2000&currency=usd&setup_future_usage=on_session").await;
    let made: Value = serde_json::from_str(&made.body).unwrap();
    let (id, secret) = (made["id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
    let confirm = async |form: &str| {
        let path = "/v1/payment_intents/{id}/confirm";
        let form = format!("client_secret={secret}&payment_method=pm_card_visa_chargeDeclined&{form}");
        send(&api, &Method::POST, path, id, &form, KeyKind::Publishable).await.status
    };
    assert_eq!(confirm("receipt_email=eve@b.example&shipping[name]=Eve&shipping[address][city]=Bari").await, 402);
    assert_eq!(confirm("receipt_email=eva@b.example&shipping[name]=Eve&shipping[address][city]=Rome").await, 402);
    assert_eq!(confirm("setup_future_usage=").await, 400);
    assert_eq!(confirm("setup_future_usage=off_session").await, 402);
    assert_eq!(confirm("setup_future_usage=on_session").await, 400);
    assert_eq!(confirm("setup_future_usage=off_session").await, 402, "it is so already");

    // What the merchant has corrected is the merchant's, and saying the same is no change.
    post(&api, "/v1/payment_intents/{id}", id, "receipt_email=ada@b.example").await;
    assert_eq!(confirm("receipt_email=eve@b.example").await, 400);
    assert_eq!(confirm("receipt_email=").await, 400);
    assert_eq!(confirm("receipt_email=ada@b.example&shipping[name]=Eve&shipping[address][city]=Pisa").await, 402);
    let intent = merchants_part(&api, "/v1/payment_intents", id).await;
    assert_eq!(
        (&intent["receipt_email"], &intent["shipping"]["address"]["city"]),
        (&"ada@b.example".into(), &"Pisa".into())
    );
}
