//! The page on which a payer authenticates a test card: one button approves, the other fails. Who has the link may use
//! it: it holds a secret of the attempt's own, and is good for that attempt alone.

use crate::Api;
use crate::attempts;
use crate::call::Call;
use crate::error::{Failure, Result};
use crate::form::Node;
use crate::resource::View;
use askama::Template;
use contracts::{Caller, KeyKind};
use domain::Versioned;
use domain::attempt::{self, Attempt, Status as AttemptStatus};
use domain::payment_intent::{PaymentIntent, confirm};
use domain::settle::Affected;
use domain::setup_intent;
use http::Method;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use types::{Kind, Money, ObjectId, TenantId};

/// The beginning of the paths served here.
pub const PREFIX: &str = "/hosted/";
/// How often a decision is made again because an object had changed meanwhile.
const DECISIONS_MAX: u32 = 10;

/// What a browser is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub status: u16,
    /// Where the browser goes on to.
    pub location: Option<String>,
    pub html: String,
}

/// Where an attempt's payer authenticates.
pub fn authentication_url(view: &View, attempt: ObjectId, secret: &str) -> String {
    format!("{}{PREFIX}{}/3ds/{attempt}?key={secret}", view.public_url, view.tenant)
}

#[derive(Template)]
#[template(path = "authentication.html")]
struct Authentication<'a> {
    title: &'a str,
    note: &'a str,
    amount: Option<String>,
    key: Option<&'a str>,
}

impl Page {
    fn message(status: u16, title: &str, note: &str) -> Self {
        Page { status, location: None, html: render(&Authentication { title, note, amount: None, key: None }) }
    }

    fn not_found() -> Self {
        Page::message(404, "Nothing here", "This link is not complete, or is not of this server.")
    }
}

fn render(template: &Authentication) -> String {
    template.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page cannot be shown");
        String::new()
    })
}

impl Api {
    /// Serves a payer's browser. `form` is the body of a POST.
    pub async fn page(self: &Arc<Self>, method: &Method, path: &str, query: &str, form: &[u8]) -> Page {
        let api = self.clone();
        let (method, path) = (method.clone(), path.to_owned());
        let mut params = Node::empty();
        if params.decode(query.as_bytes()).and_then(|()| params.decode(form)).is_err() {
            return Page::not_found();
        }
        // Detached, as every movement of money: a browser that is closed does not stop it half-way.
        let work = async move { api.authentication_page(&method, &path, params).await };
        match tokio::spawn(work).await {
            Ok(Ok(page)) => page,
            Ok(Err(failure)) => {
                tracing::error!(?failure, "authentication page");
                Page::message(503, "Try again", "This could not be done right now. Go back and try again.")
            }
            Err(error) => {
                tracing::error!(%error, "authentication page");
                Page::message(500, "Something went wrong", "This could not be done.")
            }
        }
    }

