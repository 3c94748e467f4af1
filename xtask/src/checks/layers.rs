//! Dependencies point down only.

use super::Problem;
use crate::tree::Tree;
use crate::workspace::{Crate, Workspace};

/// From the top. Crates of one line do not use each other.
const LAYERS: &[&[&str]] = &[
    &["florin"],
    &["gateway"],
    AREAS,
    &["attempts"],
    &["api"],
    &["processors"],
    SERVICES,
    &["contracts"],
    &["domain"],
    &["platform"],
    &["types"],
];

/// Each holds the endpoints of one part of the API. A new area is one more name here.
const AREAS: &[&str] = &["payments", "tenants"];

/// Other crates use a service by its trait in `contracts`; only `florin`, which starts the services, names their crates.
const SERVICES: &[&str] = &["ledger", "identity"];

/// A crate, crates below it that it must not use all the same, and why.
const APART: &[(&str, &[&[&str]], &str)] = &[
    (
        "gateway",
        &[AREAS, &["attempts", "processors"]],
        "it hands requests to the registry of api and knows no endpoint",
    ),
    ("api", &[&["processors"]], "it is the kit of all areas and knows no payment"),
];

/// The crates beside the layers, and which crates of this workspace each may use.
const BESIDE: &[(&str, &[&str])] = &[("testkit", &["contracts", "domain", "platform", "types"]), ("xtask", &[])];

/// All that `domain` may use. What is added here must do no IO, start no task, and read no clock.
const PURE: &[&str] = &["types", "serde", "serde_json", "sha2", "thiserror", "uuid"];

const MAP: &str = "ARCHITECTURE.md";

pub fn check(tree: &Tree, workspace: &Workspace) -> Vec<Problem> {
    workspace
        .crates
        .iter()
        .flat_map(|found| of_crate(found, workspace).into_iter().chain(on_map(tree, found)))
        .collect()
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

/// What a crate beside the layers may use; `None` for a crate in a layer.
fn beside(name: &str) -> Option<&'static [&'static str]> {
    BESIDE.iter().find(|(known, _)| *known == name).map(|(_, allowed)| *allowed)
}

fn is_apart(name: &str, used: &str) -> Option<&'static str> {
    let apart = |refused: &[&[&str]]| refused.iter().any(|crates| crates.contains(&used));
    APART.iter().find(|(known, refused, _)| *known == name && apart(refused)).map(|(_, _, why)| *why)
}

fn of_crate(found: &Crate, workspace: &Workspace) -> Vec<Problem> {
    let manifest = format!("{}/Cargo.toml", found.directory);
    let name = found.name.as_str();
    if layer(name).is_none() && beside(name).is_none() {
        let message =
            format!("the crate {name} has no place among the layers; give it one in xtask/src/checks/layers.rs");
        return vec![Problem::of(&manifest, message)];
    }
    let own = |used: &str| workspace.crates.iter().any(|known| known.name == used);
    let used = found.dependencies.iter().filter(|dependency| !dependency.dev).map(|dependency| &dependency.name);
    let mut problems: Vec<Problem> = used
        .filter_map(|used| {
            let why = if own(used) { refused(name, used)? } else { impure(name, used)? };
            Some(Problem::of(&manifest, format!("{name} must not depend on {used}: {why}")))
        })
        .collect();
    let mut tests = found.dependencies.iter().filter(|dependency| dependency.dev);
    if let Some(upward) = tests.find(|dependency| is_upward(name, &dependency.name)) {
        let message = format!("{name} must not depend on {} even in tests: it stands above", upward.name);
        problems.push(Problem::of(&manifest, message));
    }
    problems
}

fn is_upward(name: &str, used: &str) -> bool {
    layer(name).zip(layer(used)).is_some_and(|(user, used)| used < user)
}

/// Why a crate must not use another one of this workspace.
fn refused(name: &str, used: &str) -> Option<String> {
    if used == "testkit" {
        return Some("it is for tests; use dev-dependencies".to_owned());
    }
    if let Some(allowed) = beside(name) {
        return (!allowed.contains(&used)).then(|| "it stands beside the layers".to_owned());
    }
    if name == "domain" && !PURE.contains(&used) {
        return Some("domain does no IO".to_owned());
    }
    if SERVICES.contains(&used) && name != "florin" {
        return Some("use its trait from contracts instead".to_owned());
    }
    if let Some(why) = is_apart(name, used) {
        return Some(why.to_owned());
    }
    match (layer(name), layer(used)) {
        (Some(user), Some(used)) if user < used => None,
        _ => Some("dependencies point down only".to_owned()),
    }
}

