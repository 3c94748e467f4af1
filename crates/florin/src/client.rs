//! Talking to a running server as any other client does: over HTTP, with a secret key.

use crate::cli::Server;
use crate::dev;
use crate::exit::{Code, Failure};
use anyhow::Context;
use serde_json::Value;
use std::time::Duration;
use types::{Entropy, SystemEntropy};

const DEFAULT_URL: &str = "http://127.0.0.1:8420";
const TIMEOUT: Duration = Duration::from_secs(60);

/// A server and the key to it.
pub struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// Where a server is, and the secret key to it.
#[derive(Clone)]
pub struct Access {
    /// Without a trailing slash.
    pub url: String,
    pub key: String,
    /// The process id, when it is a `florin dev` that is known of.
    pub pid: Option<u32>,
}

/// What a server said: its status code and its JSON.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Access {
    /// The server that is named; otherwise the running `florin dev` of the data directory.
    pub fn find(server: &Server) -> anyhow::Result<Access> {
        let state = dev::state(server.data.as_deref())?;
        let known = state.as_ref().filter(|state| {
            // A key is only ever sent to the server that it belongs to.
            server.url.as_ref().is_none_or(|url| url.trim_end_matches('/') == state.url)
        });
        let key = server.key.clone().or_else(|| known.map(|state| state.secret_key.clone())).ok_or_else(|| {
            Failure::usage(
                "no secret key: start `florin dev`, or give --key or FLORIN_SECRET_KEY (and --url or FLORIN_URL)",
            )
        })?;
        let url = server.url.clone().or_else(|| known.map(|state| state.url.clone()));
        let url = url.unwrap_or_else(|| DEFAULT_URL.to_owned());
        if !url.starts_with("http://") {
            return Err(Failure::usage(format!(
                "{url:?}: the URL must begin with http://; this build does not speak TLS"
            )));
        }
        let url = url.trim_end_matches('/').to_owned();
        Ok(Access { url, key, pid: known.map(|state| state.pid) })
    }
}

impl Client {
    /// A client of the server that the command line names.
    pub fn new(server: &Server) -> anyhow::Result<Client> {
        Client::of(Access::find(server)?)
    }

    pub fn of(access: Access) -> anyhow::Result<Client> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // Neither a proxy nor a redirect may get to see the key.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("florin/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("preparing the HTTP client")?;
        Ok(Client { http, url: access.url, key: access.key })
    }

    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Answer> {
        self.send(self.http.get(format!("{}{path}", self.url)).query(query)).await
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
        self.send(self.http.post(format!("{}{path}", self.url)).form(form).header("idempotency-key", key)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let sent = request.bearer_auth(&self.key).send().await;
        let response = sent.map_err(|error| {
            let causes = platform::database::with_causes(&error.without_url());
            Failure::unreachable(format!("{} cannot be reached: {causes}", self.url))
        })?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(|error| {
            Failure::unreachable(format!("{} broke off its answer: {}", self.url, error.without_url()))
        })?;
        let body = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} answered {status} with something that is not JSON", self.url))?;
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// The answer's JSON; an error as an error, a declined payment with its own exit code.
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

/// A text of the answer's JSON, or nothing.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
