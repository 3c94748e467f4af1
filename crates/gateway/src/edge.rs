//! The gateway with what is computed once, and what is said without a key.

use crate::answer_body::Shared;
use crate::places::Places;
use crate::{Gateway, health};
use api::openapi;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;

/// A gateway, with what is computed once.
pub struct Edge {
    pub gateway: Gateway,
    pub places: Places,
    /// What needs no key, and takes nothing but a moment.
    documents: Router,
}

impl Edge {
    pub fn new(gateway: Gateway) -> Self {
        let openapi =
            serde_json::to_string_pretty(&openapi::document(&gateway.api.services.kinds, &gateway.api.endpoints))
                .unwrap_or_default();
        let documents = Router::new().route("/openapi.json", get(document)).with_state(Bytes::from(openapi));
        let documents = match &gateway.health {
            Some(health) => documents.merge(health::routes(health.clone(), false)),
            None => documents,
        };
        Edge { places: Places::new(gateway.limits.requests_max), documents, gateway }
    }

    pub fn documents(&self) -> Router {
        self.documents.clone()
    }

    /// Whether there is a document at the path.
    pub fn is_document(&self, path: &str) -> bool {
        match path {
            "/openapi.json" => true,
            "/healthz" | "/readyz" | "/metrics" => self.gateway.health.is_some(),
            _ => false,
        }
    }
}

async fn document(State(openapi): State<Bytes>) -> Response {
    let mut response = ([(CONTENT_TYPE, "application/json")], openapi).into_response();
    response.extensions_mut().insert(Shared);
    response
}
