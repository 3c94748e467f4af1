//! Which of the processes on a database does what only one needs to do.

use super::{Client, DatabaseConfig, DatabaseError, store, with_causes};
use std::time::Duration;
use tokio::time::timeout;

/// How long PostgreSQL may take to say who leads.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether this process leads. A lock of PostgreSQL says so, which the leader's connection has as long as it lives: when
/// the leader ends or cannot be reached, another process takes over at its next look. For a moment there may be two, so
/// leading saves work, and makes nothing safe.
pub struct Leadership {
    config: DatabaseConfig,
    /// What is led.
    name: &'static str,
    client: Option<Client>,
    leads: bool,
}

impl Leadership {
    pub fn new(config: DatabaseConfig, name: &'static str) -> Self {
        Leadership { config, name, client: None, leads: false }
    }

    /// Looks whether this process leads; takes the lead if no other process has it.
    pub async fn leads(&mut self) -> bool {
        let looked = timeout(ANSWER_TIMEOUT, self.look()).await;
        let leads = match looked {
            Ok(Ok(leads)) => leads,
            Ok(Err(error)) => {
                tracing::debug!(name = self.name, error = with_causes(&error), "who leads is not known");
                false
            }
            Err(_) => false,
        };
        self.set(leads);
        leads
    }

    /// Leaves the lead to another process.
    pub fn resign(&mut self) {
        self.client = None;
        self.set(false);
    }

    /// A connection that fails, or does not answer in time, is given up with its lock.
    async fn look(&mut self) -> Result<bool, DatabaseError> {
        let (client, has_lock) = match self.client.take().filter(|client| !client.is_closed()) {
            Some(client) => (client, self.leads),
            None => (self.config.connect().await?, false),
        };
        let leads = if has_lock {
            store::ping(&client).await?;
            true
        } else {
            store::leadership::try_lock(&client, self.name).await?
        };
        self.client = Some(client);
        Ok(leads)
    }

    fn set(&mut self, leads: bool) {
        if leads != self.leads {
            let now = if leads { "begins" } else { "ends" };
            tracing::info!(name = self.name, now, "the lead of this process");
            self.leads = leads;
        }
    }
}
