//! Where payers' browsers are sent to afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use api::form::Form;
use api::{Answer, Request};
use contracts::Caller;
use http::Method;
use processors::sandbox::SandboxConfig;
use support::{World, body};

const PAYMENT: &str = "amount=2000&currency=usd&confirm=true&payment_method=pm_card_authenticationRequired&return_url=";

/// Every operation that takes a URL, with what else it needs.
async fn answers(world: &World, livemode: bool, url: &str) -> Vec<Answer> {
    let intent = body(&world.post("/v1/payment_intents", &[], "amount=2000&currency=usd").await);
    let setup = body(&world.post("/v1/setup_intents", &[], "").await);
    let confirm = format!("payment_method=pm_card_authenticationRequired&return_url={url}");
    let mut answers = Vec::new();
    for (path, id, form) in [
        ("/v1/payment_intents", "", format!("{PAYMENT}{url}")),
        ("/v1/setup_intents", "", format!("confirm=true&{confirm}")),
        ("/v1/payment_intents/{id}/confirm", intent["id"].as_str().unwrap(), confirm.clone()),
        ("/v1/setup_intents/{id}/confirm", setup["id"].as_str().unwrap(), confirm.clone()),
    ] {
        let mut params = Form::default();
        params.decode(form.as_bytes()).unwrap();
        let endpoint = world.api.endpoints.get(&Method::POST, path).unwrap().clone();
        let caller = Caller { livemode, ..testkit::caller(&world.tenant) };
        answers.push(world.api.answer(Request::new(endpoint, &[("id", id)], params.into_params(), caller), ()).await);
    }
    answers
}

/// A payer could be sent to `data:` and `file:`, to another site's name behind an `@`, and in live mode without encryption.
#[tokio::test]
async fn payers_are_sent_to_pages_and_apps_only() {
    let world = World::new(SandboxConfig::default());
    for (url, in_test, in_live) in [
        ("https://shop.example/done", true, true),
        ("com.example.shop://done", true, true),
        ("http://localhost:3000/done", true, false),
        ("http://192.168.0.7:3000/done", true, false),
        ("https://shop.example@evil.example", false, false),
        ("data://text/html,x", false, false),
        ("file:///etc/passwd", false, false),
        ("blob://x", false, false),
        ("vbscript://x", false, false),
        ("javascript://x", false, false),
    ] {
        for (livemode, allowed) in [(false, in_test), (true, in_live)] {
            for answer in answers(&world, livemode, url).await {
                let body = body(&answer);
                if allowed {
                    assert_eq!(answer.status, 200, "{url}: {body}");
                    assert_eq!(body["next_action"]["redirect_to_url"]["return_url"], url);
                } else {
                    let error = &body["error"];
                    assert_eq!(
                        (answer.status, &error["code"], &error["param"]),
                        (400, &"url_invalid".into(), &"return_url".into())
                    );
                }
            }
        }
    }
}
