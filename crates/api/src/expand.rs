//! Expansion: references are replaced by the objects that they refer to, up to four levels deep.

mod found;

use crate::call::Call;
use crate::endpoint::Returns;
use crate::error::{ApiError, Result};
use crate::json::{ANSWER_BYTES_MAX, pretty_within};
use crate::kinds::Kinds;
use crate::params::{List, shortened};
use crate::resource::Expandable;
use found::Found;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use types::Kind;

const LEVELS_MAX: usize = 4;

/// The parameter `expand`.
pub type Paths = List<String, 50>;

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

    /// What to expand of an attribute of an object. Below a list, `data` need not be named.
    fn below(&self, object: &Map<String, Value>, name: &str) -> Option<&Tree> {
        let is_list = name == "data" && object.get("object").is_some_and(|object| object == "list");
        self.0.get(name).or(is_list.then_some(self))
    }
}

/// Checks the paths asked for against what the operation answers with, before anything is done.
pub fn plan(kinds: &Kinds, returns: Returns, paths: &[String]) -> Result<Tree, ApiError> {
    let mut tree = Tree::default();
    for path in paths {
        let parts: Vec<&str> = path.split('.').collect();
        let cannot = |attribute: &str| {
            ApiError::invalid(format!("This property cannot be expanded ({}).", shortened(attribute))).param("expand")
        };
        let (kind, below_data) = returns.expansion().ok_or_else(|| cannot(path))?;
        let below = match (below_data, parts.split_first()) {
            (true, Some((&"data", rest))) => rest,
            (false, Some(_)) => &parts[..],
            _ => return Err(cannot(path)),
        };
        let levels = below.iter().filter(|part| **part != "data").count();
        if levels > LEVELS_MAX {
            let message =
                format!("You cannot expand more than {LEVELS_MAX} levels of a property ({}).", shortened(path));
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

/// An answer's JSON with its references expanded; `None` if it is too large for an answer.
pub async fn expanded(call: &Call, body: &str, tree: &Tree) -> Result<Option<String>> {
    let answer: Value = serde_json::from_str(body).map_err(|error| {
        tracing::error!(%error, "an answer cannot be expanded");
        ApiError::internal()
    })?;
    let Some(found) = Found::by(call, &answer, tree).await? else { return Ok(None) };
    Ok(pretty_within(ANSWER_BYTES_MAX, &found.shown(&answer, tree)))
}

/// Why there is no answer where [`expanded`] has none.
pub fn too_large() -> ApiError {
    ApiError::invalid("The expanded answer is too large; expand less, or ask for fewer objects by `limit`.")
        .param("expand")
}
