//! Modules do not import each other in a circle. The modules directly inside one module form a graph: one has an arrow to
//! another if its code, or the code of a module in it, refers to the other or to something in it.

use super::Problem;
use crate::modules::Modules;
use crate::tree::{Tree, line_of};
use crate::workspace::Workspace;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The arrows between the modules directly inside one module, by name, each with the place of one import.
type Graph = BTreeMap<(String, String), Place>;

/// A file, and a byte of it.
type Place = (String, usize);

pub fn check(tree: &Tree, workspace: &Workspace) -> Vec<Problem> {
    let sources = workspace.crates.iter().flat_map(|found| {
        let folder = format!("{}/src/", found.directory);
        let targets = found.targets.iter().filter(move |target| target.starts_with(&folder));
        targets.map(|target| (found.name.as_str(), target.as_str()))
    });
    sources.flat_map(|(name, target)| of_target(tree, name, target)).collect()
}

/// The circles of one library or program.
fn of_target(tree: &Tree, crate_name: &str, root: &str) -> Vec<Problem> {
    let modules = Modules::of(tree, root);
    let graphs = graphs(&modules);
    let reported = graphs.iter().flat_map(|(outer, graph)| {
        let mut names: Vec<&str> = modules.upwards(*outer).map(|module| modules.all[module].name.as_str()).collect();
        names.pop();
        names.push(crate_name);
        names.reverse();
        let outer = names.join("::");
        circles(graph).into_iter().map(move |circle| problem(tree, &outer, graph, &circle))
    });
    reported.collect()
}

/// One graph for each module that has modules directly inside.
fn graphs(modules: &Modules) -> BTreeMap<usize, Graph> {
    let mut graphs: BTreeMap<usize, Graph> = BTreeMap::new();
    for (from, module) in modules.all.iter().enumerate().filter(|(_, module)| !module.test) {
        for (to, at) in modules.named(from) {
            if let (false, Some((outer, arrow))) = (modules.all[to].test, arrow(modules, from, to)) {
                let place = (module.file.clone(), at);
                let known = graphs.entry(outer).or_default().entry(arrow).or_insert_with(|| place.clone());
                *known = place.min(known.clone());
            }
        }
    }
    graphs
}

/// The innermost module that both modules are in, and its children that hold the first and the second. `None` if one of
/// the two is in the other.
fn arrow(modules: &Modules, from: usize, to: usize) -> Option<(usize, (String, String))> {
    let way = |module| modules.upwards(module).collect::<Vec<_>>();
    let (from, to) = (way(from), way(to));
    let shared = from.iter().rev().zip(to.iter().rev()).take_while(|(from, to)| from == to).count();
    let child = |way: &[usize]| Some(modules.all[*way.get(way.len().checked_sub(shared + 1)?)?].name.clone());
    Some((from[from.len() - shared], (child(&from)?, child(&to)?)))
}

/// The shortest circle of a strongly connected component, and the other modules of the component.
#[derive(Debug, PartialEq)]
struct Circle {
    /// The names along the circle; the last is the first again.
    way: Vec<String>,
    others: Vec<String>,
}

/// The shortest circle of each strongly connected component.
fn circles(graph: &Graph) -> Vec<Circle> {
    let names: BTreeSet<&String> = graph.keys().map(|(from, _)| from).collect();
    let mut shortest: Vec<Vec<String>> = names.iter().filter_map(|name| back_to(graph, name)).collect();
    shortest.sort_by_key(Vec::len);
    let mut circles: Vec<Circle> = Vec::new();
    let mut done: BTreeSet<String> = BTreeSet::new();
    for way in shortest {
        if done.contains(&way[0]) {
            continue;
        }
        let joined =
            |name: &&&String| ways(graph, &way[0]).contains_key(**name) && ways(graph, name).contains_key(&way[0]);
        let members: Vec<String> = names.iter().filter(joined).map(|name| (**name).clone()).collect();
        done.extend(members.iter().cloned());
        let others = members.into_iter().filter(|name| !way.contains(name)).collect();
        circles.push(Circle { way, others });
    }
    circles
}