    async fn authentication_page(self: &Arc<Self>, method: &Method, path: &str, mut params: Node) -> Result<Page> {
        let text = |node: Option<Node>| match node {
            Some(Node::Text(text)) => text,
            _ => String::new(),
        };
        let key = text(params.take("key"));
        let outcome = text(params.take("outcome"));
        let Some((call, id)) = self.addressed(path).await? else { return Ok(Page::not_found()) };
        for round in 1..=DECISIONS_MAX {
            let Some(attempt) = call.load::<Attempt>(id).await? else { return Ok(Page::not_found()) };
            if !attempt.secret.as_deref().is_some_and(|secret| same(secret, &key)) {
                return Ok(Page::not_found());
            }
            if attempt.status != AttemptStatus::RequiresAction {
                return finished(&call, &attempt).await;
            }
            let approved = match (method, outcome.as_str()) {
                (&Method::POST, "approve") => true,
                (&Method::POST, "fail") => false,
                _ => return Ok(question(&attempt, &key)),
            };
            match answer(&call, attempt, approved).await {
                Ok(()) => (),
                Err(Failure::Conflict) => tokio::time::sleep(Duration::from_millis(u64::from(round))).await,
                Err(Failure::Error(error)) if error.status == 402 => (),
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::Conflict)
    }

    /// The tenant and attempt of `/hosted/{tenant}/3ds/{attempt}`.
    async fn addressed(self: &Arc<Self>, path: &str) -> Result<Option<(Call, ObjectId)>> {
        let parts: Vec<&str> = path.strip_prefix(PREFIX).unwrap_or_default().split('/').collect();
        let [tenant, "3ds", attempt] = parts[..] else { return Ok(None) };
        let (Ok(tenant), Some(attempt)) = (tenant.parse::<TenantId>(), ObjectId::parse(Kind::Attempt, attempt)) else {
            return Ok(None);
        };
        let tenant = self.identity.tenant(tenant).await.map_err(|error| {
            tracing::error!(%error, "authentication page");
            crate::error::ApiError::unavailable()
        })?;
        let caller = tenant.map(|tenant| Caller { tenant: Arc::new(tenant), key: KeyKind::Secret, livemode: false });
        Ok(caller.map(|caller| (Call::of_worker(self, &caller, None), attempt)))
    }
}

/// Compares without telling by its time how much was right.
fn same(secret: &str, given: &str) -> bool {
    Sha256::digest(secret.as_bytes()) == Sha256::digest(given.as_bytes())
}

fn question(attempt: &Attempt, key: &str) -> Page {
    let amount = (attempt.amount > 0).then(|| Money::new(attempt.amount, attempt.currency).to_string().to_uppercase());
    let html = render(&Authentication {
        title: "Authenticate this payment",
        note: "A test page of the sandbox: no bank is asked, and no money moves.",
        amount,
        key: Some(key),
    });
    Page { status: 200, location: None, html }
}

/// Goes on with what the payer has answered.
async fn answer(call: &Call, mut attempt: Versioned<Attempt>, approved: bool) -> Result<()> {
    let mut affected = attempts::affected(call, &attempt).await?;
    let mut changes = call.changes();
    let waits = |intent: &&mut Versioned<PaymentIntent>| confirm::awaits_reconfirmation(intent);
    if approved && let Some(intent) = affected.payment_intent.as_mut().filter(waits) {
        confirm::authenticated(&mut changes, intent, &mut attempt);
        return call.commit_bare(changes).await;
    }
    let lease = call.now.plus(attempt::LEASE);
    changes.update(&mut attempt, None, |attempt| {
        attempt.status = AttemptStatus::Started;
        attempt.authenticated = Some(approved);
        attempt.due = Some(lease);
    });
    if let Some(intent) = &mut affected.payment_intent {
        confirm::resume(&mut changes, intent);
    }
    if let Some(intent) = &mut affected.setup_intent {
        setup_intent::resume(&mut changes, intent);
    }
    attempts::run(call, changes, attempt, affected).await.map(drop)
}

/// Sends the browser back to the merchant, or says that all is done.
async fn finished(call: &Call, attempt: &Attempt) -> Result<Page> {
    let affected: Affected = attempts::affected(call, attempt).await?;
    let (status, title, note) = match attempt.status {
        AttemptStatus::Declined => ("failed", "Not authenticated", "The payment was not authenticated."),
        AttemptStatus::Succeeded | AttemptStatus::Canceled => ("succeeded", "Done", "You can close this page."),
        _ => ("pending", "Not decided yet", "The outcome is not known yet; the merchant will hear of it."),
    };
    let mut page = Page::message(200, title, note);
    let payment = affected.payment_intent.map(|intent| (intent.id, intent.client_secret.clone()));
    let secret = payment.or(affected.setup_intent.map(|intent| (intent.id, intent.client_secret.clone())));
    if let (Some(url), Some((id, secret))) = (&attempt.terms.return_url, secret) {
        page.status = 303;
        page.location = Some(return_url(url, id, &secret, status));
    }
    Ok(page)
}

/// The merchant's URL with what its page needs to know.
fn return_url(url: &str, id: ObjectId, secret: &str, status: &str) -> String {
    let (url, fragment) = url.split_once('#').map_or((url, String::new()), |(url, rest)| (url, format!("#{rest}")));
    let separator = if url.contains('?') { '&' } else { '?' };
    let name = id.kind.name();
    format!("{url}{separator}{name}={id}&{name}_client_secret={secret}&redirect_status={status}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{SeededEntropy, Timestamp};

    #[test]
    fn goes_back_to_the_merchants_page() {
        let id = ObjectId::new(Kind::PaymentIntent, Timestamp::from_millis(1), &mut SeededEntropy::new(1));
        assert_eq!(
            return_url("https://shop.example/done?order=7#top", id, "s", "succeeded"),
            format!(
                "https://shop.example/done?order=7&payment_intent={id}&payment_intent_client_secret=s&redirect_status=succeeded#top"
            )
        );
    }

    #[test]
    fn pages_escape_what_they_show() {
        let html = render(&Authentication { title: "<b>", note: "", amount: None, key: Some("\"><script>") });
        assert!(!html.contains("<script>") && !html.contains("<b>"));
    }
}
