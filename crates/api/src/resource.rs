//! What the kit needs to know of a kind of object: each resource declares it.

use crate::error::ApiError;
use crate::json::Json;
use contracts::Stored;
use domain::{Object, Versioned};
use serde_json::Value;
use types::{Kind, TenantId, Timestamp};

/// A kind of object as the public API shows it. The area declares a type for it (`struct Refunds`), because the object
/// is a type of `domain`.
pub trait Resource: 'static {
    type Object: Object;

    /// Where the kind's objects are listed: `/v1/payment_intents`.
    const PATH: &'static str;
    /// Where the shape of its JSON is described.
    const SCHEMA: Schema;
    /// References that `expand[]` replaces by the object itself.
    const EXPANDABLE: &'static [Expandable];
    /// Attributes that a publishable key sees; empty if it may not see the object.
    const PUBLIC: &'static [&'static str];
    /// The status of those that lists and searches show, if they do not show all.
    const LISTED: Option<&'static str> = None;
    /// Event types that carry `previous_attributes`; those that end in `.updated` always do.
    const EVENTS_WITH_PREVIOUS: &'static [&'static str];
    /// Event types that tell the change of the event before them once more, under another name.
    const EVENTS_TOLD_AGAIN: &'static [&'static str] = &[];
    /// The object as of this state, in the attributes' customary order.
    fn render<'a>(object: &'a Self::Object, audience: &Audience) -> Json<'a>;
}

/// Where the shape of a kind's JSON is described.
#[derive(Clone, Copy)]
pub enum Schema {
    /// Among Stripe's schemas, under the kind's name.
    Stripe,
    /// Here: Florin's own.
    Own(fn() -> Value),
}

/// An attribute that can be expanded.
#[derive(Clone, Copy, Debug)]
pub struct Expandable {
    /// With a dot if it is inside a hash: `invoice_settings.default_payment_method`.
    pub name: &'static str,
    /// What it may refer to; empty if it may be any kind.
    pub kinds: &'static [Kind],
    /// Whether it is a list of the objects that have this one as their parent, left out unless asked for.
    pub list: bool,
}

/// A reference to one object.
pub const fn reference(name: &'static str, kinds: &'static [Kind]) -> Expandable {
    Expandable { name, kinds, list: false }
}

/// A reference to one object of any kind.
pub const fn reference_to_any(name: &'static str) -> Expandable {
    Expandable { name, kinds: &[], list: false }
}

/// A list of children.
pub const fn children(name: &'static str, kinds: &'static [Kind]) -> Expandable {
    Expandable { name, kinds, list: true }
}

/// For whom and when an object is shown.
#[derive(Clone, Debug)]
pub struct Audience {
    pub tenant: TenantId,
    pub livemode: bool,
    pub now: Timestamp,
    /// Seen with a publishable key: only the public attributes are shown.
    pub public: bool,
    /// Where payers' browsers reach this server, without a trailing slash.
    pub public_url: std::sync::Arc<str>,
}

/// An object out of its stored state.
pub fn decode<T: Object>(state: &str) -> Result<T, ApiError> {
    serde_json::from_str(state).map_err(|error| {
        tracing::error!(kind = %T::KIND, %error, "a stored state cannot be read");
        ApiError::internal()
    })
}

/// The object as this audience may see it.
pub fn show<'a, R: Resource>(object: &'a R::Object, audience: &Audience) -> Json<'a> {
    let mut shown = R::render(object, audience);
    if audience.public {
        shown.retain(|name| R::PUBLIC.contains(&name));
    }
    shown
}

/// A stored object, typed.
pub fn decoded<T: Object>(stored: &Stored) -> Result<Versioned<T>, ApiError> {
    Ok(Versioned::new(stored.version, decode::<T>(&stored.state)?))
}
