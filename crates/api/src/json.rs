//! JSON as it is shown: a tree that borrows what it shows, in the customary order, printed once and thrown away.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use serde_json::ser::PrettyFormatter;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use types::{Currency, EventId, ObjectId, TenantId};

/// What answers are mostly not larger than.
const USUAL_BYTES: usize = 2048;
/// The most bytes of an answer that shows more than one object: a few hundred objects as large as any may be, or some
/// thousands of ordinary ones.
pub const ANSWER_BYTES_MAX: usize = 8 << 20;

/// A value on its way out.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    Number(i64),
    Text(Cow<'a, str>),
    Id(ObjectId),
    List(Vec<Json<'a>>),
    Object(Vec<(&'a str, Json<'a>)>),
    /// What has this form already.
    Value(Cow<'a, Value>),
}

/// An object, its attributes in the order given: `object! { "id": self.id, "object": "customer" }`.
#[macro_export]
macro_rules! object {
    ($($name:literal: $value:expr),* $(,)?) => {
        $crate::json::Json::Object(vec![$(($name, $crate::json::Json::from($value))),*])
    };
}

impl<'a> Json<'a> {
    /// Adds an attribute that is shown only where there is one.
    pub fn with(mut self, name: &'a str, value: Option<impl Into<Json<'a>>>) -> Self {
        if let (Json::Object(attributes), Some(value)) = (&mut self, value) {
            attributes.push((name, value.into()));
        }
        self
    }

    /// Keeps only some attributes of an object.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        if let Json::Object(attributes) = self {
            attributes.retain(|(name, _)| keep(name));
        }
    }
}

/// JSON with two spaces of indentation, as clients are used to.
pub fn pretty(value: &impl Serialize) -> String {
    pretty_within(usize::MAX, value).unwrap_or_default()
}

/// The same, if it has no more than so many bytes. No more are ever printed.
pub fn pretty_within(most: usize, value: &impl Serialize) -> Option<String> {
    let mut text = Bounded { text: Vec::with_capacity(USUAL_BYTES), most };
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, PrettyFormatter::new());
    // What is shown has texts for keys and only finite numbers: but for its size, it always has a JSON form, which is UTF-8.
    value.serialize(&mut serializer).ok()?;
    String::from_utf8(text.text).ok()
}

struct Bounded {
    text: Vec<u8>,
    most: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > self.most.saturating_sub(self.text.len()) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(value) => serializer.serialize_bool(*value),
            Json::Number(value) => serializer.serialize_i64(*value),
            Json::Text(text) => serializer.serialize_str(text),
            Json::Id(id) => id.serialize(serializer),
            Json::List(items) => serializer.collect_seq(items),
            Json::Object(attributes) => {
                let mut map = serializer.serialize_map(Some(attributes.len()))?;
                for (name, value) in attributes {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
            Json::Value(value) => value.serialize(serializer),
        }
    }
}

impl From<Json<'_>> for Value {
    fn from(json: Json<'_>) -> Self {
        match json {
            Json::Value(value) => value.into_owned(),
            // As in `pretty`.
            json => serde_json::to_value(json).unwrap_or_default(),
        }
    }
}

macro_rules! from {
    ($($type:ty, $value:ident => $json:expr;)*) => {$(
        impl<'a> From<$type> for Json<'a> {
            fn from($value: $type) -> Self {
                $json
            }
        }
    )*};
}

from! {
    bool, value => Json::Bool(value);
    i64, value => Json::Number(value);
    i32, value => Json::Number(value.into());
    u32, value => Json::Number(value.into());
    u16, value => Json::Number(value.into());
    u8, value => Json::Number(value.into());
    &'a str, text => Json::Text(Cow::Borrowed(text));
    &'a String, text => Json::Text(Cow::Borrowed(text));
    String, text => Json::Text(Cow::Owned(text));
    ObjectId, id => Json::Id(id);
    TenantId, id => Json::Text(Cow::Owned(id.to_string()));
    EventId, id => Json::Text(Cow::Owned(id.to_string()));
    Currency, currency => Json::Text(Cow::Owned(currency.to_string()));
    Value, value => Json::Value(Cow::Owned(value));
    &'a Value, value => Json::Value(Cow::Borrowed(value));
    &'a Option<String>, text => text.as_ref().into();
    &'a Vec<String>, texts => Json::List(texts.iter().map(Json::from).collect());
    &'a BTreeMap<String, String>, map =>
        Json::Object(map.iter().map(|(name, value)| (name.as_str(), value.into())).collect());
}

impl<'a, T: Into<Json<'a>>> From<Option<T>> for Json<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Json::Null, T::into)
    }
}

impl<'a, T: Into<Json<'a>>> From<Vec<T>> for Json<'a> {
    fn from(items: Vec<T>) -> Self {
        Json::List(items.into_iter().map(T::into).collect())
    }
}
