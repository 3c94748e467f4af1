//! States as of past versions, folded from the log: each object once, forwards, however many of its versions are wanted.

use super::objects::{Objects, kinds_and_values};
use super::query::{Query, QueryPool};
use super::stream::{Budget, Turn};
use crate::log::entries::decode;
use crate::store::column_values::object_id;
use crate::store::errors::{ReadError, RowError};
use contracts::ledger::{LedgerError, Stored};
use domain::commit::{Index, Version};
use domain::patch;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use types::ObjectId;

/// States as of past versions, in the order asked for.
pub(crate) async fn states(
    queries: &QueryPool,
    objects: &Objects,
    tenant: i32,
    at: &[(ObjectId, Version)],
) -> Result<Vec<Option<Stored>>, LedgerError> {
    let past = |id, version, state| Stored { id, version, index: Index::default(), state };
    if let [(id, version)] = at {
        // Most often the newest version is asked for, which needs no folding.
        let newest = objects.newest(tenant, &[*id], usize::MAX).await?.pop();
        match newest {
            Some(stored) if stored.version == *version => return Ok(vec![Some(past(*id, *version, stored.state))]),
            Some(stored) if stored.version > *version => (),
            _ => return Ok(vec![None]),
        }
    }
    let mut wanted: HashMap<ObjectId, Wanted> = HashMap::new();
    for (id, version) in at.iter().filter(|(_, version)| *version > 0) {
        wanted.entry(*id).or_default().versions.insert(*version);
    }
    let states = fold(queries, tenant, wanted).await?;
    let state = |(id, version): &(ObjectId, Version)| {
        states.get(&(*id, *version)).map(|state| past(*id, *version, String::from(&**state)))
    };
    Ok(at.iter().map(state).collect())
}

/// The states that were wanted, of those that there are.
pub(super) type States = HashMap<(ObjectId, Version), Arc<str>>;

/// What is wanted of one object.
#[derive(Default)]
pub(super) struct Wanted {
    pub versions: BTreeSet<Version>,
    /// Its newest changes, as far as they are known already: each with its version, without a gap. Only what was before them
    /// is read.
    pub newest: Vec<(Version, String)>,
}

impl Wanted {
    /// The newest version that has to be read.
    pub fn until(&self) -> Version {
        let known = self.newest.first().map(|(version, _)| version.saturating_sub(1));
        known.or(self.versions.last().copied()).unwrap_or(0)
    }
}

/// Folds the wanted states. Of the history, which may be of any size, no more is kept than one row.
pub(super) async fn fold(
    queries: &QueryPool,
    tenant: i32,
    mut wanted: HashMap<ObjectId, Wanted>,
) -> Result<States, LedgerError> {
    let mut kept = Kept { states: States::new(), budget: Budget::of_tenant(), turn: Turn::default() };
    let read: Vec<(ObjectId, Version)> =
        wanted.iter().map(|(id, wanted)| (*id, wanted.until())).filter(|(_, until)| *until > 0).collect();
    if !read.is_empty() {
        let mut rows = queries.open(&history(tenant, &read)).await?;
        let mut folding: Option<Folding> = None;
        while let Some(row) = rows.next().await? {
            let id = id_of(&row).map_err(ReadError::Row)?;
            if folding.as_ref().is_none_or(|folding| folding.id != id) {
                if let Some(complete) = folding.take() {
                    complete.finish(&mut kept).await?;
                }
                folding = wanted.remove(&id).map(|wanted| Folding::new(id, wanted));
            }
            let Some(folding) = &mut folding else { continue };
            let json: &[u8] = row.try_get(2).map_err(ReadError::Database)?;
            let entries = decode(json).map_err(|error| ReadError::Row(error.into()))?;
            for entry in entries.into_iter().filter(|entry| entry.object == id) {
                folding.add(entry.version, entry.change.get(), &mut kept).await?;
            }
        }
        if let Some(complete) = folding {
            complete.finish(&mut kept).await?;
        }
    }
    for (id, wanted) in wanted {
        Folding::new(id, wanted).finish(&mut kept).await?;
    }
    Ok(kept.states)
}

/// The rows of the log that have the changes of objects up to a version, one object after another.
fn history(tenant: i32, read: &[(ObjectId, Version)]) -> Query {
    let (kinds, values) = kinds_and_values(read.iter().map(|(id, _)| id));
    let versions: Vec<Version> = read.iter().map(|(_, until)| *until).collect();
    Query::of(
        tenant,
        "SELECT p.kind, p.id, l.entries
        FROM (
            SELECT k.kind, k.id, k.at, p.position
            FROM UNNEST($2::smallint[], $3::uuid[], $4::int[]) WITH ORDINALITY AS k (kind, id, version, at)
            CROSS JOIN LATERAL (
                SELECT o.position FROM ledger.objects o WHERE o.tenant = $1 AND o.kind = k.kind AND o.id = k.id
                UNION ALL
                (SELECT r.position FROM ledger.revisions r
                WHERE r.tenant = $1 AND r.kind = k.kind AND r.object = k.id AND r.version <= k.version
                ORDER BY r.version)
            ) p
            ORDER BY k.at, p.position
        ) p
        CROSS JOIN LATERAL (
            SELECT l.entries FROM ledger.log l WHERE l.tenant = $1 AND l.position = p.position LIMIT 1
        ) l
        ORDER BY p.at, p.position",
    )
    .with(kinds)
    .with(values)
    .with(versions)
}

fn id_of(row: &tokio_postgres::Row) -> Result<ObjectId, RowError> {
    Ok(object_id(row.try_get(0)?, row.try_get(1)?)?)
}

/// The states that were wanted so far.
struct Kept {
    states: States,
    budget: Budget,
    turn: Turn,
}

/// One object on its way through its versions.
struct Folding {
    id: ObjectId,
    wanted: Wanted,
    version: Version,
    state: Option<State>,
}

enum State {
    /// The first one needs to be parsed only if it goes on.
    First(Arc<str>),
    Parsed(Value),
}

impl Folding {
    fn new(id: ObjectId, wanted: Wanted) -> Self {
        Folding { id, wanted, version: 0, state: None }
    }

    async fn add(&mut self, version: Version, change: &str, kept: &mut Kept) -> Result<(), LedgerError> {
        let (id, before) = (self.id, self.version);
        if before.checked_add(1) != Some(version) {
            return Err(LedgerError::Unavailable(format!("the log has version {version} of {id} after {before}")));
        }
        self.version = version;
        let row = |error: serde_json::Error| LedgerError::from(ReadError::Row(error.into()));
        let mut state = match self.state.take() {
            None => State::First(change.into()),
            Some(State::First(first)) => State::Parsed(serde_json::from_str(&first).map_err(row)?),
            Some(parsed) => parsed,
        };
        if let State::Parsed(state) = &mut state {
            patch::apply(state, serde_json::from_str(change).map_err(row)?);
        }
        if self.wanted.versions.contains(&version) {
            let text = match &state {
                State::First(first) => Arc::clone(first),
                State::Parsed(value) => value.to_string().into(),
            };
            let bytes = text.len();
            kept.budget.spend(bytes)?;
            kept.states.insert((id, version), text);
            kept.turn.worked(bytes).await;
        }
        self.state = Some(state);
        Ok(())
    }

    /// Adds what was known before.
    async fn finish(mut self, kept: &mut Kept) -> Result<(), LedgerError> {
        for (version, change) in std::mem::take(&mut self.wanted.newest) {
            self.add(version, &change, kept).await?;
        }
        Ok(())
    }
}
