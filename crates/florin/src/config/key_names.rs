//! The names of keys: `server.listen`, and which known name is meant by an unknown one.

use super::Config;
use serde_json::Value;

/// Every key of the config with its default, in the order of the struct.
pub fn defaults() -> serde_json::Result<Vec<(String, Value)>> {
    Ok(leaves(&serde_json::to_value(Config::default())?))
}

/// The keys whose values differ. Secrets are compared as they are shown.
pub fn changed(one: &Config, other: &Config) -> serde_json::Result<Vec<String>> {
    let [one, other] = [leaves(&serde_json::to_value(one)?), leaves(&serde_json::to_value(other)?)];
    let differing = one.into_iter().filter(|leaf| !other.contains(leaf));
    Ok(differing.map(|(key, _)| key).collect())
}

/// Every value within an object, with its dotted key.
pub fn leaves(object: &Value) -> Vec<(String, Value)> {
    fn walk(prefix: &str, value: &Value, found: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                    walk(&key, field, found);
                }
            }
            leaf => found.push((prefix.to_owned(), leaf.clone())),
        }
    }
    let mut found = Vec::new();
    walk("", object, &mut found);
    found
}

/// `, did you mean X?` for the known name that is most alike; empty if none is.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> String {
    let best = known.map(|candidate| (distance(name, candidate), candidate)).min();
    match best {
        Some((distance, candidate)) if distance <= 3 => format!(", did you mean {candidate}?"),
        _ => String::new(),
    }
}

/// Levenshtein's distance: letters to insert, delete or replace.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, left) in one.bytes().enumerate() {
        let mut diagonal = line;
        let mut previous = line + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(other.bytes()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            previous = replaced.min(previous + 1).min(*cell + 1);
            *cell = previous;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(one.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_letters_apart() {
        for (one, other, apart) in [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("listen", "listn", 1)] {
            assert_eq!(distance(one, other), apart, "{one} {other}");
        }
    }
}
