//! What a decision has looked at changes before the decision is written: it is made again. The other request is put between
//! the reading and the writing of the first, so that no test depends on chance.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use http::Method;
use processors::sandbox::SandboxConfig;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use support::World;

/// A path, in which `{name}` stands for an object of [`Shop`], and a form. An empty form deletes a customer.
type Step = (&'static str, &'static str);

const DELETE: Step = ("DELETE /v1/customers/{customer}", "");
const DETACH: Step = ("POST /v1/payment_methods/{saved}/detach", "");

/// A customer with a saved card, and what else takes part.
struct Shop {
    world: Arc<World>,
    ids: BTreeMap<&'static str, String>,
}

impl Shop {
    async fn new() -> Self {
        let world = Arc::new(World::new(SandboxConfig::default()));
        let mut shop = Shop { world, ids: BTreeMap::new() };
        let saving = "customer={customer}&payment_method={card}";
        shop.make("customer", "POST /v1/customers", "payment_method=pm_card_visa").await;
        shop.make("card", "POST /v1/payment_methods", "type=card&card[token]=tok_visa").await;
        shop.make("payment", "POST /v1/payment_intents", &format!("{SALE}&{saving}&setup_future_usage=off_session"))
            .await;
        shop.make("setup", "POST /v1/setup_intents", saving).await;
        shop.make("open payment", "POST /v1/payment_intents", SALE).await;
        shop.make("own payment", "POST /v1/payment_intents", &format!("{SALE}&customer={{customer}}")).await;
        shop.make("open setup", "POST /v1/setup_intents", "").await;
        shop.make("own setup", "POST /v1/setup_intents", "customer={customer}&usage=on_session").await;
        shop.make("charge", "POST /v1/charges", "amount=2000&currency=usd&source=tok_visa").await;
        let query = format!("customer={}", shop.ids["customer"]);
        let saved: Value =
            serde_json::from_str(&shop.world.get("/v1/payment_methods", &[], &query).await.body).unwrap();
        shop.ids.insert("saved", saved["data"][0]["id"].as_str().unwrap().to_owned());
        shop
    }

    async fn make(&mut self, name: &'static str, path: &'static str, form: &str) {
        let (status, body) = self.request(path, form).await;
        assert_eq!(status, 200, "{name}: {body}");
        self.ids.insert(name, body["id"].as_str().unwrap().to_owned());
    }

    /// The status and the body of the answer.
    fn request(&self, path: &str, form: &str) -> impl Future<Output = (u16, Value)> + Send + 'static {
        let form = self.ids.iter().fold(form.to_owned(), |form, (name, id)| form.replace(&format!("{{{name}}}"), id));
        let (method, path) = path.split_once(' ').unwrap();
        let (method, mut path, mut id) = (method.parse::<Method>().unwrap(), path.to_owned(), String::new());
        if let Some((first, rest)) = path.clone().split_once('{') {
            let (name, rest) = rest.split_once('}').unwrap();
            (path, id) = (format!("{first}{{id}}{rest}"), self.ids[name].clone());
        }
        let world = self.world.clone();
        async move {
            let answer = world.send(&method, &path, &[("id", &id)], &form, None).await;
            (answer.status, serde_json::from_str(&answer.body).unwrap())
        }
    }

    async fn object(&self, path: &str) -> Value {
        self.request(&format!("GET {path}"), "").await.1
    }

    /// What must hold, whatever was done in which order. Says what does not.
    async fn faults(&self) -> Vec<&'static str> {
        let mut faults = Vec::new();
        let customer = self.object("/v1/customers/{customer}").await;
        let default = &customer["invoice_settings"]["default_payment_method"];
        for path in ["/v1/payment_methods/{saved}", "/v1/payment_methods/{card}"] {
            let card = self.object(path).await;
            if customer["deleted"] == true && !card["customer"].is_null() {
                faults.push("a deleted customer has a card");
            }
            if *default == card["id"] && card["customer"].is_null() {
                faults.push("a customer has a default that was detached");
            }
        }
        faults
    }
}

const SALE: &str = "amount=2000&currency=usd";

