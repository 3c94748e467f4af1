//! Gathers what a decision changes: states, log entries and transfers that fit together by construction.

mod tracked;

use crate::account::Account;
use crate::commit::{Action, Commit, EntryWrite, Index, Transfer, Version};
use crate::object::{Object, Versioned};
use crate::patch;
use serde::Serialize;
use serde_json::Value;
use tracked::Tracked;
use types::{Entropy, Kind, ObjectId, Timestamp};

/// The time and the randomness that a decision is given, and what it has decided so far.
///
/// Only `domain` can change objects with it: its methods for that are not public.
///
/// A step without an event becomes part of the object's next step in the same commit: the log has one entry for both.
pub struct Changes {
    pub now: Timestamp,
    entropy: Box<dyn Entropy>,
    objects: Vec<Tracked>,
    relies_on: Vec<(ObjectId, Version)>,
    entries: Vec<EntryWrite>,
    transfers: Vec<Transfer>,
}

impl Changes {
    pub fn new(now: Timestamp, entropy: Box<dyn Entropy>) -> Self {
        Changes { now, entropy, objects: Vec::new(), relies_on: Vec::new(), entries: Vec::new(), transfers: Vec::new() }
    }

    /// A new id, of this moment.
    pub fn new_id(&mut self, kind: Kind) -> ObjectId {
        ObjectId::new(kind, self.now, &mut *self.entropy)
    }

    /// A secret of letters and digits.
    pub fn new_secret(&mut self, length: usize) -> String {
        self.entropy.alphanumeric(length)
    }

    /// The decision holds only while this object stays as it is: if it has changed when the commit is written, that is a
    /// conflict, and the decision is made again. Objects that the decision changes need not be named.
    pub fn rely_on<T: Object>(&mut self, object: &Versioned<T>) {
        let (id, version) = (object.id(), object.version);
        let is_known = self.relies_on.iter().any(|(known, _)| *known == id);
        if version > 0 && !is_known && !self.is_written(id) {
            self.relies_on.push((id, version));
        }
    }

    fn is_written(&self, id: ObjectId) -> bool {
        self.objects.iter().any(|tracked| tracked.id == id)
    }

    /// Creates an object; `event` is the public type of its log entry, if it has one.
    pub(crate) fn create<T: Object>(&mut self, value: T, event: Option<&'static str>) -> Versioned<T> {
        let mut created = Versioned::new(0, value);
        self.append(&mut created, || Value::Null, event);
        created
    }

    /// Changes an object; `event` is the public type of the log entry, if it has one. An object that stays as it was is
    /// not written, unless there is an event.
    pub(crate) fn update<T: Object>(
        &mut self,
        object: &mut Versioned<T>,
        event: Option<&'static str>,
        change: impl FnOnce(&mut T),
    ) {
        let before = (**object).clone();
        change(object.value_mut());
        if event.is_some() || before != **object {
            self.append(object, || to_value(&before), event);
        }
    }

    /// Changes an object, with an event; if the object stays as it was, there is no event either.
    pub(crate) fn update_if_changed<T: Object>(
        &mut self,
        object: &mut Versioned<T>,
        event: &'static str,
        change: impl FnOnce(&mut T),
    ) {
        let before = (**object).clone();
        change(object.value_mut());
        if before != **object {
            self.append(object, || to_value(&before), Some(event));
        }
    }

    /// An event of an object that does not change.
    pub(crate) fn emit<T: Object>(&mut self, object: &mut Versioned<T>, event: &'static str) {
        let before = (**object).clone();
        self.append(object, || to_value(&before), Some(event));
    }

    /// Adds a step to an object; `before` is its state before this step.
    fn append<T: Object>(
        &mut self,
        object: &mut Versioned<T>,
        before: impl FnOnce() -> Value,
        event: Option<&'static str>,
    ) {
        let at = self.track(object);
        let tracked = &mut self.objects[at];
        match tracked.mergeable.take() {
            // The step before had no event: this step's entry replaces its entry, at the end of the log.
            Some(replaced) => {
                self.entries.remove(replaced);
                let later = self.objects.iter_mut().filter_map(|tracked| tracked.mergeable.as_mut());
                later.filter(|place| **place > replaced).for_each(|place| *place -= 1);
            }
            None => {
                tracked.before = before();
                tracked.version += 1;
            }
        }
        let tracked = &mut self.objects[at];
        tracked.index = object.index();
        debug_assert!(T::FALLS_DUE || tracked.index.due.is_none(), "a {} does not fall due", T::KIND);
        tracked.state = to_json(&**object);
        debug_assert!(!patch::has_null(&to_value(&**object)), "a merge patch cannot say null: {}", tracked.state);
        object.version = tracked.version;
        let change = match event {
            Some(_) => tracked.change(|| to_value(&**object)),
            // Computed when the commit is made, unless another step follows.
            None => {
                tracked.mergeable = Some(self.entries.len());
                String::new()
            }
        };
        let (id, version) = (tracked.id, tracked.version);
        self.entries.push(EntryWrite { object: id, version, event_type: event, change });
    }

