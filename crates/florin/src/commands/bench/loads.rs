//! What is measured in turns.

use super::journal::Journal;
use super::load_generator::{Load, Neighbour};
use super::preparation::{self, Place};
use super::report::Row;
use super::request_writer::{Caller, Known};
use super::workload::Workload;
use super::{Bench, known};
use crate::arguments::Access;
use platform::database::DatabaseConfig;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Payments that a neighbour searches unless it is said how many are stored.
const SEARCHED: u64 = 10_000;

const WARM_UP_MAX: Duration = Duration::from_secs(2);

impl Bench {
    /// The tenant that searches beside the others, with payments to look through.
    pub(super) async fn neighbour(
        &self,
        connections: u32,
        access: &Access,
        place: &Place,
        config: Option<&DatabaseConfig>,
    ) -> anyhow::Result<Neighbour> {
        let neighbour = preparation::neighbour(known("--neighbour", config)?, access).await?;
        let callers = Arc::new(vec![place.caller(&neighbour, Known::default())]);
        let payments = if self.fill > 0 { self.fill } else { SEARCHED };
        preparation::fill(place, &[neighbour], payments).await?;
        Ok(Neighbour { callers, connections })
    }

    /// The loads of a round, each with the number of the load that it is compared with. With a journal nothing is compared:
    /// one load has the repeats, and is spread over both servers.
    pub(super) fn loads(
        &self,
        place: &Place,
        also: Option<SocketAddr>,
        groups: &[Arc<Vec<Caller>>],
        neighbour: Option<&Neighbour>,
        journal: Option<&Arc<Journal>>,
    ) -> Vec<(Load, Option<usize>)> {
        let workloads: &[Workload] = match (self.mix, self.reads) {
            (true, _) => &[Workload::Mix],
            (_, true) => Workload::READS,
            _ => &[Workload::Payments],
        };
        let connections = match (self.connections.is_empty(), self.rate, self.reads) {
            (false, _, _) => self.connections.clone(),
            (true, Some(_), _) => vec![256],
            (true, None, true) => vec![64],
            (true, None, false) => vec![64, 256],
        };
        let time = Duration::from_secs(u64::from(self.seconds));
        let mut loads = Vec::new();
        for callers in groups {
            for workload in workloads {
                for connections in &connections {
                    let base = Load {
                        addresses: vec![place.address],
                        workload: *workload,
                        callers: Arc::clone(callers),
                        journal: journal.cloned(),
                        connections: *connections,
                        rate: self.rate,
                        neighbour: None,
                        warm_up: WARM_UP_MAX.min(time / 5),
                        time,
                    };
                    if journal.is_some() {
                        let workload = self.repeats.map_or(base.workload, Workload::Repeated);
                        let addresses = [place.address].into_iter().chain(also).collect();
                        loads.push((Load { workload, addresses, ..base }, None));
                        continue;
                    }
                    let number = loads.len();
                    loads.push((base.clone(), None));
                    if let Some(percent) = self.repeats {
                        loads.push((Load { workload: Workload::Repeated(percent), ..base.clone() }, Some(number)));
                    }
                    if let Some(neighbour) = neighbour {
                        loads.push((Load { neighbour: Some(neighbour.clone()), ..base.clone() }, Some(number)));
                    }
                    if let Some(also) = also {
                        loads.push((Load { addresses: vec![place.address, also], ..base }, Some(number)));
                    }
                }
            }
        }
        loads
    }
}

/// The row of a load, without figures.
pub(super) fn row(load: &Load, base: Option<usize>) -> Row {
    Row {
        workload: load.workload.name(),
        makes_payments: load.workload.makes_payments(),
        tenants: load.callers.len(),
        connections: load.connections,
        rate: load.rate,
        servers: load.addresses.len(),
        searches: load.neighbour.as_ref().map_or(0, |neighbour| neighbour.connections),
        base,
        compared: None,
        median: None,
        ratio: None,
        rounds: Vec::new(),
    }
}
