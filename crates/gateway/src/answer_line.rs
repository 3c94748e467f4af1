//! What is said of each request when it ends: the log's line `answered`, the metrics, and the end of its span.

use crate::metrics;
use http::{HeaderMap, Method, Version};
use platform::telemetry::traces;
use std::sync::OnceLock;
use std::time::Instant;
use tracing::Span;
use types::TenantId;

/// What nginx says of clients that hung up before their answer; there is no status for it, because none is sent.
const HUNG_UP: u16 = 499;
/// How much is repeated of what clients say of themselves.
const AGENT_CHARACTERS: usize = 200;

/// A request that is being answered. When it is dropped without an answer, its client is gone.
pub struct AnswerLine<'a> {
    pub span: &'a Span,
    pub request_id: &'a str,
    pub method: &'a Method,
    pub operation: &'static str,
    /// Whether the operation has this method: methods that it does not have are strangers' words.
    pub served: bool,
    /// Known when the key is.
    pub tenant: &'a OnceLock<TenantId>,
    started: Instant,
    answered: Option<(u16, bool)>,
}

impl<'a> AnswerLine<'a> {
    pub fn new(
        span: &'a Span,
        request_id: &'a str,
        (method, operation, served): (&'a Method, &'static str, bool),
        tenant: &'a OnceLock<TenantId>,
    ) -> Self {
        let started = Instant::now();
        AnswerLine { span, request_id, method, operation, served, tenant, started, answered: None }
    }

    /// What a trace shows of a request, beside its method and route. Where a client is says who the payer is: it is not shown.
    pub fn trace(&self, headers: &HeaderMap, version: Version, path: Option<&str>) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        traces::continues(self.span, text);
        traces::attribute(self.span, "url.scheme", || "http");
        // A page's path has secrets in it, and an unknown one may have anything.
        traces::attribute(self.span, "url.path", || {
            path.map_or(self.operation.to_owned(), |path| shown(self.operation, path))
        });
        let version = match version {
            Version::HTTP_2 => "2",
            Version::HTTP_10 => "1.0",
            _ => "1.1",
        };
        traces::attribute(self.span, "network.protocol.version", || version);
        if let Some(agent) = text("user-agent") {
            let agent = || agent.chars().take(AGENT_CHARACTERS).collect::<String>();
            traces::attribute(self.span, "user_agent.original", agent);
        }
    }

    pub fn answered(mut self, status: u16, replayed: bool) {
        self.answered = Some((status, replayed));
    }
}

/// A path as it may be shown: what stands in it for a parameter is left out, unless it has the form of an object's id.
fn shown(template: &str, path: &str) -> String {
    let is_id = |text: &str| {
        text.split_once('_').is_some_and(|(prefix, rest)| {
            prefix.bytes().all(|byte| byte.is_ascii_lowercase())
                && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    };
    let parts = template.split('/').zip(path.split('/'));
    let shown = parts.map(|(known, part)| if known == part || is_id(part) { part } else { "REDACTED" });
    shown.collect::<Vec<_>>().join("/")
}

impl Drop for AnswerLine<'_> {
    fn drop(&mut self) {
        let (status, replayed) = self.answered.unwrap_or((HUNG_UP, false));
        let elapsed = self.started.elapsed();
        // Outside of the span: its fields would have to be written a second time for each request.
        tracing::info!(
            request_id = self.request_id,
            method = %self.method,
            operation = self.operation,
            tenant = self.tenant.get().map(tracing::field::display),
            status,
            elapsed_us = elapsed.as_micros() as u64,
            replayed,
            "answered"
        );
        let method = if self.served { self.method.as_str().to_owned() } else { "unknown".to_owned() };
        metrics::requests(method, self.operation, status.to_string()).increment(1);
        metrics::request_duration(self.operation).record(elapsed.as_secs_f64());
        if let Some(tenant) = self.tenant.get() {
            traces::attribute(self.span, "florin.tenant", || tenant.to_string());
        }
        if self.answered.is_some() {
            traces::attribute(self.span, "http.response.status_code", || i64::from(status));
        }
        if status == HUNG_UP {
            traces::attribute(self.span, "error.type", || "client_disconnected");
        } else if status >= 500 {
            traces::failed(self.span, || status.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_are_shown_of_a_path() {
        let template = "/v1/payment_intents/{id}/confirm";
        for (sent, expected) in [
            ("pi_3Q9zX", "pi_3Q9zX"),
            ("4242424242424242", "REDACTED"),
            ("pi_3Q9zX_secret_8yW", "REDACTED"),
            ("jane@example.com", "REDACTED"),
        ] {
            let path = template.replace("{id}", sent);
            assert_eq!(shown(template, &path), template.replace("{id}", expected));
        }
    }
}
