//! The page on which a payer authenticates a test card: one button approves, the other fails. The link holds a secret
//! of the attempt, and is good for that attempt alone: the payer with the link may use it.

use crate::attempted::{PayersIntent, RedirectStatus};
use crate::targets::{Attempts, Authenticated};
use api::Registry;
use api::call::Call;
use api::conflict::retried;
use api::error::{ApiError, Result};
use api::form::{Form, Node};
use api::open::{OpenAnswer, OpenEndpoint, OpenRequest, path_text};
use api::resource::Audience;
use api::same_secret;
use api::services::Services;
use askama::Template;
use contracts::{Caller, KeyKind};
use domain::attempts::{Attempt, Status};
use http::{Method, StatusCode};
use std::sync::Arc;
use types::{Kind, Money, ObjectId, TenantId};

const PATH: &str = "/hosted/{*page}";
/// A key and the button that was pressed.
const BODY_BYTES_MAX: usize = 4 << 10;
/// How often the payer's answer is applied again because an object had changed meanwhile.
const DECISIONS_MAX: u32 = 10;

pub fn register(registry: &mut Registry) {
    registry.open(OpenEndpoint::new(PATH, [Method::GET, Method::POST], BODY_BYTES_MAX, nothing, answer));
}

fn nothing(_: &Services, path_params: &[(String, String)]) -> Option<OpenAnswer> {
    let leads_nowhere = named(path_text(path_params, "page")).is_none();
    leads_nowhere.then(|| Page::Nothing.answer(StatusCode::NOT_FOUND))
}

/// Where an attempt's payer authenticates.
pub fn authentication_url(audience: &Audience, attempt: ObjectId, secret: &str) -> String {
    format!("{}/hosted/{}/3ds/{attempt}?key={secret}", audience.public_url, audience.tenant)
}

/// What the page says; its words are in the template.
enum Page {
    /// Asks the payer; `key` is the attempt's secret.
    Question {
        amount: Option<String>,
        key: String,
    },
    Failed,
    Done,
    Undecided,
    Nothing,
    Busy,
}

#[derive(Template)]
#[template(path = "authentication.html")]
struct Document<'a> {
    page: &'a Page,
    /// Where the payer's browser goes on to.
    next: Option<&'a str>,
}

impl Page {
    fn answer(&self, status: StatusCode) -> OpenAnswer {
        self.leading_to(None, status)
    }

    fn leading_to(&self, next: Option<&str>, status: StatusCode) -> OpenAnswer {
        let html = Document { page: self, next }.render().unwrap_or_else(|error| {
            tracing::error!(%error, "a page cannot be shown");
            String::new()
        });
        OpenAnswer::html(status, html)
    }
}

async fn answer(request: OpenRequest) -> OpenAnswer {
    try_answer(&request).await.unwrap_or_else(|failure| {
        tracing::error!(?failure, "authentication page");
        Page::Busy.answer(StatusCode::SERVICE_UNAVAILABLE)
    })
}

async fn try_answer(request: &OpenRequest) -> Result<OpenAnswer> {
    let nothing = || Ok(Page::Nothing.answer(StatusCode::NOT_FOUND));
    let mut form = Form::default();
    if form.decode(request.query.as_bytes()).and_then(|()| form.decode(&request.body)).is_err() {
        return nothing();
    }
    let mut params = form.into_params();
    let mut text = |name: &str| match params.take(name) {
        Some(Node::Text(text)) => text,
        _ => String::new(),
    };
    let (key, outcome) = (text("key"), text("outcome"));
    let passed = match (&request.method, outcome.as_str()) {
        (&Method::POST, "approve") => Some(true),
        (&Method::POST, "fail") => Some(false),
        _ => None,
    };
    let Some((call, id)) = addressed(request).await? else { return nothing() };
    retried(DECISIONS_MAX, || decide(&call, id, &key, passed)).await
}

/// The tenant and the attempt that a page names: `{tenant}/3ds/{attempt}`.
fn named(page: &str) -> Option<(TenantId, ObjectId)> {
    let parts: Vec<&str> = page.split('/').collect();
    let [tenant, "3ds", attempt] = parts[..] else { return None };
    Some((tenant.parse().ok()?, ObjectId::parse(Kind::Attempt, attempt)?))
}