/// The first request, what is done before it is written, and the status of the answer to the first.
const CASES: &[(Step, Step, u16)] = &[
    // Saving a card.
    (("POST /v1/payment_methods/{card}/attach", "customer={customer}"), DELETE, 400),
    (DELETE, ("POST /v1/payment_methods/{card}/attach", "customer={customer}"), 200),
    (("POST /v1/payment_intents/{payment}/confirm", ""), DELETE, 200),
    (DELETE, ("POST /v1/payment_intents/{payment}/confirm", ""), 200),
    (("POST /v1/setup_intents/{setup}/confirm", ""), DELETE, 200),
    (DELETE, ("POST /v1/setup_intents/{setup}/confirm", ""), 200),
    // Making it the default.
    (("POST /v1/customers/{customer}", "invoice_settings[default_payment_method]={saved}"), DETACH, 400),
    (DETACH, ("POST /v1/customers/{customer}", "invoice_settings[default_payment_method]={saved}"), 200),
    // For a customer who is deleted.
    (("POST /v1/payment_intents", "amount=2000&currency=usd&customer={customer}"), DELETE, 400),
    (("POST /v1/payment_intents/{open payment}", "customer={customer}"), DELETE, 400),
    (("POST /v1/setup_intents", "customer={customer}"), DELETE, 400),
    (("POST /v1/setup_intents/{open setup}", "customer={customer}"), DELETE, 400),
    (("POST /v1/charges", "amount=2000&currency=usd&source=tok_visa&customer={customer}"), DELETE, 400),
    (("POST /v1/charges/{charge}", "customer={customer}"), DELETE, 400),
    // With a card that is detached.
    (("POST /v1/payment_intents", "amount=2000&currency=usd&customer={customer}&payment_method={saved}"), DETACH, 400),
    (("POST /v1/payment_intents/{own payment}", "payment_method={saved}"), DETACH, 400),
    (("POST /v1/payment_intents/{own payment}/confirm", "payment_method={saved}"), DETACH, 400),
    (("POST /v1/setup_intents", "customer={customer}&payment_method={saved}"), DETACH, 400),
    (("POST /v1/setup_intents/{own setup}", "payment_method={saved}"), DETACH, 400),
    (("POST /v1/setup_intents/{own setup}/confirm", "payment_method={saved}"), DETACH, 400),
    (("POST /v1/charges", "amount=2000&currency=usd&customer={customer}&source={saved}"), DETACH, 400),
];

#[tokio::test]
async fn a_decision_is_made_again_when_what_it_has_looked_at_has_changed() {
    let mut failures = Vec::new();
    for ((first, form), meanwhile, expected) in CASES {
        let shop = Shop::new().await;
        let other = shop.request(meanwhile.0, meanwhile.1);
        shop.world.ledger.before_next_commit(async move {
            let (status, body) = other.await;
            assert_eq!(status, 200, "{body}");
        });
        let (status, body) = shop.request(first, form).await;
        let faults = shop.faults().await;
        if status != *expected || !faults.is_empty() {
            failures.push(format!("{first} {form}, meanwhile {}: {status} {faults:?} {}", meanwhile.0, body["error"]));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), CASES.len(), failures.join("\n"));
}

/// The payer was at the issuer's page for a while.
#[tokio::test]
async fn a_card_is_not_saved_to_a_customer_who_is_deleted_by_then() {
    let challenged = "confirm=true&customer={customer}&payment_method=pm_card_authenticationRequired\
         &return_url=https://shop.example.com";
    for (path, form) in [
        ("POST /v1/payment_intents", format!("{SALE}&{challenged}&setup_future_usage=off_session")),
        ("POST /v1/setup_intents", challenged.to_owned()),
    ] {
        let shop = Shop::new().await;
        let (_, waits) = shop.request(path, &form).await;
        let page = waits["next_action"]["redirect_to_url"]["url"].as_str().expect("a page");
        let page = page.strip_prefix("http://localhost").unwrap();
        assert_eq!(shop.request(DELETE.0, DELETE.1).await.0, 200);
        let back = shop.world.open(Method::POST, page, "", "outcome=approve").await.body;
        assert!(back.contains("redirect_status=succeeded\""), "{back}");
        let method = waits["payment_method"].as_str().unwrap();
        assert!(shop.world.object("/v1/payment_methods/{id}", method).await["customer"].is_null(), "{path}");
    }
}

#[tokio::test]
async fn a_card_is_not_saved_that_was_detached_by_then() {
    let options = "confirm=true&customer={customer}&payment_method={challenged}&return_url=https://shop.example.com";
    for (path, form) in [
        ("POST /v1/payment_intents", format!("{SALE}&{options}&setup_future_usage=off_session")),
        ("POST /v1/setup_intents", options.to_owned()),
    ] {
        let mut shop = Shop::new().await;
        shop.ids.insert("token", "pm_card_authenticationRequired".to_owned());
        shop.make("challenged", "POST /v1/payment_methods/{token}/attach", "customer={customer}").await;
        let (_, waits) = shop.request(path, &form).await;
        let page = waits["next_action"]["redirect_to_url"]["url"].as_str().expect("a page");
        let page = page.strip_prefix("http://localhost").unwrap();
        assert_eq!(shop.request("POST /v1/payment_methods/{challenged}/detach", "").await.0, 200);
        shop.world.open(Method::POST, page, "", "outcome=approve").await;
        let method = &shop.ids["challenged"];
        assert!(shop.world.object("/v1/payment_methods/{id}", method).await["customer"].is_null(), "{path}");
    }
}

#[tokio::test]
async fn an_intent_goes_on_without_its_customer_and_saves_nothing() {
    for path in ["POST /v1/payment_intents/{payment}/confirm", "POST /v1/setup_intents/{setup}/confirm"] {
        let shop = Shop::new().await;
        assert_eq!(shop.request(DELETE.0, DELETE.1).await.0, 200);
        let (status, body) = shop.request(path, "").await;
        assert_eq!((status, &body["status"]), (200, &"succeeded".into()), "{body}");
        assert_eq!(shop.faults().await, [""; 0], "{path}");
    }
}
