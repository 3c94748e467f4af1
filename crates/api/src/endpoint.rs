//! Endpoints: one method and path each, with the handler.

use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::form::Node;
use crate::reply::Reply;
use contracts::KeyKind;
use http::Method;
use matchit::Router;
use serde_json::Value;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use types::Kind;

pub(crate) type Handler = Arc<dyn Fn(Call, Node) -> Pin<Box<dyn Future<Output = Result<Reply>> + Send>> + Send + Sync>;

/// Which keys may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Secret,
    /// Publishable keys too, with which a payer may give these parameters and no others; the handler checks the client secret,
    /// and that what the merchant has set stays.
    Publishable {
        params: &'static [&'static str],
    },
}

/// What an endpoint answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returns {
    Object(Kind),
    List(Kind),
    Search(Kind),
    /// A shape of its own, by the name of its schema.
    Schema(&'static str),
    ListOf(&'static str),
}

impl Returns {
    /// The kind whose references `expand[]` may name, and whether they are below `data`.
    pub fn expansion(self) -> Option<(Kind, bool)> {
        match self {
            Returns::Object(kind) => Some((kind, false)),
            Returns::List(kind) | Returns::Search(kind) => Some((kind, true)),
            Returns::Schema(_) | Returns::ListOf(_) => None,
        }
    }
}

/// One method and path of the API.
pub struct Endpoint {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub returns: Returns,
    /// The parameters' JSON schema.
    pub params: Value,
    pub(crate) handler: Handler,
}

impl Endpoint {
    /// Opens the endpoint to publishable keys, with these parameters: any other is for the merchant to give.
    pub fn publishable(&mut self, params: &'static [&'static str]) {
        self.access = Access::Publishable { params };
    }

    /// Whether a publishable key may give the parameter.
    pub fn is_payers(&self, param: &str) -> bool {
        matches!(self.access, Access::Publishable { params } if params.contains(&param))
    }

    /// Refuses a key that does not open the endpoint, or a parameter that is not for that key to give. What the endpoint does
    /// not take at all is refused when it is decoded.
    pub(crate) fn admit(&self, key: KeyKind, params: &Node) -> Result<(), ApiError> {
        self.check_access(key)?;
        let (KeyKind::Publishable, Node::Map(given)) = (key, params) else { return Ok(()) };
        let is_merchants = |name: &str| self.params["properties"].get(name).is_some() && !self.is_payers(name);
        let Some((name, _)) = given.iter().find(|(name, _)| is_merchants(name)) else { return Ok(()) };
        let message = format!("{name} cannot be given with a publishable API key; use a secret key.");
        Err(ApiError::coded("secret_key_required", message).param(name.as_str()))
    }

    /// Whether it has no effect.
    pub fn reads(&self) -> bool {
        self.method == Method::GET
    }

    /// Refuses a key that may not call it.
    pub fn check_access(&self, key: KeyKind) -> Result<(), ApiError> {
        if self.access == Access::Secret && key == KeyKind::Publishable {
            let message = "This API call cannot be made with a publishable API key; use a secret key.";
            let mut error = ApiError::forbidden(message);
            error.code = Some("secret_key_required");
            return Err(error);
        }
        Ok(())
    }
}

/// Every endpoint.
#[derive(Default)]
pub struct Endpoints {
    all: Vec<Arc<Endpoint>>,
    routes: HashMap<Method, Router<usize>>,
}

/// An endpoint with the parameters in a path.
#[derive(Clone)]
pub struct Route {
    pub endpoint: Arc<Endpoint>,
    pub path_params: Arc<[(String, String)]>,
}

impl Endpoints {
    pub(crate) fn add(&mut self, endpoint: Endpoint) -> &mut Endpoint {
        let at = self.all.len();
        let routes = self.routes.entry(endpoint.method.clone()).or_default();
        if let Err(error) = routes.insert(endpoint.path, at) {
            // Found by the first test that builds the registry: a program with two meanings for one path must not run.
            #[allow(clippy::panic)]
            {
                panic!("{} {}: {error}", endpoint.method, endpoint.path);
            }
        }
        self.all.push(Arc::new(endpoint));
        // The only reference so far.
        #[allow(clippy::expect_used)]
        Arc::get_mut(&mut self.all[at]).expect("a new endpoint")
    }

    pub fn iter(&self) -> impl Iterator<Item = &Endpoint> {
        self.all.iter().map(|endpoint| &**endpoint)
    }

    /// The endpoint of that method and path template: `/v1/refunds/{id}`.
    pub fn get(&self, method: &Method, path: &str) -> Option<&Arc<Endpoint>> {
        self.all.iter().find(|endpoint| endpoint.method == *method && endpoint.path == path)
    }

    /// The endpoint for a request.
    pub fn find(&self, method: &Method, path: &str) -> Option<Route> {
        let found = self.routes.get(method)?.at(path.strip_suffix('/').unwrap_or(path)).ok()?;
        let path_params = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Route { endpoint: self.all.get(*found.value)?.clone(), path_params })
    }
}
