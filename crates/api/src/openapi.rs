//! The OpenAPI document of what is served, and how much of Stripe's API that is. Both are made from the endpoints that are
//! served.

use crate::endpoint::{Access, Endpoint, Endpoints, Returns};
use crate::expand::Paths;
use crate::kinds::Kinds;
use crate::params::{Param, bounded, max_length};
use crate::resource::Schema;
use crate::version::API_VERSION;
use http::Method;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

const STRIPE_SCHEMAS: &str = include_str!("../schema/stripe.json");
const STRIPE_OPERATIONS: &str = include_str!("../schema/operations.json");

/// An operation of Stripe's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownOperation {
    pub resource: String,
    pub path: String,
    pub method: String,
    pub operation_id: String,
}

/// Every operation of Stripe's that is known of.
pub fn known_operations() -> &'static [KnownOperation] {
    static KNOWN: OnceLock<Vec<KnownOperation>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let listed: Vec<BTreeMap<String, String>> = serde_json::from_str(STRIPE_OPERATIONS).unwrap_or_default();
        let text = |operation: &BTreeMap<String, String>, name: &str| operation.get(name).cloned().unwrap_or_default();
        let mut known: Vec<KnownOperation> = listed
            .iter()
            .map(|operation| KnownOperation {
                resource: text(operation, "resource"),
                path: text(operation, "path"),
                method: text(operation, "method"),
                operation_id: text(operation, "operation_id"),
            })
            .collect();
        known.sort();
        known
    })
}

/// Whether a request that nothing here serves is one of Stripe's operations.
pub(crate) fn is_known_elsewhere(method: &Method, path: &str) -> bool {
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    known_operations().iter().any(|known| {
        let template: Vec<&str> = known.path.split('/').collect();
        known.method == method.as_str()
            && template.len() == parts.len()
            && template.iter().zip(&parts).all(|(known, part)| known == part || known.starts_with('{'))
    })
}

/// Which of Stripe's operations are implemented.
pub fn coverage(endpoints: &Endpoints) -> Value {
    let served: BTreeSet<(String, String)> =
        endpoints.iter().map(|endpoint| (endpoint.method.to_string(), shape(endpoint.path))).collect();
    let operations: Vec<Value> = known_operations()
        .iter()
        .map(|known| {
            json!({
                "method": known.method,
                "path": known.path,
                "operation_id": known.operation_id,
                "resource": known.resource,
                "implemented": served.contains(&(known.method.clone(), shape(&known.path))),
            })
        })
        .collect();
    let implemented = operations.iter().filter(|operation| operation["implemented"] == true).count();
    json!({ "api_version": API_VERSION, "implemented": implemented, "known": operations.len(), "operations": operations })
}

/// A path without the names of its parameters.
fn shape(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

/// The OpenAPI document.
pub fn document(kinds: &Kinds, endpoints: &Endpoints) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for endpoint in endpoints.iter() {
        paths
            .entry(endpoint.path)
            .or_default()
            .insert(endpoint.method.as_str().to_ascii_lowercase(), describe(endpoint));
    }
    let stripe: Value = serde_json::from_str(STRIPE_SCHEMAS).unwrap_or_default();
    let mut components = stripe["components"].clone();
    components["securitySchemes"] = json!({
        "key": { "type": "http", "scheme": "bearer", "description": "A secret key, sk_…; where an operation says so, a publishable one, pk_…" },
        "basic": { "type": "http", "scheme": "basic", "description": "The key as user name, no password." },
    });
    for facts in kinds.iter() {
        if let Schema::Own(schema) = facts.schema {
            components["schemas"][facts.kind.name()] = schema();
        }
    }
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Florin",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What this server implements. Paths under /v1 are wire compatible with Stripe's API, under /x/v1 they are Florin's own.",
            "x-api-version": API_VERSION,
        },
        "security": [{ "key": [] }, { "basic": [] }],
        "paths": paths,
        "components": components,
    })
}

fn describe(endpoint: &Endpoint) -> Value {
    let is_open = endpoint.access != Access::Secret;
    let mut described = json!({
        "operationId": operation_id(endpoint),
        "x-publishable-key": is_open,
        "responses": {
            "200": { "description": "Success.", "content": { "application/json": { "schema": response(endpoint.returns) } } },
            "default": {
                "description": "Error.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/error" } } },
            },
        },
    });
    let in_path = endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let mut params = endpoint.params.clone();
    if let Some(properties) = params["properties"].as_object_mut().filter(|_| is_open) {
        for (_, schema) in properties.iter_mut().filter(|(name, _)| !endpoint.is_payers(name)) {
            schema["x-secret-key-only"] = true.into();
        }
    }
    params["properties"]["expand"] = bounded(Paths::schema(), max_length(&[]));
    if endpoint.method == Method::POST {
        described["requestBody"] = json!({ "content": { "application/x-www-form-urlencoded": { "schema": params } } });
        parameters.push(
            json!({ "name": "Idempotency-Key", "in": "header", "schema": { "type": "string", "maxLength": 255 } }),
        );
    } else if let Some(properties) = params["properties"].as_object() {
        let required = params["required"].as_array().cloned().unwrap_or_default();
        parameters.extend(properties.iter().map(|(name, schema)| {
            let required = required.iter().any(|required| required == name);
            json!({ "name": name, "in": "query", "required": required, "style": "deepObject", "schema": schema })
        }));
    }
    described["parameters"] = parameters.into();
    described
}

/// The name that Stripe's operation has, or one in the same style.
fn operation_id(endpoint: &Endpoint) -> String {
    let known = known_operations()
        .iter()
        .find(|known| known.method == endpoint.method.as_str() && shape(&known.path) == shape(endpoint.path));
    match known {
        Some(known) => known.operation_id.clone(),
        None => {
            let words = endpoint.path.split('/').filter(|part| !part.is_empty() && !part.starts_with('{'));
            let one = if endpoint.path.ends_with('}') { "_one" } else { "" };
            format!("{}_{}{one}", endpoint.method.as_str().to_ascii_lowercase(), words.collect::<Vec<_>>().join("_"))
        }
    }
}

fn response(returns: Returns) -> Value {
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let list = |items: Value, object: &str, further: (&str, Value)| {
        let mut properties = json!({
            "object": { "type": "string", "enum": [object] },
            "data": { "type": "array", "items": items },
            "has_more": { "type": "boolean" },
            "url": { "type": "string" },
        });
        if !further.0.is_empty() {
            properties[further.0] = further.1;
        }
        json!({ "type": "object", "required": ["object", "data", "has_more", "url"], "properties": properties })
    };
    match returns {
        Returns::Object(kind) => reference(kind.name()),
        Returns::Schema(name) => reference(name),
        Returns::List(kind) => list(reference(kind.name()), "list", ("", Value::Null)),
        Returns::ListOf(name) => list(reference(name), "list", ("", Value::Null)),
        Returns::Search(kind) => {
            let next_page = json!({ "type": "string", "nullable": true });
            list(reference(kind.name()), "search_result", ("next_page", next_page))
        }
    }
}
