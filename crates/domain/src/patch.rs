//! JSON merge patches (RFC 7396): how the log says what changed.

use serde_json::{Map, Value};

/// The patch that makes `after` of `before`; `None` when they are equal. States never contain `null`.
pub fn between(before: &Value, after: &Value) -> Option<Value> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let mut patch = Map::new();
            for (key, value) in after {
                match before.get(key) {
                    None => {
                        patch.insert(key.clone(), value.clone());
                    }
                    Some(old) => {
                        if let Some(change) = between(old, value) {
                            patch.insert(key.clone(), change);
                        }
                    }
                }
            }
            for key in before.keys().filter(|key| !after.contains_key(*key)) {
                patch.insert(key.clone(), Value::Null);
            }
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        _ => (before != after).then(|| after.clone()),
    }
}

/// Whether an attribute is `null`, which a patch would take for its removal. Arrays are replaced as a whole.
pub fn has_null(state: &Value) -> bool {
    match state {
        Value::Null => true,
        Value::Object(attributes) => attributes.values().any(has_null),
        _ => false,
    }
}

/// Applies a patch.
pub fn apply(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (key, change) in patch {
            if change.is_null() {
                target.shift_remove(&key);
            } else {
                apply(target.entry(key).or_insert(Value::Null), change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_makes_one_of_the_other() {
        let before = json!({"a": 1, "b": {"c": 2, "d": 3}, "e": [1, 2]});
        let after = json!({"a": 1, "b": {"d": 4, "f": {"g": 5}}, "e": [2]});
        let patch = between(&before, &after).unwrap();
        assert_eq!(patch, json!({"b": {"c": null, "d": 4, "f": {"g": 5}}, "e": [2]}));
        let mut folded = before.clone();
        apply(&mut folded, patch);
        assert_eq!(folded, after);
        assert_eq!(between(&before, &before), None);
    }
}
