//! What lists are asked for, and their pages.

use types::{Kind, ObjectId, Timestamp};

/// A page of results, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Whether more items follow in the direction of paging.
    pub has_more: bool,
}

/// Which part of a list: items older than `starting_after`, or newer than `ending_before`; without either, the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging<C> {
    pub limit: u32,
    pub starting_after: Option<C>,
    pub ending_before: Option<C>,
}

/// Which objects to list. All conditions must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct ListQuery {
    pub kind: Kind,
    pub paging: Paging<ObjectId>,
    pub customer: Option<ObjectId>,
    /// Objects of any of these parents; if empty, of any parent or none.
    pub parents: Vec<ObjectId>,
    pub status: Option<String>,
    /// Inclusive bounds on the time of creation.
    pub created_from: Option<Timestamp>,
    pub created_until: Option<Timestamp>,
    /// Conditions on attributes of the state.
    pub fields: Vec<FieldFilter>,
    /// Whether one of `fields` is enough, or all of them must hold.
    pub any_field: bool,
    /// `TooLarge` if the objects of the page have more bytes. No more are kept.
    pub bytes_max: usize,
}

impl<C> Paging<C> {
    /// The newest items.
    pub const fn newest(limit: u32) -> Self {
        Paging { limit, starting_after: None, ending_before: None }
    }
}

impl ListQuery {
    /// Everything of a kind.
    pub const fn all(kind: Kind, paging: Paging<ObjectId>) -> Self {
        ListQuery {
            kind,
            paging,
            customer: None,
            parents: Vec::new(),
            status: None,
            created_from: None,
            created_until: None,
            fields: Vec::new(),
            any_field: false,
            bytes_max: usize::MAX,
        }
    }

    /// Whether much may be read for few results: objects that are passed over.
    pub fn is_scan(&self) -> bool {
        self.status.is_some() || !self.fields.is_empty()
    }
}

/// A condition on one attribute of an object's state.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldFilter {
    /// The keys that lead to the attribute: `["metadata", "order"]`. Times are in milliseconds, as everywhere in a
    /// state.
    pub path: Vec<String>,
    pub operator: Operator,
    pub value: String,
    pub negated: bool,
    /// All objects of this kind have the text of this attribute among their [`Index::terms`](domain::commit::Index::terms).
    pub indexed: bool,
}

impl FieldFilter {
    /// The condition that the attribute is this text.
    pub fn equal(path: &[&str], value: impl Into<String>) -> Self {
        let path = path.iter().map(|key| (*key).to_owned()).collect();
        FieldFilter { path, operator: Operator::Equal, value: value.into(), negated: false, indexed: false }
    }

    /// The same condition on an attribute for which [`FieldFilter::indexed`] is true.
    pub fn indexed(self) -> Self {
        FieldFilter { indexed: true, ..self }
    }
}

/// How an attribute is compared with a value. An absent attribute meets no condition that is not negated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The same text.
    Equal,
    /// Contains the text, in upper or lower case.
    Contains,
    /// The attribute exists; the value is ignored.
    Exists,
    /// These four compare numbers; a text that is not a number meets none of them.
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// Which events to list. All conditions must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct EventQuery {
    pub paging: Paging<i64>,
    /// Any of these public types, each with a trailing `*` as a wild card if need be; if empty, all types.
    pub types: Vec<String>,
    /// Inclusive bounds on the time of the event.
    pub created_from: Option<Timestamp>,
    pub created_until: Option<Timestamp>,
    /// Only events of this object.
    pub object: Option<ObjectId>,
}

impl EventQuery {
    /// All events.
    pub const fn all(paging: Paging<i64>) -> Self {
        EventQuery { paging, types: Vec::new(), created_from: None, created_until: None, object: None }
    }
}
