//! A kept answer that is an object is rendered anew from its stored state, also after an upgrade: `docs/replays.md`. The
//! snapshots are states as a release has stored them, with the bytes that it has answered.

use super::in_process;
use super::tests::all;
use api::endpoint::Returns;
use api::json::pretty;
use api::kinds::Facts;
use api::resource::Audience;
use contracts::Ledger;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use testkit::{ManualClock, ModelLedger, tenant};
use types::{Clock, Kind, ObjectId};

/// What begins a part of a snapshot.
const MARK: &str = "=== ";

/// Requests that make objects of all kinds with all that they can have, each with its path and its form. `{name}` stands for the
/// id of the object that an earlier request has made under that name.
const REQUESTS: &[(&str, &str, &str)] = &[
    ("bare customer", "/v1/customers", ""),
    (
        "customer",
        "/v1/customers",
        "name=Ada&business_name=B&individual_name=A&email=a@b.example&phone=1&description=D&metadata[k]=v&preferred_locales[]=fr\
         &address[city]=Vigo&address[country]=ES&shipping[name]=Ada&shipping[phone]=2&shipping[address][line1]=Street",
    ),
    ("bare card", "/v1/payment_methods", "type=card&card[token]=tok_visa"),
    (
        "card",
        "/v1/payment_methods",
        "type=card&card[number]=5555555555554444&card[exp_month]=12&card[exp_year]=2030&card[cvc]=123&metadata[k]=v\
         &allow_redisplay=always&billing_details[name]=Ada&billing_details[email]=a@b.example&billing_details[phone]=1\
         &billing_details[address][line1]=Street&billing_details[address][postal_code]=12345",
    ),
    ("attached", "/v1/payment_methods/{card}/attach", "customer={customer}"),
    ("its customer", "/v1/customers/{customer}", "invoice_settings[default_payment_method]={card}"),
    ("bare intent", "/v1/payment_intents", "amount=2000&currency=usd"),
    (
        "described intent",
        "/v1/payment_intents",
        "amount=2000&currency=eur&customer={customer}&payment_method={card}&description=D&metadata[k]=v&receipt_email=a@b.example\
         &setup_future_usage=off_session&statement_descriptor=SHOP&statement_descriptor_suffix=ORDER&transfer_group=G\
         &shipping[name]=Ada&shipping[carrier]=C&shipping[tracking_number]=T&shipping[address][city]=Vigo\
         &amount_details[discount_amount]=1&amount_details[tax][total_tax_amount]=2&amount_details[shipping][amount]=3\
         &payment_details[customer_reference]=C&payment_details[order_reference]=O&confirmation_method=manual\
         &payment_method_types[]=card&payment_method_options[card][request_three_d_secure]=any\
         &payment_method_options[card][capture_method]=manual&payment_method_options[card][setup_future_usage]=on_session\
         &payment_method_options[card][request_multicapture]=if_available\
         &payment_method_options[card][request_overcapture]=if_available\
         &payment_method_options[card][request_incremental_authorization]=if_available",
    ),
    ("canceled intent", "/v1/payment_intents/{described intent}/cancel", "cancellation_reason=duplicate"),
    ("to decline", "/v1/payment_intents", "amount=2000&currency=usd"),
    ("declined intent", "/v1/payment_intents/{to decline}/confirm", "payment_method=pm_card_visa_chargeDeclined"),
    ("after a decline", "/v1/payment_intents/{to decline}/cancel", ""),
    (
        "redirecting intent",
        "/v1/payment_intents",
        "amount=2000&currency=usd&confirm=true&payment_method=pm_card_authenticationRequired&return_url=https://shop.example",
    ),
    (
        "challenging intent",
        "/v1/payment_intents",
        "amount=2000&currency=usd&confirm=true&payment_method=pm_card_authenticationRequired",
    ),
    (
        "authorized intent",
        "/v1/payment_intents",
        "amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa&capture_method=manual",
    ),
    ("captured intent", "/v1/payment_intents/{authorized intent}/capture", "amount_to_capture=1500"),
    ("bare setup", "/v1/setup_intents", ""),
    (
        "setup",
        "/v1/setup_intents",
        "confirm=true&customer={customer}&payment_method={card}&usage=on_session&description=D&metadata[k]=v",
    ),
    (
        "redirecting setup",
        "/v1/setup_intents",
        "confirm=true&payment_method=pm_card_authenticationRequired&return_url=https://shop.example",
    ),
    ("setup to decline", "/v1/setup_intents", ""),
    ("declined setup", "/v1/setup_intents/{setup to decline}/confirm", "payment_method=pm_card_visa_chargeDeclined"),
    ("canceled setup", "/v1/setup_intents/{setup to decline}/cancel", "cancellation_reason=abandoned"),
    ("authorized charge", "/v1/charges", "amount=2000&currency=usd&source=tok_visa&capture=false"),
    (
        "charge",
        "/v1/charges",
        "amount=2000&currency=usd&customer={customer}&source={card}&description=D&metadata[k]=v&receipt_email=a@b.example\
         &statement_descriptor_suffix=ORDER&transfer_group=G&shipping[name]=Ada&shipping[address][city]=Vigo",
    ),
    ("reported charge", "/v1/charges/{charge}", "fraud_details[user_report]=safe"),
    ("refund", "/v1/refunds", "charge={charge}&amount=500&reason=requested_by_customer&metadata[k]=v"),
    ("released charge", "/v1/refunds", "charge={authorized charge}"),
    ("pending charge", "/v1/charges", "amount=2000&currency=usd&source=tok_pendingRefund"),
    ("pending refund", "/v1/refunds", "charge={pending charge}"),
    ("canceled refund", "/v1/refunds/{pending refund}/cancel", ""),
    ("detached", "/v1/payment_methods/{card}/detach", ""),
];

