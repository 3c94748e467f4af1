//! Requests that show no API key: payers' browsers, and processors that report something. Each handler checks for itself
//! what it is shown.

use crate::carried_through::carried_through;
use crate::services::Services;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};
use matchit::Router;
use std::sync::Arc;

/// A request that shows no API key.
pub struct OpenRequest {
    pub services: Arc<Services>,
    pub method: Method,
    /// The parameters in the path, by name.
    pub path_params: Vec<(String, String)>,
    /// Without the question mark.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl OpenRequest {
    /// The parameter of that name in the path; empty if there is none.
    pub fn path_text(&self, name: &str) -> &str {
        self.path_params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAnswer {
    pub status: StatusCode,
    pub content_type: &'static str,
    /// Where a browser goes on to.
    pub location: Option<String>,
    pub body: String,
}

impl OpenAnswer {
    pub fn html(status: StatusCode, body: String) -> Self {
        OpenAnswer { status, content_type: "text/html; charset=utf-8", location: None, body }
    }

    /// Nothing but a status.
    pub fn status(status: StatusCode) -> Self {
        OpenAnswer::text(status, "")
    }

    pub fn text(status: StatusCode, body: impl Into<String>) -> Self {
        OpenAnswer { status, content_type: "text/plain; charset=utf-8", location: None, body: body.into() }
    }
}

pub(crate) type OpenHandler = Arc<dyn Fn(OpenRequest) -> BoxFuture<'static, OpenAnswer> + Send + Sync>;

/// The paths that are served without an API key, whatever the method.
#[derive(Default)]
pub struct OpenRoutes(Router<OpenHandler>);

/// A path's handler, with the parameters in the path.
pub struct OpenRoute {
    handler: OpenHandler,
    pub path_params: Vec<(String, String)>,
}

impl OpenRoutes {
    pub(crate) fn add(&mut self, path: &'static str, handler: OpenHandler) {
        if let Err(error) = self.0.insert(path, handler) {
            // Found by the first test that builds the registry: a program with two meanings for one path must not run.
            #[allow(clippy::panic)]
            {
                panic!("{path}: {error}");
            }
        }
    }

    /// The handler for a path.
    pub fn find(&self, path: &str) -> Option<OpenRoute> {
        let found = self.0.at(path).ok()?;
        let path_params = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(OpenRoute { handler: found.value.clone(), path_params })
    }
}

impl OpenRoute {
    /// Answers a request. It is carried through even if the caller stops waiting, and `held` is let go when it has ended.
    pub async fn answer(&self, request: OpenRequest, held: impl Send + 'static) -> OpenAnswer {
        let answer = carried_through((self.handler)(request), held).await;
        let broken = || OpenAnswer::text(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here");
        answer.unwrap_or_else(broken)
    }
}
