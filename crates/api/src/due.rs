//! What is done without a request: what the worker does with an object that is due, and jobs for tenants.

use crate::call::Call;
use crate::error::{Failure, Result};
use crate::resource::decoded;
use crate::services::Services;
use contracts::Stored;
use domain::{FallsDue, Versioned, retries};
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use types::{Kind, ObjectId, TenantId, Timestamp};

pub(crate) type DueHandler = Arc<dyn Fn(Call, &Stored) -> Result<BoxFuture<'static, Result<()>>> + Send + Sync>;

/// What the worker does with an object that is due, by kind.
#[derive(Default)]
pub struct DueHandlers(HashMap<Kind, DueHandler>);

impl DueHandlers {
    pub(crate) fn add<T, F, R>(&mut self, handler: F)
    where
        T: FallsDue,
        F: Fn(Call, Versioned<T>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        let handler: DueHandler = Arc::new(move |call, stored| {
            let work = handler(call.clone(), decoded::<T>(stored)?);
            let id = stored.id;
            Ok(Box::pin(async move {
                let result = work.await;
                if matches!(result, Err(Failure::Error(_))) {
                    postponed::<T>(&call, id).await?;
                }
                result
            }))
        });
        self.0.insert(T::KIND, handler);
    }

    /// Those that fall due.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.0.keys().copied()
    }

    pub(crate) fn of(&self, kind: Kind) -> Option<&DueHandler> {
        self.0.get(&kind)
    }
}

/// What failed is tried again later: if the object is still due, that is written into it.
async fn postponed<T: FallsDue>(call: &Call, id: ObjectId) -> Result<()> {
    let Some(mut object) = call.load::<T>(id).await? else { return Ok(()) };
    if object.index().due.is_some_and(|due| due <= call.now) {
        let mut changes = call.changes();
        retries::postpone(&mut changes, &mut object);
        call.commit_bare(changes).await?;
    }
    Ok(())
}

/// Something that is done for tenants again and again: for those for which there is something to do.
pub struct Job {
    pub name: &'static str,
    pub every: Duration,
    pub(crate) find: JobTenants,
    pub(crate) run: Arc<dyn Fn(Call) -> BoxFuture<'static, Result<()>> + Send + Sync>,
}

/// The tenants for which there is something to do at a time.
pub(crate) type JobTenants =
    Arc<dyn Fn(Arc<Services>, Timestamp) -> BoxFuture<'static, Result<Vec<TenantId>>> + Send + Sync>;
