//! The public surface, written down in `docs/`: a change to it is seen in review, and the documents stay true.

use super::tests::all;
use api::openapi;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Compares a document with what the code says; with `UPDATE=1` in the environment, writes it anew.
fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).expect("the document can be written");
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(text.lines()).position(|(old, new)| old != new);
    let line = differs.unwrap_or_else(|| written.lines().count().min(text.lines().count()));
    assert!(
        written == text,
        "docs/{name} is not what the code says, from line {} on:\n  written: {}\n  now:     {}\n\
         If the change is meant, run `UPDATE=1 cargo test -p florin surface` and commit the documents.",
        line + 1,
        written.lines().nth(line).unwrap_or("(nothing)"),
        text.lines().nth(line).unwrap_or("(nothing)"),
    );
}

fn pretty(value: &Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).expect("a value is JSON"))
}

#[test]
fn openapi_document() {
    let registry = all();
    check("openapi.json", &pretty(&openapi::document(&registry.kinds, &registry.endpoints)));
}

#[test]
fn coverage_list() {
    check("coverage.json", &pretty(&openapi::coverage(&all().endpoints)));
}

#[test]
fn coverage_page() {
    check("coverage.md", &page(&openapi::coverage(&all().endpoints)));
}

/// An endpoint with a mistyped path would be missing here.
#[test]
fn every_endpoint_is_stripes_or_florins_own() {
    let registry = all();
    let covered = openapi::coverage(&registry.endpoints);
    let ours = registry.endpoints.iter().filter(|endpoint| endpoint.path.starts_with("/x/v1/")).count();
    let stripes = covered["implemented"].as_u64().unwrap();
    assert_eq!(u64::try_from(registry.endpoints.iter().count() - ours).unwrap(), stripes);
}

/// The page for people.
fn page(coverage: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut resources: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for operation in coverage["operations"].as_array().unwrap() {
        resources.entry(text(&operation["resource"])).or_default().push(operation);
    }
    let served = |operation: &&&Value| operation["implemented"] == true;
    let mut page = format!(
        "# Coverage\n\nFlorin serves {} of the {} operations of Stripe's API that are on its list, in the shapes of the \
         version\n{}. The list is about payments; Stripe has more (billing, tax, identity and others).\n\n\
         What is not served answers 404 with an error that says so. [coverage.json](coverage.json) is this page for \
         programs;\n[openapi.json](openapi.json) describes what is served, Florin's own operations under `/x/v1` \
         included.\n\nThis page is made from the code: `UPDATE=1 cargo test -p florin surface`.\n\n\
         | resource | served | of |\n|---|---|---|\n",
        coverage["implemented"],
        coverage["known"],
        text(&coverage["api_version"]),
    );
    for (resource, operations) in &resources {
        let count = operations.iter().filter(served).count();
        writeln!(page, "| {resource} | {count} | {} |", operations.len()).unwrap();
    }
    for (title, wanted) in [("Served", true), ("Not served yet", false)] {
        write!(page, "\n## {title}\n\n| resource | operation | path |\n|---|---|---|\n").unwrap();
        let all = resources.iter().flat_map(|(name, operations)| operations.iter().map(move |one| (name, one)));
        for (resource, operation) in all.filter(|(_, operation)| (operation["implemented"] == true) == wanted) {
            let (id, method, path) =
                (text(&operation["operation_id"]), text(&operation["method"]), text(&operation["path"]));
            writeln!(page, "| {resource} | `{id}` | `{method} {path}` |").unwrap();
        }
    }
    page
}
