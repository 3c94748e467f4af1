//! Another tenant who takes what it can, while something is measured.

use super::super::request_script::Script;
use super::super::request_writer::Caller;
use super::super::workload::Workload;
use super::{Load, Shared, client, open};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Another tenant, who searches over that many connections.
#[derive(Clone)]
pub struct Neighbour {
    pub callers: Arc<Vec<Caller>>,
    pub connections: u32,
}

impl Neighbour {
    /// Searches until the result is dropped. How fast it is answered, and whether it is refused, is its own affair.
    pub(super) fn disturb(&self, load: &Load) -> anyhow::Result<JoinSet<()>> {
        let shared = Shared::new(None, None)?;
        let mut clients = JoinSet::new();
        for turn in 0..usize::try_from(self.connections)? {
            let (address, shared) = (load.address(turn), Arc::clone(&shared));
            let script = Script::new(Workload::Scans, Arc::clone(&self.callers), turn, shared.answered.clone());
            clients.spawn(async move {
                if let Ok(connection) = open(address).await {
                    client(address, connection, script, shared).await;
                }
            });
        }
        Ok(clients)
    }
}
