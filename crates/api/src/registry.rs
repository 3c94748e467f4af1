//! The operations and resources there are. Each resource's file registers its own.

use crate::call::Call;
use crate::error::{ApiError, Failure, Result};
use crate::form::Node;
use crate::list::{self, ListParams};
use crate::params::{Param, ParamGroup};
use crate::reply::Reply;
use crate::resource::{Facts, Resource};
use crate::search::{self, SearchField, SearchParams};
use contracts::ListQuery;
use domain::SqlView;
use http::Method;
use matchit::Params;
use serde_json::Value;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use types::Kind;

type Handler = Arc<dyn Fn(Call, Node) -> Pin<Box<dyn Future<Output = Result<Reply>> + Send>> + Send + Sync>;

/// Which keys may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Secret,
    /// Publishable keys too; the handler checks the client secret.
    Publishable,
}

/// What an operation answers with.
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

/// One operation of the API.
pub struct Operation {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub returns: Returns,
    /// The parameters' JSON schema.
    pub params: Value,
    pub(crate) handler: Handler,
}

/// Every operation and every resource.
#[derive(Default)]
pub struct Registry {
    pub operations: Vec<Operation>,
    resources: HashMap<Kind, Facts>,
    routes: HashMap<Method, matchit::Router<usize>>,
}

impl Registry {
    /// Makes a kind of object known.
    pub fn resource<T: Resource>(&mut self) {
        self.resources.insert(T::KIND, Facts::of::<T>());
    }

    pub fn facts(&self, kind: Kind) -> Option<&Facts> {
        self.resources.get(&kind)
    }

    /// The SQL views of all kinds of object, in the order of their numbers.
    pub fn sql_views(&self) -> Vec<SqlView> {
        let mut views: Vec<_> = self.resources.values().map(|facts| facts.sql_view).collect();
        views.sort_unstable_by_key(|view| view.kind);
        views
    }

    pub fn get<P, F, R>(&mut self, path: &'static str, returns: Returns, handler: F) -> &mut Operation
    where
        P: Param + Send + 'static,
        F: Fn(Call, P) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Reply>> + Send + 'static,
    {
        self.operation(Method::GET, path, returns, handler)
    }

    pub fn post<P, F, R>(&mut self, path: &'static str, returns: Returns, handler: F) -> &mut Operation
    where
        P: Param + Send + 'static,
        F: Fn(Call, P) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Reply>> + Send + 'static,
    {
        self.operation(Method::POST, path, returns, handler)
    }

    pub fn delete<P, F, R>(&mut self, path: &'static str, returns: Returns, handler: F) -> &mut Operation
    where
        P: Param + Send + 'static,
        F: Fn(Call, P) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Reply>> + Send + 'static,
    {
        self.operation(Method::DELETE, path, returns, handler)
    }

    /// `GET path/{id}` for a resource that needs no more than to be shown.
    pub fn retrieve<T: Resource>(&mut self, path: &'static str) -> &mut Operation {
        self.get(path, Returns::Object(T::KIND), |call: Call, _: crate::params::NoParams| async move {
            let object = call.path_object::<T>("id").await?;
            Ok(call.reply(&object))
        })
    }

    /// A list, newest first. `narrow` adds the conditions of the list's own parameters to the query.
    pub fn list<T, P, F, R>(&mut self, path: &'static str, narrow: F) -> &mut Operation
    where
        T: Resource,
        P: Param + ParamGroup + Send + 'static,
        F: Fn(Call, P, ListQuery) -> R + Send + Sync + 'static,
        R: Future<Output = Result<ListQuery>> + Send + 'static,
    {
        let narrow = Arc::new(narrow);
        let handler: Handler = Arc::new(move |call, mut node| {
            let narrow = narrow.clone();
            Box::pin(async move {
                let paging = ListParams::take(&mut node, "")?;
                let params = P::parse(node, "")?;
                let query = list::query::<T>(&call, paging).await?;
                let query = narrow(call.clone(), params, query).await?;
                list::reply::<T>(&call, &query).await
            })
        });
        let (mut properties, mut required) = Default::default();
        ListParams::describe(&mut properties, &mut required);
        P::describe(&mut properties, &mut required);
        let params = serde_json::json!({ "type": "object", "properties": properties });
        self.add(Operation {
            method: Method::GET,
            path,
            access: Access::Secret,
            returns: Returns::List(T::KIND),
            params,
            handler,
        })
    }

    /// A search by Stripe's query language over the attributes named.
    pub fn search<T: Resource>(&mut self, path: &'static str, fields: &'static [SearchField]) -> &mut Operation {
        let handler: Handler = Arc::new(move |call, node| {
            Box::pin(async move {
                let params = SearchParams::parse(node, "")?;
                search::reply::<T>(&call, params, fields).await
            })
        });
        let params = SearchParams::schema();
        self.add(Operation {
            method: Method::GET,
            path,
            access: Access::Secret,
            returns: Returns::Search(T::KIND),
            params,
            handler,
        })
    }

    fn operation<P, F, R>(&mut self, method: Method, path: &'static str, returns: Returns, handler: F) -> &mut Operation
    where
        P: Param + Send + 'static,
        F: Fn(Call, P) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Reply>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let handler: Handler = Arc::new(move |call, node| {
            let handler = handler.clone();
            Box::pin(async move { handler(call, P::parse(node, "")?).await })
        });
        self.add(Operation { method, path, access: Access::Secret, returns, params: P::schema(), handler })
    }

    fn add(&mut self, operation: Operation) -> &mut Operation {
        let at = self.operations.len();
        let routes = self.routes.entry(operation.method.clone()).or_default();
        if let Err(error) = routes.insert(operation.path, at) {
            // Found by the first test that builds the registry; a program with two meanings for one path must not run.
            #[allow(clippy::panic)]
            {
                panic!("{} {}: {error}", operation.method, operation.path);
            }
        }
        self.operations.push(operation);
        &mut self.operations[at]
    }

    /// The operation for a request, with the parameters in its path.
    pub fn find<'a, 'p>(&'a self, method: &Method, path: &'p str) -> Option<(&'a Operation, Params<'a, 'p>)> {
        let found = self.routes.get(method)?.at(path.strip_suffix('/').unwrap_or(path)).ok()?;
        Some((self.operations.get(*found.value)?, found.params))
    }
}

impl Operation {
    /// Opens the operation to publishable keys.
    pub fn publishable(&mut self) {
        self.access = Access::Publishable;
    }
}

/// The answer to a request that no operation serves.
pub(crate) fn unknown_operation(method: &Method, path: &str) -> Failure {
    let shown: String = path.chars().take(200).collect();
    let message = if crate::openapi::is_known_elsewhere(method, path) {
        format!("{method} {shown} is not implemented by Florin; /openapi.json lists what is.")
    } else {
        format!("Unrecognized request URL ({method}: {shown}); /openapi.json lists what there is.")
    };
    ApiError::no_such_operation(message).into()
}
