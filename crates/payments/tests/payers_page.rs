//! What the payer's browser takes back from the page on which the payer authenticates: how far the intent has got by then.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use http::Method;
use processors::sandbox::SandboxConfig;
use serde_json::Value;
use support::World;

const CHALLENGED: &str = "pm_card_authenticationRequired";
const RETURN: &str = "&return_url=https%3A%2F%2Fshop.example.com%2Freturn";

/// What is done while the payer is on the page, by path and parameters.
type Meanwhile = &'static [(&'static str, &'static str)];

struct Visit {
    world: World,
    /// Of the intent: `/v1/payment_intents`.
    path: &'static str,
    id: String,
    page: String,
}

impl Visit {
    /// An intent whose payer is sent to the page.
    async fn of(path: &'static str, more: &str) -> Self {
        let world = World::new(SandboxConfig::default());
        let form = format!("confirm=true&payment_method={CHALLENGED}{RETURN}{more}");
        let waits: Value = serde_json::from_str(&world.post(path, &[], &form).await.body).unwrap();
        let page = waits["next_action"]["redirect_to_url"]["url"].as_str().expect("a page");
        let page = page.strip_prefix("http://localhost").unwrap().to_owned();
        Visit { world, path, id: waits["id"].as_str().unwrap().to_owned(), page }
    }

    async fn command(&self, command: &str, form: &str) {
        let path = format!("{}/{{id}}{command}", self.path);
        let answer = self.world.post(&path, &[("id", &self.id)], form).await;
        assert_eq!(answer.status, 200, "{command}: {}", answer.body);
    }

    /// The `redirect_status` that the browser goes back with.
    async fn back(&self, method: Method, answer: &str) -> String {
        let answer = self.world.open(method, &self.page, "", answer).await;
        // By a page, which has no form and needs no script, and no redirect: that would be held to the policy of the page before.
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(!answer.body.contains("<form") && !answer.body.contains("<script"), "{}", answer.body);
        let target = |before: &str| {
            let (_, rest) = answer.body.split_once(before).expect(before);
            rest.split_once('"').unwrap().0.replace("&#38;", "&")
        };
        let (at_once, by_hand) = (target("<meta http-equiv=\"refresh\" content=\"0; url="), target("<a href=\""));
        assert_eq!(at_once, by_hand);
        assert!(at_once.starts_with("https://shop.example.com/return?"), "{at_once}");
        at_once.rsplit_once("&redirect_status=").unwrap().1.to_owned()
    }
}

const PAYMENT: &str = "&amount=2000&currency=usd";
const LATER: &str = "&amount=2000&currency=usd&capture_method=manual";
const BY_HAND: &str = "&amount=2000&currency=usd&confirmation_method=manual";

/// The page said `succeeded` of an intent that had been canceled while the payer looked at it.
#[tokio::test]
async fn an_intent_that_went_on_without_the_page_is_told_as_it_is() {
    let cases: &[(&str, &str, Meanwhile, &str)] = &[
        ("/v1/payment_intents", PAYMENT, &[("/cancel", "")], "failed"),
        ("/v1/payment_intents", BY_HAND, &[("/cancel", "")], "failed"),
        ("/v1/payment_intents", PAYMENT, &[("", "payment_method=pm_card_visa")], "failed"),
        ("/v1/payment_intents", PAYMENT, &[("", "amount=1000")], "failed"),
        ("/v1/payment_intents", PAYMENT, &[("/confirm", "payment_method=pm_card_authenticationRequired")], "failed"),
        ("/v1/payment_intents", PAYMENT, &[("/confirm", "payment_method=pm_card_visa")], "succeeded"),
        ("/v1/payment_intents", LATER, &[("/confirm", "payment_method=pm_card_visa")], "succeeded"),
        ("/v1/payment_intents", LATER, &[("/confirm", "payment_method=pm_card_visa"), ("/cancel", "")], "failed"),
        ("/v1/setup_intents", "", &[("/cancel", "")], "failed"),
        ("/v1/setup_intents", "", &[("", "payment_method=pm_card_visa")], "failed"),
        ("/v1/setup_intents", "", &[("/confirm", "payment_method=pm_card_visa")], "succeeded"),
    ];
    for (path, more, meanwhile, status) in cases {
        let visit = Visit::of(path, more).await;
        for (command, form) in *meanwhile {
            visit.command(command, form).await;
        }
        let case = format!("{path} {more} {meanwhile:?}");
        assert_eq!(visit.back(Method::GET, "").await, *status, "{case}");
        assert_eq!(visit.back(Method::POST, "outcome=approve").await, *status, "{case}");
    }
}

#[tokio::test]
async fn an_answer_on_the_page_is_told() {
    let cases = [
        ("/v1/payment_intents", PAYMENT, "approve", "succeeded"),
        ("/v1/payment_intents", PAYMENT, "fail", "failed"),
        ("/v1/payment_intents", LATER, "approve", "succeeded"),
        ("/v1/payment_intents", BY_HAND, "approve", "pending"),
        ("/v1/setup_intents", "", "approve", "succeeded"),
        ("/v1/setup_intents", "", "fail", "failed"),
    ];
    for (path, more, outcome, status) in cases {
        let visit = Visit::of(path, more).await;
        assert_eq!(visit.back(Method::POST, &format!("outcome={outcome}")).await, status, "{path} {more} {outcome}");
        assert_eq!(visit.back(Method::GET, "").await, status, "{path} {more} {outcome}, later");
    }
}