async fn addressed(request: &OpenRequest) -> Result<Option<(Call, ObjectId)>> {
    let Some((tenant, attempt)) = named(request.path_text("page")) else { return Ok(None) };
    let tenant = request.services.identity.tenant(tenant).await.map_err(|error| {
        tracing::error!(%error, "authentication page");
        ApiError::unavailable()
    })?;
    let caller = tenant.map(|tenant| Caller { tenant: Arc::new(tenant), key: KeyKind::Secret, livemode: false });
    Ok(caller.map(|caller| (Call::background(&request.services, &caller, None), attempt)))
}

/// Applies the payer's answer, if there is one; shows the question, or how it ended.
async fn decide(call: &Call, id: ObjectId, key: &str, passed: Option<bool>) -> Result<OpenAnswer> {
    let right_key = |attempt: &Attempt| attempt.secret.as_deref().is_some_and(|secret| same_secret(key, secret));
    let Some(attempt) = call.load::<Attempt>(id).await?.filter(|attempt| right_key(attempt)) else {
        return Ok(Page::Nothing.answer(StatusCode::NOT_FOUND));
    };
    let target = call.extension::<Attempts>()?.of(attempt.target)?;
    // A page of the processor's own is not this one.
    if attempt.status != Status::RequiresAction || attempt.at_processor.is_some() {
        return finished(call, &attempt).await;
    }
    let Some(passed) = passed else { return Ok(question(&attempt, key)) };
    if attempt.is_leased(call.now) {
        return Ok(Page::Busy.answer(StatusCode::SERVICE_UNAVAILABLE));
    }
    match (target.authenticated)(call, attempt, passed).await? {
        Authenticated::Applied | Authenticated::AwaitsConfirmation => {
            finished(call, &*call.referenced::<Attempt>(id).await?).await
        }
    }
}

fn question(attempt: &Attempt, key: &str) -> OpenAnswer {
    let amount = (attempt.amount > 0).then(|| Money::new(attempt.amount, attempt.currency).to_string().to_uppercase());
    Page::Question { amount, key: key.to_owned() }.answer(StatusCode::OK)
}

/// Says how far the intent has got, and sends the browser back to the merchant. The page does that, and no redirect: browsers that
/// hold forms to a policy hold the redirects of their answers to it, however many the merchant's server adds and wherever they lead.
async fn finished(call: &Call, attempt: &Attempt) -> Result<OpenAnswer> {
    let target = call.extension::<Attempts>()?.of(attempt.target)?;
    let Some(intent) = (target.returned)(call, attempt).await? else {
        return Ok(Page::Nothing.answer(StatusCode::NOT_FOUND));
    };
    let page = match intent.status {
        RedirectStatus::Succeeded => Page::Done,
        RedirectStatus::Pending => Page::Undecided,
        RedirectStatus::Failed => Page::Failed,
    };
    let next = attempt.options.return_url.as_ref().map(|url| return_url(url, &intent));
    Ok(page.leading_to(next.as_deref(), StatusCode::OK))
}

/// The merchant's URL, with the parameters that its page needs.
fn return_url(url: &str, intent: &PayersIntent) -> String {
    let (url, fragment) = url.split_once('#').map_or((url, String::new()), |(url, rest)| (url, format!("#{rest}")));
    let separator = if url.contains('?') { '&' } else { '?' };
    let PayersIntent { id, client_secret, status } = intent;
    let (name, status) = (id.kind.name(), status.as_str());
    format!("{url}{separator}{name}={id}&{name}_client_secret={client_secret}&redirect_status={status}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{SeededEntropy, Timestamp};

    #[test]
    fn goes_back_to_the_merchants_page() {
        let id = ObjectId::new(Kind::PaymentIntent, Timestamp::from_millis(1), &mut SeededEntropy::new(1));
        let intent = PayersIntent { id, client_secret: "s".to_owned(), status: RedirectStatus::Succeeded };
        assert_eq!(
            return_url("https://shop.example/done?order=7#top", &intent),
            format!(
                "https://shop.example/done?order=7&payment_intent={id}&payment_intent_client_secret=s&redirect_status=succeeded#top"
            )
        );
    }

    #[test]
    fn pages_escape_what_they_show() {
        let page = Page::Question { amount: Some("<b>".to_owned()), key: "\"><script>".to_owned() };
        let html = page.answer(StatusCode::OK).body;
        assert!(!html.contains("<script>") && !html.contains("<b>") && html.contains("Approve"), "{html}");
        let html = Page::Done.leading_to(Some("https://shop.example/?a=1&b=\"><script>"), StatusCode::OK).body;
        assert!(!html.contains("<script>") && html.contains("https://shop.example/?a=1&#38;b="), "{html}");
    }
}