/// An object as it was stored and answered.
struct Kept {
    name: String,
    state: String,
    /// To a secret key, and to a publishable one.
    answers: [String; 2],
}

/// Whatever an answer depends on besides the state.
fn audience(public: bool) -> Audience {
    let now = ManualClock::new().now();
    Audience { tenant: tenant().id, livemode: false, now, public, public_url: "http://localhost".into() }
}

fn answers(facts: &Facts, state: &str) -> [String; 2] {
    [false, true].map(|public| pretty(&(facts.render)(state, &audience(public)).expect("the state can be read")))
}

fn file_of(kind: Kind) -> PathBuf {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/areas/snapshots"));
    directory.join(format!("{}.txt", kind.name()))
}

fn read(kind: Kind) -> Option<Vec<Kept>> {
    let text = std::fs::read_to_string(file_of(kind)).ok()?;
    let parts: Vec<(&str, &str)> = text.split(MARK).skip(1).filter_map(|part| part.split_once('\n')).collect();
    let kept = parts.chunks_exact(3).map(|parts| {
        let [state, secret, public] = [0, 1, 2].map(|at| parts[at].1.trim_end().to_owned());
        Kept { name: parts[0].0.to_owned(), state, answers: [secret, public] }
    });
    Some(kept.collect())
}

fn write(kind: Kind, kept: &[Kept]) {
    let text = kept.iter().map(|Kept { name, state, answers: [secret, public] }| {
        format!("{MARK}{name}\n{state}\n{MARK}to a secret key\n{secret}\n{MARK}to a publishable key\n{public}\n")
    });
    std::fs::write(file_of(kind), text.collect::<String>()).expect("a snapshot can be written");
}

/// What the requests are answered with now, by kind.
async fn made() -> BTreeMap<Kind, Vec<Kept>> {
    let clock = ManualClock::new();
    let ledger = ModelLedger::new(clock.clone());
    ledger.create_tenant(tenant().id);
    let api = in_process::api(ledger.clone(), clock);
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let mut made: BTreeMap<Kind, Vec<Kept>> = BTreeMap::new();
    for (name, path, form) in REQUESTS {
        let filled =
            |text: &str| ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id));
        let id =
            path.split_once('{').and_then(|(_, rest)| ids.get(rest.split_once('}')?.0)).cloned().unwrap_or_default();
        let path = path.split_once('{').map_or((*path).to_owned(), |(first, rest)| {
            format!("{first}{{id}}{}", rest.split_once('}').map_or("", |(_, rest)| rest))
        });
        let answer = in_process::post(&api, &path, &id, &filled(form)).await;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        let Some(id) = body["id"].as_str().and_then(|id| id.parse::<ObjectId>().ok()) else {
            assert_eq!(answer.status, 402, "{name}: {body}");
            continue;
        };
        let stored = ledger.objects(tenant().id, &[id]).await.unwrap().into_iter().flatten().next().unwrap();
        let answers = answers(api.services.kinds.facts(id.kind).unwrap(), &stored.state);
        assert_eq!(answers[0], answer.body, "{name}");
        ids.insert((*name).to_owned(), id.to_string());
        let kept = Kept { name: (*name).to_owned(), state: stored.state.clone(), answers };
        made.entry(id.kind).or_default().push(kept);
    }
    made
}

#[tokio::test]
async fn a_kept_answer_is_the_same_after_an_upgrade() {
    let registry = all();
    let made = made().await;
    for endpoint in registry.endpoints.iter().filter(|endpoint| endpoint.method == Method::POST) {
        let Returns::Object(kind) = endpoint.returns else { continue };
        let now =
            made.get(&kind).unwrap_or_else(|| panic!("`REQUESTS` makes no {kind}, which {} answers", endpoint.path));
        if read(kind).is_none() && std::env::var_os("UPDATE").is_some() {
            write(kind, now);
        }
        let file = file_of(kind);
        let kept = read(kind).unwrap_or_else(|| panic!("UPDATE=1 writes {}, which is missing", file.display()));
        assert!(!kept.is_empty(), "{}", file.display());
        for Kept { name, state, answers: before } in kept {
            assert_eq!(
                answers(registry.kinds.facts(kind).unwrap(), &state),
                before,
                "the answer `{name}` of {} would be another one after an upgrade, but callers were promised the same bytes for 30 \
                 days. docs/replays.md says what may change and how.",
                file.display()
            );
        }
    }
}
