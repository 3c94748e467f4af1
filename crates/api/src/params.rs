//! Typed parameters: declared once; from that they are decoded, checked, refused by name, and described in the OpenAPI
//! document.

mod length;
mod list;
mod unsettable;

pub use length::{bounded, max_length};
pub use list::List;
pub use unsettable::{Unsettable, assign};

use crate::error::{ApiError, PARAM_MAX, cut};
use crate::form::Node;
use serde_json::{Map, Value, json};
use types::{Currency, Timestamp};

/// A type that a parameter can have.
pub trait Param: Sized {
    /// Reads what was sent under `name`.
    fn parse(node: Node, name: &str) -> Result<Self, ApiError>;

    /// What it is when it was not sent; `None` when the request is refused then.
    fn absent() -> Option<Self> {
        None
    }

    /// Its JSON schema, for the OpenAPI document.
    fn schema() -> Value;
}

/// Parameters that several endpoints share: taken out of the request's parameters, leaving the others.
pub trait ParamGroup: Sized {
    fn take(node: &mut Node, name: &str) -> Result<Self, ApiError>;

    /// Adds its properties to an object's schema, and the names of those that are required.
    fn describe(properties: &mut Map<String, Value>, required: &mut Vec<&'static str>);
}

/// Declares a struct of parameters. A field of type `Option<…>` may be left out, any other must be there; a name that
/// is not declared is refused. A text is at most 5,000 characters long, unless `max` says otherwise: `name max 256: String`.
/// `..group: Type` at the end includes the parameters of another such struct.
#[macro_export]
macro_rules! params {
    ($($(#[$meta:meta])* pub struct $name:ident {
        $($(#[$field_meta:meta])* pub $field:ident $(as $wire:literal)? $(max $max:literal)?: $type:ty,)*
        $(..$group:ident: $group_type:ty,)*
    })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* $(pub $group: $group_type,)* }

        impl $crate::params::ParamGroup for $name {
            #[allow(unused_variables)]
            fn take(node: &mut $crate::form::Node, name: &str) -> Result<Self, $crate::error::ApiError> {
                Ok($name {
                    $($field: $crate::params::take(
                        node,
                        name,
                        $crate::params::wire_name(stringify!($field), &[$($wire)?]),
                        $crate::params::max_length(&[$($max)?]),
                    )?,)*
                    $($group: <$group_type as $crate::params::ParamGroup>::take(node, name)?,)*
                })
            }

            #[allow(unused_variables)]
            fn describe(
                properties: &mut serde_json::Map<String, serde_json::Value>,
                required: &mut Vec<&'static str>,
            ) {
                $({
                    const WIRE: &str = $crate::params::wire_name(stringify!($field), &[$($wire)?]);
                    let schema = <$type as $crate::params::Param>::schema();
                    let schema = $crate::params::bounded(schema, $crate::params::max_length(&[$($max)?]));
                    properties.insert(WIRE.to_owned(), schema);
                    if <$type as $crate::params::Param>::absent().is_none() {
                        required.push(WIRE);
                    }
                })*
                $(<$group_type as $crate::params::ParamGroup>::describe(properties, required);)*
            }
        }

        impl $crate::params::Param for $name {
            fn parse(node: $crate::form::Node, name: &str) -> Result<Self, $crate::error::ApiError> {
                $crate::params::parse_group(node, name)
            }

            fn schema() -> serde_json::Value {
                $crate::params::group_schema::<Self>()
            }
        }
    )*};
}

/// Reads a group of parameters that must be all there are.
pub fn parse_group<T: ParamGroup>(mut node: Node, name: &str) -> Result<T, ApiError> {
    if let Node::Text(text) = &node {
        return Err(not_a_hash(text, name));
    }
    let parsed = T::take(&mut node, name)?;
    nothing_left(node, name)?;
    Ok(parsed)
}

/// The JSON schema of a group on its own.
pub fn group_schema<T: ParamGroup>() -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    T::describe(&mut properties, &mut required);
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// Declares an enumeration of texts.
#[macro_export]
macro_rules! choices {
    ($($(#[$meta:meta])* pub enum $name:ident { $($variant:ident = $text:literal,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($variant,)* }

        impl $name {
            #[allow(dead_code, reason = "a choice that is matched on has no need of its text")]
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl $crate::params::Param for $name {
            fn parse(node: $crate::form::Node, name: &str) -> Result<Self, $crate::error::ApiError> {
                let text = <String as $crate::params::Param>::parse(node, name)?;
                match text.as_str() {
                    $($text => Ok($name::$variant),)*
                    _ => Err($crate::params::not_a_choice(&text, name, &[$($text),*])),
                }
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({ "type": "string", "enum": [$($text),*] })
            }
        }
    )*};
}

/// The name on the wire, where it is not the field's own (`type` is no field name in Rust).
pub const fn wire_name(field: &'static str, wire: &[&'static str]) -> &'static str {
    match wire {
        [wire, ..] => wire,
        [] => field,
    }
}

/// The name of a part: `card[number]`.
pub fn path(outer: &str, inner: &str) -> String {
    if outer.is_empty() { inner.to_owned() } else { format!("{outer}[{inner}]") }
}

/// Takes the parameter `inner` out of those of `outer`, whose node is given. A text is at most `max` characters long.
pub fn take<T: Param>(node: &mut Node, outer: &str, inner: &str, max: usize) -> Result<T, ApiError> {
    match node.take(inner) {
        Some(node) => {
            let name = path(outer, inner);
            length::check(&node, &name, max)?;
            T::parse(node, &name)
        }
        None => T::absent().ok_or_else(|| {
            let name = path(outer, inner);
            ApiError::coded("parameter_missing", format!("Missing required param: {name}.")).param(name)
        }),
    }
}

/// The place in a list that a part's name says: digits, and no sign before them.
fn index(name: &str) -> Option<usize> {
    name.parse().ok().filter(|_| name.bytes().all(|byte| byte.is_ascii_digit()))
}

pub fn not_a_hash(text: &str, name: &str) -> ApiError {
    ApiError::invalid(format!("Invalid hash: '{}' should have named parts.", shortened(text))).param(name)
}

pub fn not_a_choice(text: &str, name: &str, choices: &[&str]) -> ApiError {
    let message = format!("Invalid {name}: must be one of {}, not '{}'.", choices.join(", "), shortened(text));
    ApiError::invalid(message).param(name)
}

/// Refuses parameters that are left.
pub fn nothing_left(node: Node, name: &str) -> Result<(), ApiError> {
    match node {
        Node::Map(parts) => match parts.first() {
            None => Ok(()),
            Some((first, _)) => {
                let param = cut(path(name, first), PARAM_MAX);
                Err(ApiError::coded("parameter_unknown", format!("Received unknown parameter: {param}")).param(param))
            }
        },
        Node::Text(_) => Ok(()),
    }
}

/// What was sent, short enough for a message.
pub(crate) fn shortened(text: &str) -> String {
    cut(text.to_owned(), 60)
}

pub(crate) fn as_text(node: Node, name: &str) -> Result<String, ApiError> {
    match node {
        Node::Text(text) => Ok(text),
        Node::Map(_) => {
            Err(ApiError::invalid(format!("Invalid string: {name} has parts, but takes one value.")).param(name))
        }
    }
}

fn empty(name: &str) -> ApiError {
    let message = format!(
        "You passed an empty string for '{name}'. Empty values unset a parameter, but '{name}' cannot be unset: leave it \
         out, or give it a value."
    );
    ApiError::coded("parameter_invalid_empty", message).param(name)
}

impl Param for String {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        let text = as_text(node, name)?;
        if text.is_empty() {
            return Err(empty(name));
        }
        Ok(text)
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

impl Param for i64 {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        let text = as_text(node, name)?;
        if text.is_empty() {
            return Err(empty(name));
        }
        text.parse().map_err(|_| {
            let message = format!("Invalid integer: {}", shortened(&text));
            ApiError::coded("parameter_invalid_integer", message).param(name)
        })
    }