/// The modules that can be reached from a module along arrows, each with the one before it on the shortest way.
fn ways<'a>(graph: &'a Graph, start: &'a String) -> BTreeMap<&'a String, &'a String> {
    let mut reached = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(from) = open.pop_front() {
        for (_, to) in graph.keys().filter(|(user, _)| user == from) {
            if !reached.contains_key(to) {
                reached.insert(to, from);
                open.push_back(to);
            }
        }
    }
    reached
}

/// The shortest way from a module back to itself.
fn back_to(graph: &Graph, start: &String) -> Option<Vec<String>> {
    let reached = ways(graph, start);
    let mut way = vec![start.clone()];
    let mut at = *reached.get(start)?;
    while at != start {
        way.push(at.clone());
        at = reached.get(at)?;
    }
    way.push(start.clone());
    way.reverse();
    Some(way)
}

fn problem(tree: &Tree, outer: &str, graph: &Graph, circle: &Circle) -> Problem {
    let arrows = circle.way.windows(2).filter_map(|pair| graph.get(&(pair[0].clone(), pair[1].clone())));
    let places = arrows.map(|(file, at)| format!("{file}:{}", line_of(tree.get(file).unwrap_or_default(), *at)));
    let places: Vec<String> = places.collect();
    let others = match &circle.others[..] {
        [] => String::new(),
        others => format!("; in other circles with {}: {}", circle.way[0], others.join(", ")),
    };
    let message = format!(
        "modules of {outer} import each other in a circle: {} ({}){others}; \
         move what both need into a module of its own, or pass it as an argument",
        circle.way.join(" -> "),
        places.join(", ")
    );
    Problem { place: places.into_iter().next().unwrap_or_default(), message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::messages;
    use crate::tree::planted::tree;
    use crate::workspace::Crate;

    /// What is found in a library of these files; `lib.rs` is the first.
    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<(String, &str)> = files.iter().map(|(path, text)| (format!("k/src/{path}"), *text)).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let targets = vec![files[0].0.to_owned(), "k/tests/t.rs".to_owned()];
        let known = Crate { name: "k".to_owned(), directory: "k".to_owned(), targets, ..Crate::default() };
        messages(&check(&tree(&files), &Workspace { crates: vec![known] }))
    }

    /// Asserts that one circle is found, which goes this way.
    fn finds(way: &str, files: &[(&str, &str)]) {
        let found = found(files);
        assert!(found.len() == 1 && found[0].contains(&format!("in a circle: {way} (")), "{files:?}: {found:?}");
    }

    /// Two modules `a` and `b`, of which `b` uses `a`.
    fn two<'a>(root: &'a str, a: &'a str) -> [(&'a str, &'a str); 3] {
        [("lib.rs", root), ("a.rs", a), ("b.rs", "use crate::a::X;\npub fn y() {}")]
    }

    #[test]
    fn a_circle_of_two_files_is_reported_once_with_its_places() {
        let files = [
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", "use std::fmt;\nuse crate::b::Y;\nuse crate::b::Z;"),
            ("b.rs", "pub struct Y;\n\nuse super::a::X;"),
        ];
        let message = "k/src/a.rs:2: modules of k import each other in a circle: a -> b -> a (k/src/a.rs:2, k/src/b.rs:3); \
                       move what both need into a module of its own, or pass it as an argument";
        assert_eq!(found(&files), [message]);
    }

    #[test]
    fn a_circle_of_three_is_found_and_a_larger_knot_is_one_problem() {
        let root = "mod a; mod b; mod c; mod d;";
        let (b, c) = (("b.rs", "use crate::c::C;"), ("c.rs", "use crate::a::A;"));
        finds(
            "a -> b -> c -> a",
            &[("lib.rs", root), ("a.rs", "use crate::b::B;"), b, c, ("d.rs", "use crate::a::A;")],
        );
        let found =
            found(&[("lib.rs", root), ("a.rs", "use crate::{b::B, d::D};"), b, c, ("d.rs", "use crate::a::A;")]);
        assert!(found.len() == 1 && found[0].contains(": a -> d -> a ("), "{found:?}");
        assert!(found[0].contains("; in other circles with a: b, c;"), "{found:?}");
    }

    #[test]
    fn a_circle_through_folders_is_found() {
        let inside = [
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "pub mod x;"),
            ("a/x.rs", "use crate::b::z;"),
            ("b.rs", "pub mod y; pub fn z() {}"),
            ("b/y.rs", "use super::super::a;"),
        ];
        finds("a -> b -> a", &inside);
        let below = [
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod x; mod y;"),
            ("a/x.rs", "use super::y;"),
            ("a/y.rs", "use super::x;"),
        ];
        assert!(found(&below)[0].contains("modules of k::a import each other in a circle: x -> y -> x ("));
        finds(
            "x -> y -> x",
            &[
                ("main.rs", "mod x { use super::y::Y; } mod y { #[path = \"odd.rs\"] mod z; }"),
                ("y/odd.rs", "use crate::x::X;"),
            ],
        );
    }

    #[test]
    fn a_name_that_the_root_exports_is_followed_to_where_it_comes_from() {
        let a = "use crate::y;";
        for root in [
            "mod a; mod b; pub use b::y;",
            "mod a; mod b; use crate::{b::y as y};",
            "mod a; mod b; pub use b::*;",
            "mod a; mod b; mod c { pub use super::b::y; } pub use c::y;",
        ] {
            let found = found(&two(root, a));
            let through_c = root.contains("mod c");
            assert!(
                found.len() == 1 && found[0].contains(if through_c { "a -> c" } else { "a -> b -> a" }),
                "{root}: {found:?}"
            );
        }
        finds(
            "a -> b -> a",
            &[("lib.rs", "mod a; mod b; pub use b::*;"), ("a.rs", "use super::*; fn x() { y() }"), two("", "")[2]],
        );
        finds("a -> b -> a", &two("mod a; mod b; use b as c;", "use crate::c::y;"));
        let exported = "use crate::a::X; #[macro_export] macro_rules! m { () => {} }";
        finds("a -> b -> a", &[("lib.rs", "mod a; mod b;"), ("a.rs", "fn x() { crate::m!() }"), ("b.rs", exported)]);
    }

    #[test]
    fn every_way_to_name_a_module_is_found() {
        for a in [
            "use crate::b::y;",
            "use crate::{b as c};",
            "use super::{b::{self, y}};",
            "pub use self::super::b::*;",
            "fn x() { crate::b::y() }",
            "fn x() -> Option<super::b::Y> { None }",
            "use crate as root; fn x() { root::b::y() }",
            "use super::*; fn x() { b::y() }",
            "impl From<u8> for X { fn from(_: u8) -> X { <X as crate::b::Y>::y() } }",
            "macro_rules! m { () => { $crate::b::y() }; }",
            "mod c { fn x() { super::super::b::y() } }",
            "fn x() { use crate::b; }",
        ] {
            finds("a -> b -> a", &two("mod a; mod b;", a));
        }
    }

    #[test]
    fn parents_tests_and_other_crates_are_fine() {
        for a in [
            "#[cfg(test)]\nmod tests { use crate::b::y; }",
            "#[cfg(test)]\nmod t;",
            "// crate::b\nconst X: &str = \"crate::b::y\";",
            "use b::y; use ::b::z; use other::b::y; fn x() { b::y(); c.b(); }",
            "use crate::Root; use super::own; pub fn x() -> crate::Root { super::own() }",
            "use super::*; fn x() { own() }",
        ] {
            let mut files = two("mod a; mod b; pub struct Root; fn own() { a::x(); b::y(); } use a::X;", a).to_vec();
            files.push(("a/t.rs", "use crate::b::y;"));
            assert_eq!(found(&files), [""; 0], "{a}");
        }
        let family = [
            ("lib.rs", "mod a; use a::x;"),
            ("a.rs", "mod x; use x::X; pub fn y() {}"),
            ("a/x.rs", "use super::y; use crate::a::y as z;"),
        ];
        assert_eq!(found(&family), [""; 0]);
    }
}
