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
        path_text(&self.path_params, name)
    }
}

/// The parameter of that name in a path; empty if there is none.
pub fn path_text<'a>(path_params: &'a [(String, String)], name: &str) -> &'a str {
    path_params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAnswer {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub body: String,
}

impl OpenAnswer {
    pub fn html(status: StatusCode, body: String) -> Self {
        OpenAnswer { status, content_type: "text/html; charset=utf-8", body }
    }

    /// Nothing but a status.
    pub fn status(status: StatusCode) -> Self {
        OpenAnswer::text(status, "")
    }

    pub fn text(status: StatusCode, body: impl Into<String>) -> Self {
        let content_type = "text/plain; charset=utf-8";
        OpenAnswer { status, content_type, body: body.into() }
    }
}

type OpenHandler = Box<dyn Fn(OpenRequest) -> BoxFuture<'static, OpenAnswer> + Send + Sync>;

/// What is answered to a path that leads nowhere, before its request's body is read.
type Nothing = fn(&Services, &[(String, String)]) -> Option<OpenAnswer>;

/// A path that is served without an API key.
pub struct OpenEndpoint {
    /// With its parameters in braces.
    pub path: &'static str,
    /// Those that are served; any other is refused.
    pub methods: Vec<Method>,
    /// Bytes of a request's body at most.
    pub body_bytes_max: usize,
    nothing: Nothing,
    handler: OpenHandler,
}

impl OpenEndpoint {
    pub fn new<F, R>(
        path: &'static str,
        methods: impl Into<Vec<Method>>,
        body_bytes_max: usize,
        nothing: Nothing,
        handler: F,
    ) -> Self
    where
        F: Fn(OpenRequest) -> R + Send + Sync + 'static,
        R: Future<Output = OpenAnswer> + Send + 'static,
    {
        let handler: OpenHandler = Box::new(move |request| Box::pin(handler(request)));
        OpenEndpoint { path, methods: methods.into(), body_bytes_max, nothing, handler }
    }
}

/// The paths that are served without an API key.
#[derive(Default)]
pub struct OpenRoutes(Router<Arc<OpenEndpoint>>);

/// An endpoint, with the parameters in a path.
pub struct OpenRoute {
    pub endpoint: Arc<OpenEndpoint>,
    pub path_params: Vec<(String, String)>,
}

impl OpenRoutes {
    pub(crate) fn add(&mut self, endpoint: OpenEndpoint) {
        let path = endpoint.path;
        if let Err(error) = self.0.insert(path, Arc::new(endpoint)) {
            // Found by the first test that builds the registry: a program with two meanings for one path must not run.
            #[allow(clippy::panic)]
            {
                panic!("{path}: {error}");
            }
        }
    }

    /// The endpoint for a path.
    pub fn find(&self, path: &str) -> Option<OpenRoute> {
        let found = self.0.at(path).ok()?;
        let path_params = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(OpenRoute { endpoint: found.value.clone(), path_params })
    }
}

impl OpenRoute {
    /// The answer if the path leads nowhere.
    pub fn nothing(&self, services: &Services) -> Option<OpenAnswer> {
        (self.endpoint.nothing)(services, &self.path_params)
    }

    /// Answers a request. It is carried through even if the caller stops waiting, and `held` is let go when it has ended.
    pub async fn answer(&self, request: OpenRequest, held: impl Send + 'static) -> OpenAnswer {
        let answer = carried_through((self.endpoint.handler)(request), held).await;
        let broken = || OpenAnswer::text(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here");
        answer.unwrap_or_else(broken)
    }
}
