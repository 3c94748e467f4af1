//! What every object is: a typed struct with an id, kept with a version.

use crate::commit::{Index, Version};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ops::Deref;
use types::{Kind, ObjectId};

/// A kind of object: a typed struct here, its JSON in the store.
pub trait Object: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static {
    const KIND: Kind;
    /// The kind in an error's sentence, as client code is known to match on it: `No such customer: …`.
    const NOUN: &'static str = Self::KIND.name();
    /// Several of them, in snake case: `payment_intents`. The name of the kind's SQL view.
    const PLURAL: &'static str;
    /// Attributes of the state that are columns of the SQL view.
    const COLUMNS: &'static [Column];
    /// Attributes of the state that the SQL view leaves out, because they give access to something: secrets,
    /// credentials. A copy that another object keeps has none of them.
    const HIDDEN: &'static [Path];
    /// Whether objects of this kind have something to be done later, so that their index may say when (`due`). The
    /// resource says what.
    const FALLS_DUE: bool;
    /// Whether processors act on objects of this kind: attempts are made for no other.
    const ACTED_ON: bool = false;

    fn id(&self) -> ObjectId;

    /// How the object can be looked up.
    fn index(&self) -> Index;
}

/// Whether an attribute is left out of the state because reading it back gives the same.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A column of an SQL view: an attribute of the state, by its name.
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

/// Where an attribute is in a state, from the outside in: `["next_action", "secret"]`.
pub type Path = &'static [&'static str];

/// How a kind of object is seen with SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqlView {
    pub kind: Kind,
    pub name: &'static str,
    pub columns: &'static [Column],
    /// Paths of attributes that the view does not show.
    pub hidden: &'static [Path],
}

impl SqlView {
    pub const fn of<T: Object>() -> Self {
        SqlView { kind: T::KIND, name: T::PLURAL, columns: T::COLUMNS, hidden: T::HIDDEN }
    }
}

/// Shorthand for the tables of columns.
pub const fn column(name: &'static str, sql_type: ColumnType) -> Column {
    Column { name, sql_type }
}

/// An object together with the version that was read or decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Versioned<T> {
    pub version: Version,
    /// In a box, because objects are large and are passed from one function to the next.
    value: Box<T>,
}

impl<T> Versioned<T> {
    /// An object as it was loaded.
    pub fn new(version: Version, value: T) -> Self {
        Versioned { version, value: Box::new(value) }
    }
}

impl<T> Deref for Versioned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Versioned<T> {
    /// For [`Changes`](crate::Changes) alone, which records every change.
    pub(crate) fn value_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
