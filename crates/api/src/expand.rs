//! Expansion: references are replaced by the objects that they refer to, up to four levels deep.

use crate::call::Call;
use crate::endpoint::Returns;
use crate::error::{ApiError, Result};
use crate::json::pretty;
use crate::kinds::Kinds;
use crate::list;
use crate::resource::Expandable;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use types::{Kind, ObjectId};

const LEVELS_MAX: usize = 4;
/// How many children an expanded list shows.
const CHILDREN_SHOWN: u32 = 10;

/// What to expand: attribute names, each with what to expand below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<String, Tree>);

impl Tree {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn insert(&mut self, path: &[&str]) {
        if let Some((first, rest)) = path.split_first() {
            self.0.entry((*first).to_owned()).or_default().insert(rest);
        }
    }
}

/// Checks the paths asked for against what the operation answers with, before anything is done.
pub fn plan(kinds: &Kinds, returns: Returns, paths: &[String]) -> Result<Tree, ApiError> {
    let mut tree = Tree::default();
    for path in paths {
        let parts: Vec<&str> = path.split('.').collect();
        let cannot = |attribute: &str| {
            ApiError::invalid(format!("This property cannot be expanded ({attribute}).")).param("expand")
        };
        let (kind, below_data) = returns.expansion().ok_or_else(|| cannot(path))?;
        let below = match (below_data, parts.split_first()) {
            (true, Some((&"data", rest))) => rest,
            (false, Some(_)) => &parts[..],
            _ => return Err(cannot(path)),
        };
        let levels = below.iter().filter(|part| **part != "data").count();
        if levels > LEVELS_MAX {
            let message = format!("You cannot expand more than {LEVELS_MAX} levels of a property ({path}).");
            return Err(ApiError::invalid(message).param("expand"));
        }
        if below.is_empty() || !allowed(kinds, &[kind], below) {
            return Err(cannot(path));
        }
        tree.insert(&parts);
    }
    Ok(tree)
}

fn expandable(kinds: &Kinds, kind: Kind, name: &str) -> Option<&'static Expandable> {
    kinds.facts(kind)?.expandable.iter().find(|expandable| expandable.name == name)
}

/// Whether a path names references, where an object of any of these kinds is (of any kind at all, if none is named).
fn allowed(kinds: &Kinds, at: &[Kind], path: &[&str]) -> bool {
    if path.is_empty() {
        return true;
    }
    let mut known =
        kinds.iter().filter(|facts| at.is_empty() || at.contains(&facts.kind)).flat_map(|facts| facts.expandable);
    known.any(|found| match after_name(found.name, path) {
        Some(rest) => {
            let rest = if found.list { rest.strip_prefix(&["data"]).unwrap_or(rest) } else { rest };
            allowed(kinds, found.kinds, rest)
        }
        None => false,
    })
}

/// What follows an attribute's name in a path; `None` when the path is not about it.
fn after_name<'a, 'b>(name: &str, path: &'a [&'b str]) -> Option<&'a [&'b str]> {
    name.split('.')
        .try_fold(path, |rest, part| rest.split_first().and_then(|(first, rest)| (*first == part).then_some(rest)))
}

/// An answer's JSON with its references expanded.
pub async fn expanded(call: &Call, body: &str, tree: &Tree) -> Result<String> {
    let mut value = serde_json::from_str(body).map_err(|error| {
        tracing::error!(%error, "an answer cannot be expanded");
        ApiError::internal()
    })?;
    expand(call, &mut value, tree).await?;
    Ok(pretty(&value))
}

async fn expand(call: &Call, value: &mut Value, tree: &Tree) -> Result<()> {
    match value.get_mut("data") {
        Some(Value::Array(items)) => {
            if let Some(below) = tree.0.get("data") {
                let mut targets: Vec<&mut Value> = items.iter_mut().collect();
                expand_all(call, &mut targets, below).await?;
            }
            Ok(())
        }
        _ => expand_all(call, &mut [value], tree).await,
    }
}

/// Expands the same attributes of many objects, with one look-up for each attribute and level.
async fn expand_all(call: &Call, targets: &mut [&mut Value], tree: &Tree) -> Result<()> {
    for (name, below) in &tree.0 {
        let list = targets.iter().find_map(|target| {
            let kind = Kind::from_name(target.get("object")?.as_str()?)?;
            expandable(&call.services.kinds, kind, name).filter(|found| found.list)
        });
        match list {
            Some(found) => include_children(call, targets, found).await?,
            None => replace_references(call, targets, name).await?,
        }
        let mut next: Vec<&mut Value> = Vec::new();
        for target in targets.iter_mut() {
            match target.get_mut(name) {
                Some(list) if list.get("data").is_some() => {
                    next.extend(list.get_mut("data").and_then(Value::as_array_mut).into_iter().flatten());
                }
                Some(object @ Value::Object(_)) => next.push(object),
                _ => (),
            }
        }
        let below = below.0.get("data").unwrap_or(below);
        if !below.is_empty() && !next.is_empty() {
            Box::pin(expand_all(call, &mut next, below)).await?;
        }
    }
    Ok(())
}

async fn replace_references(call: &Call, targets: &mut [&mut Value], name: &str) -> Result<()> {
    let referenced = |target: &Value| target.get(name)?.as_str()?.parse::<ObjectId>().ok();
    let mut ids: Vec<ObjectId> = targets.iter().filter_map(|target| referenced(target)).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(());
    }
    let stored = call.services.ledger.objects(call.tenant_id(), &ids).await?;
    let audience = call.audience();
    let mut shown = HashMap::new();
    for object in stored.into_iter().flatten() {
        if let Some(facts) = call.services.kinds.facts(object.id.kind) {
            shown.insert(object.id, (facts.render)(&object.state, &audience)?);
        }
    }
    for target in targets.iter_mut() {
        if let Some(object) = referenced(target).and_then(|id| shown.get(&id)) {
            target[name] = object.clone();
        }
    }
    Ok(())
}

async fn include_children(call: &Call, targets: &mut [&mut Value], found: &Expandable) -> Result<()> {
    let Some(facts) = found.kinds.first().and_then(|kind| call.services.kinds.facts(*kind)) else { return Ok(()) };
    let audience = call.audience();
    for target in targets.iter_mut() {
        let Some(id) = target.get("id").and_then(Value::as_str).and_then(|id| id.parse::<ObjectId>().ok()) else {
            continue;
        };
        let mut query = list::all(facts.kind);
        query.parents = vec![id];
        query.paging.limit = CHILDREN_SHOWN;
        let page = call.services.ledger.list(call.tenant_id(), &query).await?;
        let data = page.items.iter().map(|stored| (facts.render)(&stored.state, &audience));
        let data = data.collect::<Result<Vec<_>, ApiError>>()?;
        let parent = call.services.kinds.facts(id.kind).map_or("", |facts| facts.path);
        let url = format!("{parent}/{id}/{}", found.name);
        target[found.name] = list::envelope(data, page.has_more, &url).into();
    }
    Ok(())
}
