//! What an answer's references lead to: each object is read and held once, at however many places it is shown.

use super::{Tree, expandable};
use crate::call::Call;
use crate::error::{ApiError, Failure, Result};
use crate::json::ANSWER_BYTES_MAX;
use crate::kinds::Kinds;
use crate::list;
use crate::resource::Expandable;
use contracts::LedgerError;
use contracts::ledger::Stored;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use types::{Kind, ObjectId};

/// How many children an expanded list shows.
const CHILDREN_SHOWN: u32 = 10;

/// A list of children: of which object, and the name of the attribute.
type Children = (ObjectId, &'static str);

/// What was found so far.
pub(super) struct Found {
    /// As they are shown; `None` for one that does not exist.
    objects: HashMap<ObjectId, Option<Value>>,
    lists: HashMap<Children, Value>,
    /// How many bytes of states may still be read.
    room: usize,
}

/// What has still to be found.
#[derive(Default)]
struct Wanted {
    objects: BTreeSet<ObjectId>,
    lists: BTreeMap<Children, &'static Expandable>,
    /// Which objects were looked at, and what was to be expanded of them, by its address.
    seen: HashSet<(ObjectId, usize)>,
}

impl Found {
    /// All that is to be expanded of an answer; `None` if that is too large for one. Each round finds all that is referred to
    /// one level further down.
    pub async fn by(call: &Call, answer: &Value, tree: &Tree) -> Result<Option<Found>> {
        let mut found = Found { objects: HashMap::new(), lists: HashMap::new(), room: ANSWER_BYTES_MAX };
        loop {
            let Wanted { objects, lists, .. } = found.wanted(&call.services.kinds, answer, tree);
            if objects.is_empty() && lists.is_empty() {
                return Ok(Some(found));
            }
            match found.add(call, objects, lists).await {
                Ok(()) => (),
                Err(Unfound::TooLarge) => return Ok(None),
                Err(Unfound::Failed(failure)) => return Err(failure),
            }
        }
    }

    /// An answer with all that was found in its places.
    pub fn shown<'a>(&'a self, value: &'a Value, tree: &'a Tree) -> Shown<'a> {
        Shown { value, tree, found: self }
    }

    fn wanted(&self, kinds: &Kinds, answer: &Value, tree: &Tree) -> Wanted {
        let mut wanted = Wanted::default();
        self.look(kinds, answer, tree, &mut wanted);
        wanted
    }

    fn look(&self, kinds: &Kinds, value: &Value, tree: &Tree, wanted: &mut Wanted) {
        let object = match value {
            Value::Array(items) => return items.iter().for_each(|item| self.look(kinds, item, tree, wanted)),
            Value::Object(object) if !tree.is_empty() => object,
            _ => return,
        };
        let id = id_of(object);
        if id.is_some_and(|id| !wanted.seen.insert((id, std::ptr::from_ref(tree).addr()))) {
            return;
        }
        for (name, value) in object {
            let Some(tree) = tree.below(object, name) else { continue };
            match reference(value).map(|id| (id, self.objects.get(&id))) {
                Some((id, None)) => _ = wanted.objects.insert(id),
                Some((_, Some(Some(object)))) => self.look(kinds, object, tree, wanted),
                Some((_, Some(None))) => (),
                None => self.look(kinds, value, tree, wanted),
            }
        }
        for (children, expandable, tree) in id.into_iter().flat_map(|id| lists(kinds, object, id, tree)) {
            match self.lists.get(&children) {
                Some(list) => self.look(kinds, list, tree, wanted),
                None => _ = wanted.lists.insert(children, expandable),
            }
        }
    }

    async fn add(
        &mut self,
        call: &Call,
        objects: BTreeSet<ObjectId>,
        lists: BTreeMap<Children, &'static Expandable>,
    ) -> Result<(), Unfound> {
        let audience = call.audience();
        let ids: Vec<ObjectId> = objects.into_iter().collect();
        let read = call.services.ledger.objects_within(call.tenant_id(), &ids, self.room).await?;
        self.read(read.iter().flatten());
        for (id, stored) in ids.iter().zip(read) {
            let facts = call.services.kinds.facts(id.kind);
            let shown =
                stored.zip(facts).map(|(stored, facts)| (facts.render)(&stored.state, &audience)).transpose()?;
            self.objects.insert(*id, shown);
        }
        for ((parent, name), expandable) in lists {
            let Some(facts) = expandable.kinds.first().and_then(|kind| call.services.kinds.facts(*kind)) else {
                continue;
            };
            let mut query = list::all(facts.kind);
            query.parents = vec![parent];
            query.paging.limit = CHILDREN_SHOWN;
            query.bytes_max = self.room;
            let page = call.services.ledger.list(call.tenant_id(), &query).await?;
            self.read(page.items.iter());
            let data = page.items.iter().map(|stored| (facts.render)(&stored.state, &audience));
            let data = data.collect::<Result<Vec<_>, ApiError>>()?;
            let path = call.services.kinds.facts(parent.kind).map_or("", |facts| facts.path);
            let url = format!("{path}/{parent}/{name}");
            self.lists.insert((parent, name), list::envelope(data, page.has_more, &url).into());
        }
        Ok(())
    }

    fn read<'a>(&mut self, read: impl Iterator<Item = &'a Stored>) {
        self.room = read.fold(self.room, |room, stored| room.saturating_sub(stored.state.len()));
    }
}

