//! Gathers what a decision changes: states, log entries and transfers that fit together by construction.

use crate::account::Account;
use crate::commit::{Action, Commit, EventWrite, Index, ObjectWrite, Transfer, Version};
use crate::patch;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ops::Deref;
use types::{Entropy, Kind, ObjectId, Timestamp};

/// A resource: a typed struct here, its JSON in the store.
pub trait Object: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
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
pub struct Changes {
    pub now: Timestamp,
    entropy: Box<dyn Entropy>,
    objects: Vec<ObjectWrite>,
    events: Vec<EventWrite>,
    transfers: Vec<Transfer>,
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
        let state = to_json(&value);
        self.events.push(EventWrite { object: value.id(), version: 1, event_type: event, change: state.clone() });
        self.objects.push(ObjectWrite { id: value.id(), base: 0, version: 1, index: value.index(), state });
        Versioned::new(1, value)
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
        let Some(patch) = patch::between(&to_value(&before), &to_value(&object.value)) else {
            if event.is_some() {
                self.append(object, event, "{}".to_owned());
            }
            return;
        };
        self.append(object, event, patch.to_string());
    }

    /// Changes an object and tells of it; when the change makes no difference, neither.
    pub fn update_if_changed<T: Object>(
        &mut self,
        object: &mut Versioned<T>,
        event: &'static str,
        change: impl FnOnce(&mut T),
    ) {
        let before = to_value(&object.value);
        change(&mut object.value);
        if let Some(patch) = patch::between(&before, &to_value(&object.value)) {
            self.append(object, Some(event), patch.to_string());
        }
    }

    /// Tells of something that happened to an object without changing it.
    pub fn announce<T: Object>(&mut self, object: &mut Versioned<T>, event: &'static str) {
        self.append(object, Some(event), "{}".to_owned());
    }

    fn append<T: Object>(&mut self, object: &mut Versioned<T>, event: Option<&'static str>, change: String) {
        let id = object.value.id();
        let index = object.value.index();
        let state = to_json(&object.value);
        let Some(write) = self.objects.iter_mut().find(|write| write.id == id) else {
            let base = object.version;
            object.version += 1;
            self.events.push(EventWrite { object: id, version: object.version, event_type: event, change });
            self.objects.push(ObjectWrite { id, base, version: object.version, index, state });
            return;
        };
        // What came into being untold in this very commit may as well have come into being like this.
        let creation = self.events.iter().position(|entry| entry.object == id && entry.version == 1);
        match creation {
            Some(at) if write.version == 1 && self.events[at].event_type.is_none() => {
                let mut entry = self.events.remove(at);
                entry.event_type = event;
                entry.change.clone_from(&state);
                self.events.push(entry);
            }
            _ => {
                object.version += 1;
                self.events.push(EventWrite { object: id, version: object.version, event_type: event, change });
            }
        }
        write.version = object.version;
        write.index = index;
        write.state = state;
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
            objects: self.objects,
            events: self.events,
            transfers: self.transfers,
            idempotency: None,
            request: None,
        }
    }
}

fn to_value<T: Serialize>(value: &T) -> serde_json::Value {
    // Objects are plain structs with text keys: there is nothing in them that JSON cannot say.
    #[allow(clippy::expect_used)]
    serde_json::to_value(value).expect("an object is JSON")
}

fn to_json<T: Serialize>(value: &T) -> String {
    #[allow(clippy::expect_used)]
    serde_json::to_string(value).expect("an object is JSON")
}
