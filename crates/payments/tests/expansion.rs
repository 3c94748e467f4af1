//! A request of few bytes can ask for a very large answer: the API limits answers, and holds an object once that it shows at many
//! places.

#![allow(clippy::unwrap_used)]

mod support;

use api::json::ANSWER_BYTES_MAX;
use processors::sandbox::SandboxConfig;
use serde_json::Value;
use support::{World, body};
use tokio::sync::Mutex;

/// One of these tests measures memory, which is the whole process's.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Metadata of as many bytes as it may have: a hundred thousand.
fn large_metadata() -> String {
    let value = "%F0%9F%98%80".repeat(500);
    (0..50).map(|number| format!("&metadata[k{number}]={value}")).collect()
}

async fn created(world: &World, path: &str, form: &str) -> Value {
    let answer = world.post(path, &[], form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    body(&answer)
}

/// The parameter that an answer says is wrong, if it is an error.
async fn wrong(world: &World, path: &str, query: &str) -> Option<String> {
    let answer = world.get(path, &[], query).await;
    assert!(matches!(answer.status, 200 | 400), "{}", answer.body);
    body(&answer)["error"]["param"].as_str().map(str::to_owned)
}

/// The most memory that this process has had, in bytes.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<usize>().ok().map(|kilobytes| kilobytes * 1024)
}

/// A GET of 254 bytes made an answer of 493 MB, and one copy more of each object for each place at which it was shown.
#[tokio::test]
async fn an_object_that_is_shown_at_many_places_is_held_once_and_an_answer_has_a_limit() {
    let _alone = ALONE.lock().await;
    let world = World::new(SandboxConfig::default());
    let customer = created(&world, "/v1/customers", &format!("name=Ada{}", large_metadata())).await;
    let customer = customer["id"].as_str().unwrap();
    for _ in 0..100 {
        let form = format!("amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa&customer={customer}");
        created(&world, "/v1/payment_intents", &form).await;
    }
    let paths = ["", "latest_charge.", "latest_charge.payment_intent.", "latest_charge.payment_intent.latest_charge."];
    let everywhere: String = paths.iter().map(|path| format!("&expand[]=data.{path}customer")).collect();
    let before = peak();
    assert_eq!(
        wrong(&world, "/v1/payment_intents", &format!("limit=100{everywhere}")).await.as_deref(),
        Some("expand")
    );
    if let (Some(before), Some(after)) = (before, peak()) {
        assert!(after - before < 32 << 20, "{} bytes for an answer that is refused", after - before);
    }

    let answer = body(&world.get("/v1/payment_intents", &[], &format!("limit=10{everywhere}")).await);
    for intent in answer["data"].as_array().unwrap() {
        let again = &intent["latest_charge"]["payment_intent"];
        for object in [intent, &intent["latest_charge"], again, &again["latest_charge"]] {
            assert_eq!(object["customer"]["name"], "Ada");
            assert_eq!(object["customer"]["metadata"].as_object().unwrap().len(), 50);
        }
        // What is not asked for stays a reference, also of an object that is there.
        assert!(again["latest_charge"]["payment_intent"].is_string() && intent["payment_method"].is_string());
    }
}

/// What is still to be read is limited by what has been: the objects of one round were read, and made ready to be shown, before
/// they were counted.
#[tokio::test]
async fn no_more_is_read_for_an_answer_than_it_may_have() {
    let _alone = ALONE.lock().await;
    let world = World::new(SandboxConfig::default());
    for _ in 0..30 {
        let customer = created(&world, "/v1/customers", &format!("name=Ada{}", large_metadata())).await;
        let customer = customer["id"].as_str().unwrap();
        let form = format!("amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa&customer={customer}");
        created(&world, "/v1/payment_intents", &format!("{form}{}", large_metadata())).await;
    }
    world.ledger.take_bytes_read();
    assert_eq!(wrong(&world, "/v1/payment_intents", "limit=30").await, None);
    let page = world.ledger.take_bytes_read();
    let expand = "&expand[]=data.customer&expand[]=data.latest_charge.payment_intent";
    let refused = wrong(&world, "/v1/payment_intents", &format!("limit=30{expand}")).await;
    assert_eq!(refused.as_deref(), Some("expand"));
    let read = world.ledger.take_bytes_read() - page;
    assert!(read <= ANSWER_BYTES_MAX, "{read} bytes are read for an answer that may have {ANSWER_BYTES_MAX}");
}

