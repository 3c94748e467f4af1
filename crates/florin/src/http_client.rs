//! A client of the HTTP API, as any other client is one: with a base URL and a secret key.

use crate::arguments::{Access, WhichServer};
use crate::exit_code::{Code, Failure};
use anyhow::Context;
use platform::error_text::with_causes;
use serde_json::Value;
use std::time::Duration;
use types::{Entropy, SystemEntropy};

const TIMEOUT: Duration = Duration::from_secs(60);

/// A client of one server, with one key.
pub struct Client {
    http: reqwest::Client,
    access: Access,
}

/// The server's answer: its status code and its JSON.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Client {
    /// A client of the server that the command line names.
    pub fn new(server: &WhichServer) -> anyhow::Result<Client> {
        Client::of(server.find()?)
    }

    pub fn of(access: Access) -> anyhow::Result<Client> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // The key must not reach a proxy, or a server that an answer redirects to.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("florin/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("preparing the HTTP client")?;
        Ok(Client { http, access })
    }

    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Answer> {
        self.send(self.http.get(format!("{}{path}", self.access.url.reveal())).query(query)).await
    }

    pub async fn post(
        &self,
        path: &str,
        form: &[(&str, String)],
        idempotency_key: Option<&str>,
    ) -> anyhow::Result<Answer> {
        let key = match idempotency_key {
            Some(key) => key.to_owned(),
            None => format!("florin-cli-{}", SystemEntropy::new().alphanumeric(24)),
        };
        self.send(
            self.http.post(format!("{}{path}", self.access.url.reveal())).form(form).header("idempotency-key", key),
        )
        .await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let sent = request.bearer_auth(self.access.key.reveal()).send().await;
        let response = sent.map_err(|error| {
            let causes = with_causes(&error.without_url());
            Failure::unreachable(format!("{} cannot be reached: {causes}", self.access.url))
        })?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(|error| {
            Failure::unreachable(format!("{} broke off its answer: {}", self.access.url, error.without_url()))
        })?;
        let body = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} answered {status} with something that is not JSON", self.access.url))?;
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// The JSON of an answer that is a success. Another one is an error; a declined payment has its own exit code.
    pub fn ok(self) -> anyhow::Result<Value> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let code = if self.status == 402 { Code::Declined } else { Code::Failure };
        Err(Failure { code, message: self.explain() }.into())
    }

    fn explain(&self) -> String {
        let error = self.body.get("error").unwrap_or(&Value::Null);
        let text = |name: &str| error.get(name).and_then(Value::as_str);
        let message = text("message").unwrap_or("the server gave no reason");
        let codes: Vec<&str> = ["code", "decline_code", "param"].iter().filter_map(|name| text(name)).collect();
        if codes.is_empty() {
            format!("{message} ({})", self.status)
        } else {
            format!("{message} ({}: {})", self.status, codes.join(", "))
        }
    }
}

/// A text in the JSON; empty when it is not there.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
