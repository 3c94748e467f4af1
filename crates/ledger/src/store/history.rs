//! States as of past versions, folded from the log.

use super::read::{Query, Reader, columns, unavailable};
use super::rows::{LogRow, RowError};
use crate::entries::{Entry, decode};
use contracts::ledger::{LedgerError, LogEntry, Stored};
use domain::commit::{Index, Version};
use domain::patch;
use serde_json::Value;
use std::collections::HashMap;
use types::{ObjectId, Timestamp};

/// A log entry, with what its own row says of its object before it.
pub(super) struct Told {
    pub position: i64,
    pub created: Timestamp,
    pub object: ObjectId,
    pub version: Version,
    /// Empty when nobody is told of it.
    pub event_type: String,
    change: String,
    /// The object's changes before this one in the same commit.
    before: Vec<String>,
    request_id: Option<String>,
    idempotency_key: Option<String>,
}

impl Told {
    /// The version that the object had before the commit.
    fn base(&self) -> Version {
        let before = Version::try_from(self.before.len()).unwrap_or(Version::MAX);
        self.version.saturating_sub(before).saturating_sub(1)
    }
}

/// The entries of a row of which somebody is told.
pub(super) fn told(row: LogRow) -> Result<Vec<Told>, RowError> {
    entries(&row, |entry| entry.event_type.is_some())
}

/// All entries of a row.
pub(super) fn all(row: LogRow) -> Result<Vec<Told>, RowError> {
    entries(&row, |_| true)
}

