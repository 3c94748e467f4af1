use crate::card_testing::Tries;
use crate::due::{DueHandlers, Job};
use crate::endpoint::Endpoints;
use crate::keys_here::KeysHere;
use crate::open::OpenRoutes;
use crate::registry::Registry;
use crate::services::{Environment, Services};
use contracts::{Identity, Ledger};
use std::sync::Arc;
use types::Clock;

/// The API as a whole: its endpoints, and the services that they use.
pub struct Api {
    pub services: Arc<Services>,
    pub endpoints: Endpoints,
    pub open: OpenRoutes,
    pub(crate) due: DueHandlers,
    pub(crate) jobs: Vec<Job>,
    pub(crate) keys: KeysHere,
}

impl Api {
    pub fn new(
        ledger: Arc<dyn Ledger>,
        identity: Arc<dyn Identity>,
        clock: Arc<dyn Clock>,
        environment: Environment,
        registry: Registry,
    ) -> Arc<Self> {
        let Registry { kinds, extensions, endpoints, open, due, jobs } = registry;
        let tries = Tries::new(&environment.card_testing);
        let services = Arc::new(Services { ledger, identity, clock, environment, kinds, extensions, tries });
        Arc::new(Api { services, endpoints, open, due, jobs, keys: KeysHere::default() })
    }
}
