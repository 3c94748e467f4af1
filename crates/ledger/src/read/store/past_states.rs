//! States as of past versions, folded from the log.

use super::objects::{Objects, kinds_and_values};
use super::query::{Query, QueryPool};
use crate::log::entries::decode;
use crate::store::column_values::object_id;
use crate::store::errors::{ReadError, RowError};
use contracts::ledger::{LedgerError, Stored};
use domain::commit::{Index, Version};
use domain::patch;
use serde_json::Value;
use std::collections::HashMap;
use types::ObjectId;

/// States as of past versions, in the order asked for.
pub(crate) async fn states(
    queries: &QueryPool,
    objects: &Objects,
    tenant: i32,
    at: &[(ObjectId, Version)],
) -> Result<Vec<Option<Stored>>, LedgerError> {
    if at.is_empty() {
        return Ok(Vec::new());
    }
    let mut ids: Vec<ObjectId> = at.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    // Most often the newest version is asked for, which needs no folding.
    let current: HashMap<ObjectId, Stored> =
        objects.newest(tenant, &ids).await?.into_iter().map(|stored| (stored.id, stored)).collect();
    let is_past = |(id, version): &&(ObjectId, Version)| {
        *version > 0 && current.get(id).is_some_and(|stored| stored.version > *version)
    };
    let changes = changes(queries, tenant, at.iter().filter(is_past)).await?;
    let state = |(id, version): &(ObjectId, Version)| {
        let known = current.get(id).filter(|stored| stored.version == *version).map(|stored| stored.state.clone());
        let state = match (known, changes.get(id)) {
            (Some(state), _) => Some(state),
            (None, Some(changes)) => {
                let until = usize::try_from(*version).ok().and_then(|until| changes.get(..until));
                fold(until.unwrap_or_default().iter().map(String::as_str))?
            }
            (None, None) => None,
        };
        Ok(state.map(|state| Stored { id: *id, version: *version, index: Index::default(), state }))
    };
    at.iter().map(state).collect::<Result<_, RowError>>().map_err(|error| ReadError::Row(error).into())
}

/// Each object's changes, from its creation to the newest version that is asked for.
async fn changes(
    queries: &QueryPool,
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
    let (kinds, values) = kinds_and_values(wanted.keys());
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
    let rows = queries
        .read(query, |row| {
            let id = object_id(row.try_get(0)?, row.try_get(1)?)?;
            let json: &[u8] = row.try_get(2)?;
            let changes = decode(json)?.into_iter().filter(|entry| entry.object == id);
            Ok((id, changes.map(|entry| (entry.version, entry.change.get().to_owned())).collect::<Vec<_>>()))
        })
        .await?;
    let mut changes: HashMap<ObjectId, Vec<String>> = HashMap::new();
    for (id, of_row) in rows {
        let of_object = changes.entry(id).or_default();
        for (version, change) in of_row {
            if usize::try_from(version).ok() != Some(of_object.len() + 1) {
                let gap = format!("the log has version {version} of {id} after {}", of_object.len());
                return Err(LedgerError::Unavailable(gap));
            }
            of_object.push(change);
        }
    }
    Ok(changes)
}

/// Applies patches to a first state; `None` if there is not even a first state.
pub(super) fn fold<'a>(mut changes: impl Iterator<Item = &'a str>) -> Result<Option<String>, RowError> {
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