fn impure(name: &str, used: &str) -> Option<String> {
    (name == "domain" && !PURE.contains(&used)).then(|| "domain does no IO; only what is pure is allowed".to_owned())
}

/// The map names every crate.
fn on_map(tree: &Tree, found: &Crate) -> Option<Problem> {
    let row = format!("| `{}` |", found.name);
    let named = tree.get(MAP).is_some_and(|map| map.lines().any(|line| line.starts_with(&row)));
    (!named).then(|| Problem::of(MAP, format!("the table of crates has no row for {}", found.name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::messages;
    use crate::tree::planted::tree;
    use crate::workspace::Dependency;

    fn found(name: &str, uses: &[&str]) -> Crate {
        let dependency = |used: &&str| match used.strip_prefix("dev:") {
            Some(used) => Dependency { name: used.to_owned(), dev: true },
            None => Dependency { name: (*used).to_owned(), dev: false },
        };
        let dependencies = uses.iter().map(dependency).collect();
        Crate { name: name.to_owned(), directory: format!("crates/{name}"), targets: Vec::new(), dependencies }
    }

    fn checked(name: &str, uses: &[&str]) -> Vec<String> {
        let names = LAYERS.iter().copied().flatten().chain(["testkit", "xtask"].iter()).filter(|known| **known != name);
        let mut crates: Vec<Crate> = names.map(|name| found(name, &[])).collect();
        crates.push(found(name, uses));
        let rows: String = crates.iter().map(|known| format!("| `{}` | x |\n", known.name)).collect();
        messages(&check(&tree(&[(MAP, &rows)]), &Workspace { crates }))
    }

    #[test]
    fn downwards_is_fine() {
        for (name, uses) in [
            ("florin", vec!["gateway", "payments", "tenants", "attempts", "ledger", "identity", "types", "tokio"]),
            ("gateway", vec!["api", "contracts", "domain", "platform", "types"]),
            ("payments", vec!["attempts", "api", "processors", "contracts", "domain", "dev:testkit"]),
            ("tenants", vec!["api", "contracts", "domain"]),
            ("attempts", vec!["api", "processors", "contracts", "domain"]),
            ("api", vec!["contracts", "domain", "platform", "dev:testkit"]),
            ("processors", vec!["domain", "platform"]),
            ("ledger", vec!["contracts", "domain", "platform", "tokio", "dev:testkit"]),
            ("domain", vec!["types", "serde", "dev:tokio"]),
            ("testkit", vec!["contracts", "domain", "tokio"]),
            ("xtask", vec!["anyhow"]),
        ] {
            assert_eq!(checked(name, &uses), [""; 0], "{name}");
        }
    }

    #[test]
    fn upwards_and_sideways_are_found() {
        for (name, used) in [
            ("types", "domain"),
            ("domain", "contracts"),
            ("domain", "platform"),
            ("domain", "tokio"),
            ("identity", "ledger"),
            ("api", "ledger"),
            ("api", "processors"),
            ("api", "attempts"),
            ("api", "payments"),
            ("api", "dev:payments"),
            ("attempts", "tenants"),
            ("payments", "tenants"),
            ("tenants", "payments"),
            ("payments", "gateway"),
            ("payments", "identity"),
            ("attempts", "ledger"),
            ("gateway", "payments"),
            ("gateway", "tenants"),
            ("gateway", "attempts"),
            ("gateway", "processors"),
            ("gateway", "identity"),
            ("processors", "ledger"),
            ("processors", "api"),
            ("api", "testkit"),
            ("testkit", "ledger"),
            ("xtask", "types"),
            ("contracts", "dev:api"),
        ] {
            let found = checked(name, &[used]);
            assert!(found.len() == 1 && found[0].contains("must not depend on"), "{name} on {used}: {found:?}");
        }
    }

    #[test]
    fn every_crate_has_a_place_and_a_row() {
        let unknown = checked("vault", &[]);
        assert!(unknown.len() == 1 && unknown[0].contains("no place"), "{unknown:?}");
        let alone = Workspace { crates: vec![found("types", &[])] };
        let unlisted = messages(&check(&tree(&[(MAP, "types\n")]), &alone));
        assert_eq!(unlisted, ["ARCHITECTURE.md: the table of crates has no row for types"]);
    }
}
