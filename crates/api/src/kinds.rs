//! The kinds of object that the API knows.

use crate::error::ApiError;
use crate::resource::{Audience, Expandable, Resource, Schema, decode, show};
use domain::commit::Index;
use domain::{Object, SqlView};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use types::Kind;

/// A kind's facts, its type erased.
#[derive(Clone, Copy)]
pub struct Facts {
    pub kind: Kind,
    pub path: &'static str,
    pub schema: Schema,
    pub expandable: &'static [Expandable],
    pub events_with_previous: &'static [&'static str],
    pub events_told_again: &'static [&'static str],
    pub render: fn(&str, &Audience) -> Result<Value, ApiError>,
    pub sql_view: SqlView,
    pub acted_on: bool,
    /// How an object in this state has to be indexed; `None` if the state cannot be read.
    pub index: fn(&Value) -> Option<Index>,
}

impl Facts {
    fn of<R: Resource>() -> Self {
        Facts {
            kind: R::Object::KIND,
            path: R::PATH,
            schema: R::SCHEMA,
            expandable: R::EXPANDABLE,
            events_with_previous: R::EVENTS_WITH_PREVIOUS,
            events_told_again: R::EVENTS_TOLD_AGAIN,
            render: render_state::<R>,
            sql_view: SqlView::of::<R::Object>(),
            acted_on: R::Object::ACTED_ON,
            index: |state| R::Object::deserialize(state).ok().map(|object| object.index()),
        }
    }
}

fn render_state<R: Resource>(state: &str, audience: &Audience) -> Result<Value, ApiError> {
    decode::<R::Object>(state).map(|object| show::<R>(&object, audience).into())
}

/// Every kind, with its facts.
#[derive(Default)]
pub struct Kinds(BTreeMap<Kind, Facts>);

impl Kinds {
    pub(crate) fn add<R: Resource>(&mut self) {
        self.0.insert(R::Object::KIND, Facts::of::<R>());
    }

    pub fn facts(&self, kind: Kind) -> Option<&Facts> {
        self.0.get(&kind)
    }

    /// In the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Facts> {
        self.0.values()
    }

    /// The SQL views of all kinds, in the order of their numbers.
    pub fn sql_views(&self) -> Vec<SqlView> {
        self.iter().map(|facts| facts.sql_view).collect()
    }
}