    /// The place of an object among those tracked.
    fn track<T: Object>(&mut self, object: &Versioned<T>) -> usize {
        let (id, base) = (object.id(), object.version);
        self.objects.iter().position(|tracked| tracked.id == id).unwrap_or_else(|| {
            self.objects.push(Tracked {
                id,
                base,
                version: base,
                index: Index::default(),
                state: String::new(),
                before: Value::Null,
                mergeable: None,
            });
            self.objects.len() - 1
        })
    }

    /// Moves money. An amount of zero moves nothing and is left out. Returns the transfer's id (of a hold, to post
    /// or void it later).
    pub(crate) fn transfer(
        &mut self,
        action: Action,
        reason: &'static str,
        (debit, credit): (Account, Account),
        amount: i64,
        object: ObjectId,
    ) -> uuid::Uuid {
        let id = types::time_ordered(self.now, &mut *self.entropy);
        if amount != 0 || matches!(action, Action::VoidHold { .. }) {
            self.transfers.push(Transfer { id, action, debit, credit, amount, reason, object });
        }
        id
    }

    /// Whether nothing has been decided yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.transfers.is_empty()
    }

    /// What was decided, ready to be written.
    pub fn into_commit(mut self) -> Commit {
        for tracked in &self.objects {
            if let Some(at) = tracked.mergeable {
                self.entries[at].change = tracked.change(|| serde_json::from_str(&tracked.state).unwrap_or_default());
            }
        }
        // What is written is checked by the version that it replaces.
        let is_checked = |(id, version): &(ObjectId, Version)| {
            self.objects.iter().any(|tracked| tracked.id == *id && tracked.base == *version)
        };
        let relies_on = self.relies_on.iter().copied().filter(|relied| !is_checked(relied)).collect();
        Commit {
            at: self.now,
            relies_on,
            objects: self.objects.into_iter().map(Tracked::into_write).collect(),
            entries: self.entries,
            transfers: self.transfers,
            idempotency: None,
            request: None,
        }
    }
}

fn to_value<T: Serialize>(value: &T) -> Value {
    // Objects are plain structs with text keys: JSON can represent all of them.
    #[allow(clippy::expect_used)]
    serde_json::to_value(value).expect("an object is JSON")
}

fn to_json<T: Serialize>(value: &T) -> String {
    #[allow(clippy::expect_used)]
    serde_json::to_string(value).expect("an object is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Column, Path};
    use serde::Deserialize;
    use types::SeededEntropy;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Doc {
        id: ObjectId,
        a: i32,
        b: i32,
    }

    impl Object for Doc {
        const KIND: Kind = Kind::Customer;
        const PLURAL: &'static str = "docs";
        const COLUMNS: &'static [Column] = &[];
        const HIDDEN: &'static [Path] = &[];
        const FALLS_DUE: bool = false;

        fn id(&self) -> ObjectId {
            self.id
        }

        fn index(&self) -> Index {
            Index::default()
        }
    }

    fn changes() -> Changes {
        Changes::new(Timestamp::from_millis(1), Box::new(SeededEntropy::new(1)))
    }

    fn log(commit: &Commit) -> Vec<(i32, Option<&'static str>, Value)> {
        let entry = |event: &EntryWrite| {
            (event.version, event.event_type, serde_json::from_str(&event.change).expect("a change is JSON"))
        };
        commit.entries.iter().map(entry).collect()
    }

    /// Steps of one commit that have no event share the next step's log entry.
    #[test]
    fn steps_without_an_event_become_part_of_the_next() {
        let mut changes = changes();
        let id = changes.new_id(Kind::Customer);
        let other_id = changes.new_id(Kind::Customer);
        let mut other = changes.create(Doc { id: other_id, a: 0, b: 0 }, None);
        let mut doc = changes.create(Doc { id, a: 1, b: 1 }, None);
        changes.update(&mut doc, Some("first"), |doc| doc.a = 2);
        changes.update(&mut doc, None, |doc| doc.b = 3);
        changes.update(&mut other, None, |other| other.a = 9);
        changes.update(&mut doc, Some("second"), |doc| doc.a = 4);
        changes.update(&mut doc, None, |doc| doc.a = 4);
        changes.update(&mut doc, None, |doc| doc.a = 5);
        assert_eq!((doc.version, other.version), (3, 1));
        let commit = changes.into_commit();
        assert_eq!(
            log(&commit),
            [
                (1, Some("first"), serde_json::json!({"id": id, "a": 2, "b": 1})),
                (1, None, serde_json::json!({"id": other.id, "a": 9, "b": 0})),
                (2, Some("second"), serde_json::json!({"a": 4, "b": 3})),
                (3, None, serde_json::json!({"a": 5})),
            ]
        );
        let written: Vec<_> = commit.objects.iter().map(|write| (write.base, write.version)).collect();
        assert_eq!(written, [(0, 1), (0, 3)]);
    }
}
