//! How long texts may be. What is stored is stored for ever, in the log too.

use crate::error::ApiError;
use crate::form::Node;
use serde_json::{Value, json};

/// Of a text for which nothing else is declared, in characters.
const DEFAULT: usize = 5_000;

/// The length in characters that is declared.
pub const fn max_length(declared: &[usize]) -> usize {
    match declared {
        [max, ..] => *max,
        [] => DEFAULT,
    }
}

/// Refuses a text that is too long, and a list with such a text. What has parts with names of its own is checked part by part,
/// as each is declared.
pub(super) fn check(node: &Node, name: &str, max: usize) -> Result<(), ApiError> {
    match node {
        // A character has a byte at least.
        Node::Text(text) if text.len() > max && text.chars().count() > max => {
            let message = format!("Invalid string: {}; must be at most {max} characters", ends(text));
            Err(ApiError::invalid(message).param(name))
        }
        Node::Text(_) => Ok(()),
        Node::Map(parts) => {
            for (index, item) in parts.iter().filter(|(index, _)| super::index(index).is_some()) {
                if let Node::Text(_) = item {
                    check(item, &super::path(name, index), max)?;
                }
            }
            Ok(())
        }
    }
}

/// The first and the last of a long text.
fn ends(text: &str) -> String {
    let first: String = text.chars().take(4).collect();
    let last: Vec<char> = text.chars().rev().take(4).collect();
    format!("{first}...{}", last.into_iter().rev().collect::<String>())
}

/// The schema of a parameter whose texts are at most `max` characters long, where it does not say so itself.
pub fn bounded(mut schema: Value, max: usize) -> Value {
    let is_text = schema["type"] == "string" && schema["enum"].is_null() && schema["maxLength"].is_null();
    if is_text {
        schema["maxLength"] = json!(max);
    } else if schema["type"] == "array" {
        let items = schema["items"].take();
        // Without a length of its own, a list has the default from its items' type.
        schema["items"] = narrowed(items, max);
    } else if let Some(any) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        for schema in any {
            *schema = bounded(schema.take(), max);
        }
    }
    schema
}

fn narrowed(mut schema: Value, max: usize) -> Value {
    if schema["maxLength"] == json!(DEFAULT) {
        schema["maxLength"] = json!(max);
    }
    schema
}

#[cfg(test)]
mod tests {
    use crate::form::Form;
    use crate::params;
    use crate::params::{List, Param, ParamGroup, Unsettable};
    use serde_json::json;

    params! {
        #[allow(dead_code, reason = "what becomes of the texts does not matter here")]
        pub struct Texts {
            pub plain: Option<String>,
            pub short max 3: Option<Unsettable<String>>,
            pub long as "type" max 40_000: Option<String>,
            pub list max 3: Option<List<String, 7>>,
            pub number: Option<i64>,
        }
    }

    fn refusal(text: &str) -> Option<(String, String)> {
        let mut form = Form::default();
        form.decode(text.as_bytes()).unwrap();
        let error = Texts::parse(form.into_params(), "").err()?;
        assert_eq!(error.status, 400);
        Some((error.param.clone().unwrap_or_default(), error.message.clone()))
    }

    #[test]
    fn each_text_has_a_length_also_if_none_is_declared() {
        let too_long = |name: &str, character: &str, max: usize| {
            assert_eq!(refusal(&format!("{name}={}", character.repeat(max))), None, "{name}");
            let (param, message) = refusal(&format!("{name}={}", character.repeat(max + 1))).unwrap();
            assert_eq!(param, name);
            message
        };
        let message = too_long("plain", "a", 5_000);
        assert_eq!(message, "Invalid string: aaaa...aaaa; must be at most 5000 characters");
        too_long("plain", "%C3%A9", 5_000);
        too_long("short", "a", 3);
        too_long("short", "%E2%82%AC", 3);
        too_long("type", "a", 40_000);
        too_long("list[0]", "a", 3);
        // Each way to write an index, or none.
        for index in ["%2B0", "00", "007", "%2B", "x", ""] {
            assert!(refusal(&format!("list[{index}]=aaaa")).is_some(), "{index}");
        }
        too_long("number", "0", 5_000);
        too_long("plain", "%E2%82%AC", 5_000);
        too_long("plain", "%F0%9F%92%B3", 5_000);
    }

    #[test]
    fn the_schema_says_how_long() {
        let (mut properties, mut required) = Default::default();
        Texts::describe(&mut properties, &mut required);
        assert_eq!(properties["plain"]["maxLength"], 5_000);
        assert_eq!(
            properties["short"]["anyOf"],
            json!([{ "type": "string", "maxLength": 3 }, { "type": "string", "enum": [""] }])
        );
        assert_eq!(properties["type"]["maxLength"], 40_000);
        assert_eq!(properties["list"]["items"]["maxLength"], 3);
        assert_eq!(properties["list"]["maxItems"], 7);
        assert_eq!(properties["number"], json!({ "type": "integer" }));
    }
}
