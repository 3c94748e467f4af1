//! What the generic parts need to know of a resource: its facts.

use crate::error::ApiError;
use crate::json::Json;
use domain::commit::Index;
use domain::{Object, SqlView};
use serde_json::Value;
use types::{Kind, TenantId, Timestamp};

/// A kind of object as the public API shows it.
pub trait Resource: Object {
    /// References that `expand[]` replaces by the object itself.
    const EXPANDABLE: &'static [Expandable] = &[];
    /// Attributes that a publishable key sees; empty when it may not see the object.
    const PUBLIC: &'static [&'static str] = &[];
    /// The status of those that lists and searches show, where they do not show all.
    const LISTED: Option<&'static str> = None;

    /// The object as of this state, in the attributes' customary order.
    fn render(&self, view: &View) -> Json<'_>;
}

/// An attribute that can be expanded.
#[derive(Clone, Copy, Debug)]
pub struct Expandable {
    /// With a dot where it is inside a hash: `invoice_settings.default_payment_method`.
    pub name: &'static str,
    /// What it may refer to.
    pub kinds: &'static [Kind],
    /// Whether it is a list of the objects that have this one as their parent, left out unless asked for.
    pub list: bool,
}

/// A reference to one object.
pub const fn reference(name: &'static str, kinds: &'static [Kind]) -> Expandable {
    Expandable { name, kinds, list: false }
}

/// A list of children.
pub const fn children(name: &'static str, kinds: &'static [Kind]) -> Expandable {
    Expandable { name, kinds, list: true }
}

/// For whom and when an object is shown.
#[derive(Clone, Debug)]
pub struct View {
    pub tenant: TenantId,
    pub livemode: bool,
    pub now: Timestamp,
    /// Seen with a publishable key: only the public attributes are shown.
    pub public: bool,
    /// Where payers' browsers reach this server, without a trailing slash.
    pub public_url: std::sync::Arc<str>,
}

/// A resource's facts, its type erased.
#[derive(Clone, Copy)]
pub struct Facts {
    pub kind: Kind,
    pub expandable: &'static [Expandable],
    pub public: &'static [&'static str],
    pub render: fn(&str, &View) -> Result<Value, ApiError>,
    pub sql_view: SqlView,
    /// How an object in this state has to be indexed; `None` when the state cannot be read.
    pub index: fn(&Value) -> Option<Index>,
}

impl Facts {
    pub fn of<T: Resource>() -> Self {
        Facts {
            kind: T::KIND,
            expandable: T::EXPANDABLE,
            public: T::PUBLIC,
            render: render_state::<T>,
            sql_view: SqlView::of::<T>(),
            index: |state| T::deserialize(state).ok().map(|object| object.index()),
        }
    }
}

fn render_state<T: Resource>(state: &str, view: &View) -> Result<Value, ApiError> {
    decode::<T>(state).map(|object| show(&object, view).into())
}

/// An object out of its stored state.
pub fn decode<T: Object>(state: &str) -> Result<T, ApiError> {
    serde_json::from_str(state).map_err(|error| {
        tracing::error!(kind = %T::KIND, %error, "a stored state cannot be read");
        ApiError::internal()
    })
}

/// The object as this caller may see it.
pub fn show<'a, T: Resource>(object: &'a T, view: &View) -> Json<'a> {
    let mut shown = object.render(view);
    if view.public {
        shown.retain(|name| T::PUBLIC.contains(&name));
    }
    shown
}
