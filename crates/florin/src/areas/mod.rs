//! The areas of the API: which crates have resources.

#[cfg(test)]
mod hidden;
#[cfg(test)]
mod in_process;
#[cfg(test)]
mod kept_answers;
#[cfg(test)]
mod payers;
#[cfg(test)]
mod sql_page;
#[cfg(test)]
mod surface;

use anyhow::Context;
use api::Registry;
use domain::SqlView;
use processors::{Processors, ProcessorsConfig, Surroundings};
use std::sync::Arc;
use types::SystemClock;

/// Every area, by the function that enters its resources.
const AREAS: &[fn(&mut Registry)] = &[payments::register, tenants::register];

/// All resources of this binary.
pub fn registry(processors: Processors) -> Registry {
    let mut registry = Registry::default();
    attempts::register(&mut registry, processors);
    AREAS.iter().for_each(|register| register(&mut registry));
    registry
}

/// The SQL views of all kinds of object.
pub fn sql_views() -> anyhow::Result<Vec<SqlView>> {
    // Views do not depend on which processors there are.
    let surroundings = Surroundings { clock: Arc::new(SystemClock) };
    let processors = ProcessorsConfig::default().build(&surroundings).context("no processor is configured")?;
    Ok(registry(processors).kinds.sql_views())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use api::openapi;
    use serde_json::Value;
    use std::collections::BTreeSet;
    use types::Kind;

    pub fn all() -> Registry {
        let surroundings = Surroundings { clock: Arc::new(SystemClock) };
        registry(ProcessorsConfig::default().build(&surroundings).unwrap())
    }

    #[test]
    fn every_kind_has_a_resource_with_a_shape() {
        let registry = all();
        let document = openapi::document(&registry.kinds, &registry.endpoints);
        for kind in Kind::ALL {
            let facts = registry.kinds.facts(*kind).unwrap_or_else(|| panic!("{kind} is entered by no area"));
            assert!(document["components"]["schemas"][kind.name()].is_object(), "{kind} has no schema");
            assert!(facts.path.starts_with("/v1/") || facts.path.starts_with("/x/v1/"), "{kind}: {}", facts.path);
            assert!(registry.endpoints.iter().any(|endpoint| endpoint.path == facts.path), "{kind}: {}", facts.path);
        }
    }

    /// The texts in a parameter's schema that say nothing of how long they may be.
    fn endless(name: &str, schema: &Value, found: &mut Vec<String>) {
        if schema["type"] == "string" && schema["enum"].is_null() && schema["maxLength"].is_null() {
            found.push(name.to_owned());
        }
        if schema["type"] == "array" && schema["maxItems"].is_null() {
            found.push(name.to_owned());
        }
        match schema {
            Value::Object(parts) => {
                parts.iter().for_each(|(part, schema)| endless(&format!("{name}.{part}"), schema, found))
            }
            Value::Array(items) => items.iter().for_each(|schema| endless(name, schema, found)),
            _ => (),
        }
    }

    #[test]
    fn each_text_and_list_that_is_taken_has_a_length() {
        let mut found = Vec::new();
        let registry = all();
        let document = openapi::document(&registry.kinds, &registry.endpoints);
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let name = format!("{method} {path}");
                endless(&name, &operation["requestBody"], &mut found);
                let in_query =
                    operation["parameters"].as_array().unwrap().iter().filter(|param| param["in"] == "query");
                in_query.for_each(|param| endless(&name, param, &mut found));
            }
        }
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn kinds_that_processors_act_on_are_entered() {
        let mut registry = all();
        let kinds: Vec<_> = registry.kinds.iter().map(|facts| (facts.kind, facts.acted_on)).collect();
        for (kind, acted_on) in kinds {
            assert_eq!(
                attempts::is_target(&mut registry, kind),
                acted_on,
                "{kind}: `attempts::target` in its `register`"
            );
        }
    }

    #[test]
    fn no_two_kinds_share_a_sql_view_or_show_what_they_hide() {
        let registry = all();
        let names: BTreeSet<&str> = registry.kinds.iter().map(|facts| facts.sql_view.name).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        for view in registry.kinds.sql_views() {
            assert!(view.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", view.name);
            for column in view.columns {
                assert!(!view.hidden.contains(&[column.name].as_slice()), "{}.{}", view.name, column.name);
            }
        }
    }

    #[test]
    fn references_lead_to_kinds_that_there_are() {
        let registry = all();
        for facts in registry.kinds.iter() {
            for expandable in facts.expandable {
                for kind in expandable.kinds {
                    assert!(registry.kinds.facts(*kind).is_some(), "{}: {} is a {kind}", facts.kind, expandable.name);
                }
            }
        }
    }
}