/// Why something was not found.
enum Unfound {
    TooLarge,
    Failed(Failure),
}

impl From<LedgerError> for Unfound {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::TooLarge => Unfound::TooLarge,
            other => Unfound::Failed(other.into()),
        }
    }
}

impl From<ApiError> for Unfound {
    fn from(error: ApiError) -> Self {
        Unfound::Failed(error.into())
    }
}

fn reference(value: &Value) -> Option<ObjectId> {
    value.as_str()?.parse().ok()
}

fn id_of(object: &Map<String, Value>) -> Option<ObjectId> {
    object.get("id").and_then(reference)
}

/// The lists of an object's children that are to be shown, each with what to expand below it.
fn lists<'a>(
    kinds: &'a Kinds,
    object: &Map<String, Value>,
    id: ObjectId,
    tree: &'a Tree,
) -> impl Iterator<Item = (Children, &'static Expandable, &'a Tree)> {
    let kind = object.get("object").and_then(Value::as_str).and_then(Kind::from_name);
    tree.0.iter().filter_map(move |(name, below)| {
        let found = expandable(kinds, kind?, name).filter(|found| found.list)?;
        Some(((id, found.name), found, below))
    })
}

/// A part of an answer, printed with what was found. Nothing is copied for that.
pub(super) struct Shown<'a> {
    value: &'a Value,
    tree: &'a Tree,
    found: &'a Found,
}

impl<'a> Shown<'a> {
    fn part(&self, value: &'a Value, tree: &'a Tree) -> Shown<'a> {
        let object = reference(value).and_then(|id| self.found.objects.get(&id)?.as_ref());
        Shown { value: object.unwrap_or(value), tree, found: self.found }
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let object = match self.value {
            Value::Array(items) => return serializer.collect_seq(items.iter().map(|item| self.part(item, self.tree))),
            Value::Object(object) if !self.tree.is_empty() => object,
            value => return value.serialize(serializer),
        };
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in object {
            match self.tree.below(object, name) {
                Some(tree) => map.serialize_entry(name, &self.part(value, tree))?,
                None => map.serialize_entry(name, value)?,
            }
        }
        // Lists of children are left out unless they are asked for.
        if let Some(id) = id_of(object) {
            for (name, tree) in &self.tree.0 {
                if let Some(list) = self.found.lists.get(&(id, name.as_str())) {
                    map.serialize_entry(name, &self.part(list, tree))?;
                }
            }
        }
        map.end()
    }
}