#[tokio::test]
async fn a_page_has_a_limit_of_bytes() {
    let _alone = ALONE.lock().await;
    let world = World::new(SandboxConfig::default());
    let form = format!("name=Ada{}", large_metadata());
    for _ in 0..100 {
        created(&world, "/v1/customers", &form).await;
    }
    assert_eq!(wrong(&world, "/v1/customers", "limit=100").await.as_deref(), Some("limit"));
    assert_eq!(wrong(&world, "/v1/customers", "limit=50").await, None);
}

/// What has to be read for a decision is read in smaller parts; what is only shown is refused, and says what to ask for.
#[tokio::test]
async fn a_customer_is_deleted_however_large_the_saved_cards() {
    let _alone = ALONE.lock().await;
    let world = World::new(SandboxConfig::default());
    let customer = created(&world, "/v1/customers", "name=Ada").await;
    let customer = customer["id"].as_str().unwrap();
    let mut cards = Vec::new();
    for _ in 0..5 {
        let form = format!("usage=off_session&confirm=true&payment_method=pm_card_visa&customer={customer}");
        cards.push(created(&world, "/v1/setup_intents", &form).await["payment_method"].as_str().unwrap().to_owned());
    }
    let form = "amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa";
    let intent = created(&world, "/v1/payment_intents", form).await["id"].as_str().unwrap().to_owned();
    world.ledger.pages_have_room_for(2);
    let deleted = world.send(&http::Method::DELETE, "/v1/customers/{id}", &[("id", customer)], "", None).await;
    assert_eq!((deleted.status, &body(&deleted)["deleted"]), (200, &true.into()), "{}", deleted.body);
    for card in &cards {
        assert_eq!(world.object("/v1/payment_methods/{id}", card).await["customer"], Value::Null);
    }
    world.ledger.pages_have_room_for(0);
    let query = format!("payment_intent={intent}");
    assert_eq!(wrong(&world, "/v1/refunds", &query).await.as_deref(), Some("limit"));
}

/// What has had an effect is never answered by an error because of what was to be shown of it.
#[tokio::test]
async fn a_change_is_answered_without_what_is_too_large_to_be_shown() {
    let _alone = ALONE.lock().await;
    let world = World::new(SandboxConfig::default());
    let form = format!("amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa{}", large_metadata());
    let charge = created(&world, "/v1/payment_intents", &form).await["latest_charge"].as_str().unwrap().to_owned();
    for _ in 0..10 {
        created(&world, "/v1/refunds", &format!("charge={charge}&amount=1")).await;
    }
    let expand = "&expand[]=refunds.data.charge.refunds.data.payment_intent";
    let (path, id) = ("/v1/charges/{id}", [("id", charge.as_str())]);
    let read = world.get(path, &id, expand).await;
    assert_eq!((read.status, &body(&read)["error"]["param"]), (400, &"expand".into()), "{}", read.body.len());
    let form = format!("description=D{expand}");
    let changed = world.send(&http::Method::POST, path, &id, &form, Some("key".to_owned())).await;
    assert_eq!((changed.status, &body(&changed)["description"]), (200, &"D".into()));
    assert_eq!(body(&changed)["refunds"], Value::Null);
    let repeated = world.send(&http::Method::POST, path, &id, &form, Some("key".to_owned())).await;
    assert_eq!((repeated.status, repeated.replayed, repeated.body), (200, true, changed.body));
    let less = world.get(path, &id, "&expand[]=refunds.charge").await;
    assert_eq!(body(&less)["refunds"]["data"][9]["charge"]["description"], "D");
}

#[tokio::test]
async fn lists_of_parameters_have_a_maximum() {
    let _alone = ALONE.lock().await;
    let world = World::new(SandboxConfig::default());
    for (path, name, item, most) in [
        ("/v1/customers", "preferred_locales", "en-GB", 20),
        ("/v1/customers", "expand", "invoice_settings.default_payment_method", 50),
        ("/v1/setup_intents", "payment_method_types", "card", 50),
    ] {
        let form = |count: usize| format!("{name}[]={item}&").repeat(count);
        assert_eq!(world.post(path, &[], &form(most)).await.status, 200, "{name}");
        let refused = world.post(path, &[], &form(most + 1)).await;
        assert_eq!((refused.status, body(&refused)["error"]["param"].as_str()), (400, Some(name)));
    }
    for wrong in ["preferred_locales[]=en GB", &format!("preferred_locales[]={}", "x".repeat(36))] {
        let refused = world.post("/v1/customers", &[], wrong).await;
        assert_eq!((refused.status, body(&refused)["error"]["param"].as_str()), (400, Some("preferred_locales[0]")));
    }
}