fn entries(row: &LogRow, wanted: impl Fn(&Entry<'_>) -> bool) -> Result<Vec<Told>, RowError> {
    let entries = decode(&row.entries)?;
    let mut found = Vec::with_capacity(entries.len());
    for (at, (position, entry)) in (row.position..).zip(&entries).enumerate().filter(|(_, (_, entry))| wanted(entry)) {
        let earlier = entries[..at].iter().filter(|earlier| earlier.object == entry.object);
        found.push(Told {
            position,
            created: row.created,
            object: entry.object,
            version: entry.version,
            event_type: entry.event_type.as_deref().unwrap_or_default().to_owned(),
            change: entry.change.get().to_owned(),
            before: earlier.map(|earlier| earlier.change.get().to_owned()).collect(),
            request_id: row.request_id.clone(),
            idempotency_key: row.idempotency_key.clone(),
        });
    }
    Ok(found)
}

/// Log entries with their objects as they were then. What their own commit does not say is read.
pub(super) async fn with_states(
    reader: &Reader,
    tenant: i32,
    entries: Vec<Told>,
) -> Result<Vec<LogEntry>, LedgerError> {
    let mut needed: Vec<(ObjectId, Version)> =
        entries.iter().map(|entry| (entry.object, entry.base())).filter(|(_, base)| *base > 0).collect();
    needed.sort_unstable();
    needed.dedup();
    let found = states(reader, tenant, &needed).await?;
    let bases: HashMap<(ObjectId, Version), String> =
        needed.into_iter().zip(found).filter_map(|(at, stored)| Some((at, stored?.state))).collect();
    let entry = |told: Told| {
        let base = bases.get(&(told.object, told.base())).map(String::as_str);
        let earlier = base.into_iter().chain(told.before.iter().map(String::as_str));
        let before = fold(earlier)?;
        let state = fold(before.as_deref().into_iter().chain([told.change.as_str()]))?;
        Ok(LogEntry {
            position: told.position,
            created: told.created,
            object: told.object,
            version: told.version,
            event_type: Some(told.event_type).filter(|event_type| !event_type.is_empty()),
            state: state.unwrap_or_default(),
            before,
            request_id: told.request_id,
            idempotency_key: told.idempotency_key,
        })
    };
    entries.into_iter().map(entry).collect::<Result<_, RowError>>().map_err(unavailable)
}

/// States as of past versions, in the order asked for.
pub(super) async fn states(
    reader: &Reader,
    tenant: i32,
    at: &[(ObjectId, Version)],
) -> Result<Vec<Option<Stored>>, LedgerError> {
    if at.is_empty() {
        return Ok(Vec::new());
    }
    let mut ids: Vec<ObjectId> = at.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    // Most often it is the newest version that is asked for.
    let current: HashMap<ObjectId, Stored> =
        reader.current(tenant, &ids).await?.into_iter().map(|stored| (stored.id, stored)).collect();
    let is_past = |(id, version): &&(ObjectId, Version)| {
        *version > 0 && current.get(id).is_some_and(|stored| stored.version > *version)
    };
    let logs = logs(reader, tenant, at.iter().filter(is_past)).await?;
    let state = |(id, version): &(ObjectId, Version)| {
        let known = current.get(id).filter(|stored| stored.version == *version).map(|stored| stored.state.clone());
        let state = match (known, logs.get(id)) {
            (Some(state), _) => Some(state),
            (None, Some(log)) => {
                let until = usize::try_from(*version).ok().and_then(|until| log.get(..until));
                fold(until.unwrap_or_default().iter().map(String::as_str))?
            }
            (None, None) => None,
        };
        Ok(state.map(|state| Stored { id: *id, version: *version, index: Index::default(), state }))
    };
    at.iter().map(state).collect::<Result<_, RowError>>().map_err(unavailable)
}

/// Each object's changes, from its creation to the newest version that is asked for.
async fn logs(
    reader: &Reader,
    tenant: i32,
    at: impl Iterator<Item = &(ObjectId, Version)>,
) -> Result<HashMap<ObjectId, Vec<String>>, LedgerError> {
    let mut wanted: HashMap<ObjectId, Version> = HashMap::new();
    for (id, version) in at {
        wanted.entry(*id).and_modify(|newest| *newest = (*newest).max(*version)).or_insert(*version);
    }
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let (kinds, values) = columns(wanted.keys());
    let versions: Vec<Version> = wanted.values().copied().collect();
    let query = Query::of(
        tenant,
        "SELECT k.kind, k.id, l.entries
        FROM UNNEST($2::smallint[], $3::uuid[], $4::int[]) AS k (kind, id, version)
        CROSS JOIN LATERAL (
            SELECT o.position FROM ledger.objects o WHERE o.tenant = $1 AND o.kind = k.kind AND o.id = k.id
            UNION ALL
            (SELECT r.position FROM ledger.revisions r
            WHERE r.tenant = $1 AND r.kind = k.kind AND r.object = k.id AND r.version <= k.version
            ORDER BY r.version)
        ) p
        CROSS JOIN LATERAL (
            SELECT l.entries FROM ledger.log l WHERE l.tenant = $1 AND l.position = p.position LIMIT 1
        ) l
        ORDER BY p.position",
    )
    .with(kinds)
    .with(values)
    .with(versions);
    let rows = reader
        .read(query, |row| {
            let id = super::codes::object_id(row.try_get(0)?, row.try_get(1)?)?;
            let json: &[u8] = row.try_get(2)?;
            let changes = decode(json)?.into_iter().filter(|entry| entry.object == id);
            Ok((id, changes.map(|entry| (entry.version, entry.change.get().to_owned())).collect::<Vec<_>>()))
        })
        .await?;
    let mut logs: HashMap<ObjectId, Vec<String>> = HashMap::new();
    for (id, changes) in rows {
        let log = logs.entry(id).or_default();
        for (version, change) in changes {
            if usize::try_from(version).ok() != Some(log.len() + 1) {
                let gap = format!("the log of {id} has version {version} after {}", log.len());
                return Err(LedgerError::Unavailable(gap));
            }
            log.push(change);
        }
    }
    Ok(logs)
}

/// The state that a first state and its patches lead to; `None` of nothing.
fn fold<'a>(mut changes: impl Iterator<Item = &'a str>) -> Result<Option<String>, RowError> {
    let Some(first) = changes.next() else { return Ok(None) };
    let mut state: Option<Value> = None;
    for change in changes {
        let mut folded = match state.take() {
            Some(state) => state,
            None => serde_json::from_str(first)?,
        };
        patch::apply(&mut folded, serde_json::from_str(change)?);
        state = Some(folded);
    }
    Ok(Some(state.map_or_else(|| first.to_owned(), |state| state.to_string())))
}
