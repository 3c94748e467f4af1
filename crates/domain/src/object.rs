//! What every resource is: a typed struct with an id, kept with a version.

use crate::commit::{Index, Version};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ops::Deref;
use types::{Kind, ObjectId};

/// A resource: a typed struct here, its JSON in the store.
pub trait Object: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static {
    const KIND: Kind;
    /// Several of them, in snake case: `payment_intents`. The name of the kind's SQL view.
    const PLURAL: &'static str;
    /// Attributes of the state that are columns of the SQL view.
    const COLUMNS: &'static [Column];
    /// Attributes of the state that the SQL view leaves out, because they give access to something: secrets,
    /// credentials. A path is written as a list: `["next_action", "secret"]`.
    const HIDDEN: &'static [&'static [&'static str]];

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

/// How a kind of object is seen with SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqlView {
    pub kind: Kind,
    pub name: &'static str,
    pub columns: &'static [Column],
    /// Paths of attributes that the view does not show.
    pub hidden: &'static [&'static [&'static str]],
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
    /// Apart, because objects are large and are handed from one function to the next.
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
    /// Only [`Changes`](crate::Changes) changes objects, and keeps account of it.
    pub(crate) fn value_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
