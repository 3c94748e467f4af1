//! What orchestrators and Prometheus ask for.

use crate::answer_body::Shared;
use crate::answered::{answered, routed};
use crate::clients::Clients;
use crate::limits::Limits;
use crate::listener::listen;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use platform::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often at most the metrics are written down; those who ask more often are told the same again.
const METRICS_EVERY: Duration = Duration::from_secs(1);

/// What a process says of itself.
#[derive(Clone)]
pub struct Health {
    /// Whether requests can be served now; the error says why not.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// What `/metrics` answers.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Serves nothing else, on a listener of its own: what others ask of the API cannot keep it from being answered.
pub async fn serve_health(
    health: Health,
    listener: std::net::TcpListener,
    limits: Limits,
    shutdown: Shutdown,
) -> std::io::Result<()> {
    let routes = routes(health, true);
    listen(listener, Clients::new(limits, Vec::new(), shutdown), Duration::ZERO, move |connection, request| {
        let routes = routes.clone();
        answered(connection, request, async move |_, request| routed(routes, request).await)
    })
    .await
}

/// Why it is not ready is said where strangers cannot ask.
pub fn routes(health: Health, with_reason: bool) -> Router {
    let metrics_of = Arc::new(Metrics { write: health.metrics.clone(), last: Mutex::default() });
    Router::new()
        .route("/healthz", get(|| async { Json(serde_json::json!({ "status": "ok" })) }))
        .route("/readyz", get(move |health| ready(health, with_reason)))
        .route("/metrics", get(metrics).with_state(metrics_of))
        .with_state(health)
}

async fn ready(State(health): State<Health>, with_reason: bool) -> Response {
    match (health.ready)() {
        Ok(()) => Json(serde_json::json!({ "status": "ok" })).into_response(),
        Err(reason) => {
            let mut body = serde_json::json!({ "status": "unavailable" });
            if with_reason {
                body["reason"] = reason.into();
            }
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

async fn metrics(State(metrics): State<Arc<Metrics>>) -> Response {
    let content_type = [(CONTENT_TYPE, "text/plain; version=0.0.4")];
    let mut response = (content_type, metrics.written()).into_response();
    response.extensions_mut().insert(Shared);
    response
}

/// The metrics, written down once for all who ask at about the same time.
struct Metrics {
    write: Arc<dyn Fn() -> String + Send + Sync>,
    last: Mutex<Option<(Instant, Bytes)>>,
}

impl Metrics {
    fn written(&self) -> Bytes {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((at, written)) if at.elapsed() < METRICS_EVERY => written.clone(),
            _ => {
                let written = Bytes::from((self.write)());
                *last = Some((Instant::now(), written.clone()));
                written
            }
        }
    }
}
