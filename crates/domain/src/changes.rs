//! Gathers what a decision changes: states, log entries and transfers that fit together by construction.

use crate::account::Account;
use crate::commit::{Action, Commit, EventWrite, Index, ObjectWrite, Transfer, Version};
use crate::patch;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::ops::Deref;
use types::{Entropy, Kind, ObjectId, Timestamp};

/// A resource: a typed struct here, its JSON in the store.
pub trait Object: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static {
    const KIND: Kind;
    /// What of its state analysts see as columns of the view that is named after the kind.
    const COLUMNS: &'static [Column];

    fn id(&self) -> ObjectId;
    fn index(&self) -> Index;
}

/// A column of a kind's SQL view: an attribute of the state, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub sql_type: ColumnType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    Text,
    Integer,
    Boolean,
    /// Milliseconds in the state, `timestamptz` in the view.
    Time,
    Json,
}

/// Attributes of states that are shown to nobody who reads the database: they open something.
pub const HIDDEN_ATTRIBUTES: &[&str] = &["client_secret", "secret", "credential"];

/// Shorthand for the tables of columns.
pub const fn column(name: &'static str, sql_type: ColumnType) -> Column {
    Column { name, sql_type }
}

/// An object together with the version that was read or decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Versioned<T> {
    pub version: Version,
    value: T,
}

impl<T> Versioned<T> {
    /// An object as it was loaded.
    pub fn new(version: Version, value: T) -> Self {
        Versioned { version, value }
    }

    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Versioned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The time and the randomness that a decision is given, and what it has decided so far.
///
/// The log is told what somebody is told: a step without an event becomes part of the object's next step, if that is
/// in the same commit.
pub struct Changes {
    pub now: Timestamp,
    entropy: Box<dyn Entropy>,
    objects: Vec<Tracked>,
    events: Vec<EventWrite>,
    transfers: Vec<Transfer>,
}

/// An object that the decision has touched.
struct Tracked {
    id: ObjectId,
    base: Version,
    version: Version,
    index: Index,
    /// The object's JSON, after all steps so far.
    state: String,
    /// The state that the next entry starts from; `Null` before the object's creation.
    told: Value,
    /// Where the last entry is, while nobody is told of it.
    untold: Option<usize>,
}

impl Changes {
    pub fn new(now: Timestamp, entropy: Box<dyn Entropy>) -> Self {
        Changes { now, entropy, objects: Vec::new(), events: Vec::new(), transfers: Vec::new() }
    }

    /// A new id, of this moment.
    pub fn new_id(&mut self, kind: Kind) -> ObjectId {
        ObjectId::new(kind, self.now, &mut *self.entropy)
    }

    /// A secret of letters and digits.
    pub fn new_secret(&mut self, length: usize) -> String {
        self.entropy.alphanumeric(length)
    }

    /// Brings an object into being. `event` is the public event type, if the world is told.
    pub fn create<T: Object>(&mut self, value: T, event: Option<&'static str>) -> Versioned<T> {
        let mut created = Versioned::new(0, value);
        self.append(&mut created, Value::Null, event);
        created
    }

    /// Changes an object. One that is left as it was, with no event to tell, is not written at all.
    pub fn update<T: Object>(
        &mut self,
        object: &mut Versioned<T>,
        event: Option<&'static str>,
        change: impl FnOnce(&mut T),
    ) {
        let before = object.value.clone();
        change(&mut object.value);
        if event.is_some() || before != object.value {
            self.append(object, to_value(&before), event);
        }
    }

    /// Changes an object and tells of it; when the change makes no difference, neither.
    pub fn update_if_changed<T: Object>(
        &mut self,
        object: &mut Versioned<T>,
        event: &'static str,
        change: impl FnOnce(&mut T),
    ) {
        let before = object.value.clone();
        change(&mut object.value);
        if before != object.value {
            self.append(object, to_value(&before), Some(event));
        }
    }

    /// Tells of something that happened to an object without changing it.
    pub fn announce<T: Object>(&mut self, object: &mut Versioned<T>, event: &'static str) {
        let before = to_value(&object.value);
        self.append(object, before, Some(event));
    }

    /// Adds a step to an object; `before` is its state before this step.
    fn append<T: Object>(&mut self, object: &mut Versioned<T>, before: Value, event: Option<&'static str>) {
        let id = object.value.id();
        let state = to_json(&object.value);
        let known = self.objects.iter().position(|tracked| tracked.id == id);
        let (tracked, merges) = match known {
            Some(at) => {
                let tracked = &mut self.objects[at];
                let merges = tracked.untold.take();
                if merges.is_none() {
                    tracked.told = before;
                }
                (tracked, merges)
            }
            None => {
                let base = object.version;
                let index = Index::default();
                let fresh =
                    Tracked { id, base, version: base, index, state: String::new(), told: before, untold: None };
                self.objects.push(fresh);
                let at = self.objects.len() - 1;
                (&mut self.objects[at], None)
            }
        };
        let change = match &tracked.told {
            Value::Null => state.clone(),
            told => patch::between(told, &to_value(&object.value)).map_or("{}".to_owned(), |patch| patch.to_string()),
        };
        tracked.index = object.value.index();
        tracked.state = state;
        if merges.is_none() {
            tracked.version += 1;
        }
        object.version = tracked.version;
        let version = tracked.version;
        let entry = EventWrite { object: id, version, event_type: event, change };
        match merges {
            // Told now, it takes its place among what is told.
            Some(at) => {
                self.events.remove(at);
                let after_it = |untold: &mut usize| {
                    if *untold > at {
                        *untold -= 1;
                    }
                };
                self.objects.iter_mut().filter_map(|tracked| tracked.untold.as_mut()).for_each(after_it);
            }
            None => (),
        }
        self.events.push(entry);
        if event.is_none() {
            let last = self.events.len() - 1;
            if let Some(tracked) = self.objects.iter_mut().find(|tracked| tracked.id == id) {
                tracked.untold = Some(last);
            }
        }
    }

    /// Moves money. An amount of zero moves nothing and is left out. Returns the transfer's id (of a hold, to post
    /// or void it later).
    pub fn transfer(
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
        self.events.is_empty() && self.transfers.is_empty()
    }

    /// What was decided, ready to be written.
    pub fn into_commit(self) -> Commit {
        Commit {
            at: self.now,
            objects: self.objects.into_iter().map(Tracked::into_write).collect(),
            events: self.events,
            transfers: self.transfers,
            idempotency: None,
            request: None,
        }
    }
}

impl Tracked {
    fn into_write(self) -> ObjectWrite {
        let Tracked { id, base, version, index, state, .. } = self;
        ObjectWrite { id, base, version, index, state }
    }
}

fn to_value<T: Serialize>(value: &T) -> Value {
    // Objects are plain structs with text keys: there is nothing in them that JSON cannot say.
    #[allow(clippy::expect_used)]
    serde_json::to_value(value).expect("an object is JSON")
}

fn to_json<T: Serialize>(value: &T) -> String {
    #[allow(clippy::expect_used)]
    serde_json::to_string(value).expect("an object is JSON")
}
