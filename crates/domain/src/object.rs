//! What every resource is: a typed struct with an id, kept with a version.

use crate::commit::{Index, Version};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ops::Deref;
use types::{Kind, ObjectId};

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
