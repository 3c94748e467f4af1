//! Keys that are being looked up. Keys that are strange wait for each other, not for what is known: strangers may send as many as
//! they like.

use contracts::identity::{Caller, IdentityError};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// How many strange keys may be looked up or wait for it; more are refused.
const STRANGE_MAX: usize = 256;

type Hash = [u8; 32];
type Found = Result<Option<Caller>, IdentityError>;
type UnderWay = HashMap<Hash, Shared<BoxFuture<'static, Found>>>;

/// How much is known of a key that has to be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Familiarity {
    /// It was a tenant's a moment ago.
    Familiar,
    Strange,
}

/// One look-up for each key, however many requests wait for it.
pub(crate) struct LookUps {
    under_way: Arc<Mutex<UnderWay>>,
    familiar: Arc<Semaphore>,
    strange: Arc<Semaphore>,
    strange_queue: Arc<Semaphore>,
}

/// The look-up of a key is under way until this is dropped.
struct Entry(Arc<Mutex<UnderWay>>, Hash);

impl Drop for Entry {
    fn drop(&mut self) {
        locked(&self.0).remove(&self.1);
    }
}

fn locked(under_way: &Mutex<UnderWay>) -> MutexGuard<'_, UnderWay> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LookUps {
    /// Each kind of key has a quarter of so many connections.
    pub fn new(connections: usize) -> Self {
        let places = || Arc::new(Semaphore::new((connections / 4).clamp(1, Semaphore::MAX_PERMITS)));
        let strange_queue = Arc::new(Semaphore::new(STRANGE_MAX));
        LookUps { under_way: Arc::default(), familiar: places(), strange: places(), strange_queue }
    }

    /// What is found. The look-up goes on if its caller goes away, so that what it finds is known to the next one.
    pub async fn find(
        &self,
        hash: Hash,
        familiarity: Familiarity,
        look_up: impl Future<Output = Found> + Send + 'static,
    ) -> Found {
        let found = {
            let mut under_way = locked(&self.under_way);
            match under_way.get(&hash) {
                Some(found) => found.clone(),
                None => {
                    let found = self.start(hash, familiarity, look_up)?;
                    under_way.insert(hash, found.clone());
                    found
                }
            }
        };
        found.await
    }

    fn start(
        &self,
        hash: Hash,
        familiarity: Familiarity,
        look_up: impl Future<Output = Found> + Send + 'static,
    ) -> Result<Shared<BoxFuture<'static, Found>>, IdentityError> {
        let (places, queued) = match familiarity {
            Familiarity::Familiar => (&self.familiar, None),
            Familiarity::Strange => {
                let queued = self.strange_queue.clone().try_acquire_owned().map_err(|_| IdentityError::Overloaded)?;
                (&self.strange, Some(queued))
            }
        };
        let (places, under_way) = (places.clone(), self.under_way.clone());
        let task = tokio::spawn(async move {
            let _until_found = (Entry(under_way, hash), queued);
            let _place = places.acquire_owned().await;
            look_up.await
        });
        let found =
            async move { task.await.unwrap_or_else(|error| Err(IdentityError::Unavailable(error.to_string()))) };
        Ok(found.boxed().shared())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn hash(number: usize) -> Hash {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        hash
    }

    #[tokio::test]
    async fn strange_keys_keep_no_familiar_one_waiting_and_are_refused_when_they_are_too_many() {
        let look_ups = Arc::new(LookUps::new(8));
        let running = Arc::new(AtomicUsize::new(0));
        let strangers: Vec<_> = (0..STRANGE_MAX)
            .map(|number| {
                let (look_ups, running) = (look_ups.clone(), running.clone());
                let never = async move {
                    running.fetch_add(1, Ordering::SeqCst);
                    std::future::pending().await
                };
                tokio::spawn(async move { look_ups.find(hash(number), Familiarity::Strange, never).await })
            })
            .collect();
        while locked(&look_ups.under_way).len() < STRANGE_MAX || running.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        let none = async { Ok(None) };
        assert_eq!(look_ups.find(hash(999), Familiarity::Strange, none).await, Err(IdentityError::Overloaded));
        let none = async { Ok(None) };
        assert_eq!(look_ups.find(hash(999), Familiarity::Familiar, none).await, Ok(None));
        assert_eq!(running.load(Ordering::SeqCst), 2, "a quarter of the connections");
        drop(strangers);
    }

    #[tokio::test]
    async fn a_key_is_looked_up_once_also_when_its_caller_goes_away() {
        let look_ups = LookUps::new(4);
        let (may_end, count) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let look_up = || {
            let (may_end, count) = (may_end.clone(), count.clone());
            look_ups.find(hash(1), Familiarity::Strange, async move {
                let _ = may_end.acquire().await;
                count.fetch_add(1, Ordering::SeqCst);
                Ok(None)
            })
        };
        // It begins, and is given up.
        assert!(look_up().now_or_never().is_none());
        let both = (look_up(), look_up());
        may_end.add_permits(1);
        assert_eq!(futures_util::future::join(both.0, both.1).await, (Ok(None), Ok(None)));
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}
