//! What is done without a request: what the worker does with an object that is due, and jobs of each tenant.

use crate::call::Call;
use crate::error::Result;
use crate::resource::decoded;
use contracts::Stored;
use domain::{Object, Versioned};
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use types::Kind;

pub(crate) type DueHandler = Arc<dyn Fn(Call, &Stored) -> Result<BoxFuture<'static, Result<()>>> + Send + Sync>;

/// What the worker does with an object that is due, by kind.
#[derive(Default)]
pub struct DueHandlers(HashMap<Kind, DueHandler>);

impl DueHandlers {
    pub(crate) fn add<T, F, R>(&mut self, handler: F)
    where
        T: Object,
        F: Fn(Call, Versioned<T>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        let handler: DueHandler =
            Arc::new(move |call, stored| Ok(Box::pin(handler(call, decoded::<T>(stored)?)) as BoxFuture<_>));
        self.0.insert(T::KIND, handler);
    }

    pub(crate) fn of(&self, kind: Kind) -> Option<&DueHandler> {
        self.0.get(&kind)
    }
}

/// Something that is done for each tenant again and again.
pub struct Job {
    pub name: &'static str,
    pub every: Duration,
    pub(crate) run: Arc<dyn Fn(Call) -> BoxFuture<'static, Result<()>> + Send + Sync>,
}