    fn schema() -> Value {
        json!({ "type": "integer" })
    }
}

impl Param for bool {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        match as_text(node, name)?.as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            "" => Err(empty(name)),
            other => Err(ApiError::invalid(format!("Invalid boolean: {}", shortened(other))).param(name)),
        }
    }

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

impl Param for Currency {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        let text = String::parse(node, name)?;
        text.parse().map_err(|_| {
            ApiError::invalid(format!(
                "Invalid currency: {}. It must be an ISO code that is supported here.",
                shortened(&text)
            ))
            .param(name)
        })
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 3, "maxLength": 3 })
    }
}

/// Seconds since 1970-01-01 UTC.
impl Param for Timestamp {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        let seconds = i64::parse(node, name)?;
        if (0..=253_402_300_799).contains(&seconds) {
            Ok(Timestamp::from_seconds(seconds))
        } else {
            Err(ApiError::coded("parameter_invalid_integer", format!("Invalid timestamp: {seconds}")).param(name))
        }
    }

    fn schema() -> Value {
        json!({ "type": "integer", "format": "unix-time" })
    }
}

impl<T: Param> Param for Option<T> {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        T::parse(node, name).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn schema() -> Value {
        T::schema()
    }
}

params! {
    /// For endpoints that take no parameters (but `expand`, which all take).
    pub struct NoParams {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Form;

    params! {
        pub struct Inner { pub number: i64, pub kind as "type": Option<String>, }
        pub struct Outer { pub amount: i64, pub inner: Option<Inner>, pub list: Option<List<Inner, 2>>, pub name: Option<Unsettable<String>>, }
    }

    fn parse(text: &str) -> Result<Outer, ApiError> {
        let mut form = Form::default();
        form.decode(text.as_bytes())?;
        Outer::parse(form.into_params(), "")
    }

    #[test]
    fn reads_what_is_declared() {
        let outer = parse("amount=5&inner[number]=1&inner[type]=x&list[1][number]=3&list[0][number]=2&name=").unwrap();
        assert_eq!(outer.amount, 5);
        assert_eq!(outer.inner.unwrap().kind.as_deref(), Some("x"));
        assert_eq!(outer.list.unwrap().0.iter().map(|inner| inner.number).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(outer.name, Some(Unsettable::Unset));
    }

    #[test]
    fn errors_name_the_parameter() {
        for (text, code, param) in [
            ("", "parameter_missing", "amount"),
            ("amount=x", "parameter_invalid_integer", "amount"),
            ("amount=", "parameter_invalid_empty", "amount"),
            ("amount=1&inner[number]=1.5", "parameter_invalid_integer", "inner[number]"),
            ("amount=1&list[0][type]=x", "parameter_missing", "list[0][number]"),
            ("amount=1&inner[number]=1&inner[x]=1", "parameter_unknown", "inner[x]"),
            ("amount=1&surprise=1", "parameter_unknown", "surprise"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((error.code, error.param.as_deref()), (Some(code), Some(param)), "{text}");
        }
        assert_eq!(parse("amount=1&inner=2").unwrap_err().param.as_deref(), Some("inner"));
        let three = "amount=1&list[][number]=1&list[][number]=2&list[][number]=3";
        assert_eq!(parse(three).unwrap_err().param.as_deref(), Some("list"));
    }
}
