//! Where the areas enter their kinds of object, their endpoints, and what is done without a request.

use crate::call::Call;
use crate::due::{DueHandlers, Job, JobTenants};
use crate::endpoint::{Access, Endpoint, Endpoints, Handler, Returns};
use crate::error::Result;
use crate::extensions::Extensions;
use crate::kinds::Kinds;
use crate::list::{self, ListParams};
use crate::open::{OpenEndpoint, OpenRoutes};
use crate::params::{Param, ParamGroup};
use crate::reply::Reply;
use crate::resource::Resource;
use crate::search::{self, SearchField, SearchParams};
use crate::services::Services;
use contracts::ListQuery;
use domain::{FallsDue, Object, Versioned};
use http::Method;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use types::{TenantId, Timestamp};

/// Everything that the areas have entered.
#[derive(Default)]
pub struct Registry {
    pub kinds: Kinds,
    pub endpoints: Endpoints,
    pub(crate) extensions: Extensions,
    pub(crate) open: OpenRoutes,
    pub(crate) due: DueHandlers,
    pub(crate) jobs: Vec<Job>,
}

impl Registry {
    /// Enters a kind of object that never falls due.
    pub fn resource<R: Resource>(&mut self) {
        const { assert!(!R::Object::FALLS_DUE, "objects of this kind fall due: enter it by `resource_due`") }
        self.kinds.add::<R>();
    }

    /// Enters a kind of object that falls due, and what the worker does then.
    pub fn resource_due<R, F, D>(&mut self, when_due: F)
    where
        R: Resource<Object: FallsDue>,
        F: Fn(Call, Versioned<R::Object>) -> D + Send + Sync + 'static,
        D: Future<Output = Result<()>> + Send + 'static,
    {
        const { assert!(R::Object::FALLS_DUE, "objects of this kind never fall due: enter it by `resource`") }
        self.kinds.add::<R>();
        self.due.add::<R::Object, F, D>(when_due);
    }

    /// Something that the worker does for tenants again and again: each time that a multiple of `every` since 1970 has come,
    /// for the tenants that `find` finds then. That is asked once for all of them, and must be cheap.
    pub fn job<T, S, F, R>(&mut self, name: &'static str, every: Duration, find: T, run: F)
    where
        T: Fn(Arc<Services>, Timestamp) -> S + Send + Sync + 'static,
        S: Future<Output = Result<Vec<TenantId>>> + Send + 'static,
        F: Fn(Call) -> R + Send + Sync + 'static,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        let find: JobTenants = Arc::new(move |services, now| Box::pin(find(services, now)));
        self.jobs.push(Job { name, every, find, run: Arc::new(move |call| Box::pin(run(call))) });
    }

    /// A path that is served without an API key.
    pub fn open(&mut self, endpoint: OpenEndpoint) {
        self.open.add(endpoint);
    }

    /// Shares a value with other crates; handlers get it by [`Call::extension`].
    pub fn extend<T: Any + Send + Sync>(&mut self, value: T) {
        self.extensions.insert(value);
    }

    /// A shared value.
    pub fn extension_mut<T: Any + Send + Sync>(&mut self) -> Option<&mut T> {
        self.extensions.get_mut()
    }

    pub fn get<P, F, R>(&mut self, path: &'static str, returns: Returns, handler: F) -> &mut Endpoint
    where
        P: Param + Send + 'static,
        F: Fn(Call, P) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Reply>> + Send + 'static,
    {
        self.endpoint(Method::GET, path, returns, handler)
    }

    pub fn post<P, F, R>(&mut self, path: &'static str, returns: Returns, handler: F) -> &mut Endpoint
    where
        P: Param + Send + 'static,
        F: Fn(Call, P) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Reply>> + Send + 'static,
    {
        self.endpoint(Method::POST, path, returns, handler)
    }

    pub fn delete<P, F, R>(&mut self, path: &'static str, returns: Returns, handler: F) -> &mut Endpoint
    where
        P: Param + Send + 'static,
        F: Fn(Call, P) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Reply>> + Send + 'static,
    {
        self.endpoint(Method::DELETE, path, returns, handler)
    }

    /// `GET path/{id}` for a resource that needs no more than to be shown.
    pub fn retrieve<R: Resource>(&mut self, path: &'static str) -> &mut Endpoint {
        self.get(path, Returns::Object(R::Object::KIND), |call: Call, _: crate::params::NoParams| async move {
            let object = call.path_object::<R::Object>("id").await?;
            Ok(call.reply::<R>(&object))
        })
    }

    /// A list, newest first. `narrow` adds the conditions of the list's own parameters to the query.
    pub fn list<R, P, F, Q>(&mut self, path: &'static str, narrow: F) -> &mut Endpoint
    where
        R: Resource,
        P: Param + ParamGroup + Send + 'static,
        F: Fn(Call, P, ListQuery) -> Q + Send + Sync + 'static,
        Q: Future<Output = Result<ListQuery>> + Send + 'static,
    {
        let narrow = Arc::new(narrow);
        let handler: Handler = Arc::new(move |call, mut node| {
            let narrow = narrow.clone();
            Box::pin(async move {
                let paging = ListParams::take(&mut node, "")?;
                let params = P::parse(node, "")?;
                let query = list::query::<R>(&call, paging).await?;
                let query = narrow(call.clone(), params, query).await?;
                list::reply::<R>(&call, &query).await
            })
        });
        let (mut properties, mut required) = Default::default();
        ListParams::describe(&mut properties, &mut required);
        P::describe(&mut properties, &mut required);
        let params = serde_json::json!({ "type": "object", "properties": properties });
        self.endpoints.add(Endpoint {
            method: Method::GET,
            path,
            access: Access::Secret,
            returns: Returns::List(R::Object::KIND),
            params,
            handler,
        })
    }

    /// A search by Stripe's query language over the attributes named.
    pub fn search<R: Resource>(&mut self, path: &'static str, fields: &'static [SearchField]) -> &mut Endpoint {
        let handler: Handler = Arc::new(move |call, node| {
            Box::pin(async move {
                let params = SearchParams::parse(node, "")?;
                search::reply::<R>(&call, params, fields).await
            })
        });
        let params = SearchParams::schema();
        self.endpoints.add(Endpoint {
            method: Method::GET,
            path,
            access: Access::Secret,
            returns: Returns::Search(R::Object::KIND),
            params,
            handler,
        })
    }

    fn endpoint<P, F, R>(&mut self, method: Method, path: &'static str, returns: Returns, handler: F) -> &mut Endpoint
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
        self.endpoints.add(Endpoint { method, path, access: Access::Secret, returns, params: P::schema(), handler })
    }
}

/// Declares an area: the modules of its resources, and the function `register`, which has each enter itself by a function
/// `register` of its own. A new resource is one line.
#[macro_export]
macro_rules! area {
    ($(mod $resource:ident;)*) => {
        $(mod $resource;)*

        /// Enters the area's resources into the API.
        pub fn register(registry: &mut $crate::Registry) {
            $($resource::register(registry);)*
        }
    };
}
