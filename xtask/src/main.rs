//! `cargo xtask tidy` checks the house rules that the compiler does not check. `CONTRIBUTING.md` lists them.

mod checks;
mod comments;
mod items;
mod lexer;
mod modules;
mod tokens;
mod tree;
mod workspace;

use anyhow::{Context, bail};
use checks::{Problem, sizes};
use std::path::Path;
use std::process::ExitCode;
use tree::Tree;
use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask tidy [--update [--raise]]

  --update   write xtask/ratchet.txt anew: sizes that have become smaller, files that are gone
  --raise    with --update: larger sizes and new files too; say why in the commit";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (update, raise) = match arguments[..] {
        ["tidy"] => (false, false),
        ["tidy", "--update"] => (true, false),
        ["tidy", "--update", "--raise"] | ["tidy", "--raise", "--update"] => (true, true),
        ["tidy", "--help"] => {
            println!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        _ => bail!("{USAGE}"),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is not in a directory")?;
    let mut tree = Tree::read(root)?;
    let workspace = Workspace::read(root)?;
    if update {
        let text = sizes::updated(&tree, raise)?;
        std::fs::write(root.join(sizes::RATCHET), &text).with_context(|| sizes::RATCHET)?;
        tree.insert(sizes::RATCHET, text);
    }
    let problems = checks::all(&tree, &workspace);
    for note in sizes::notes(&tree) {
        println!("note: {note}");
    }
    for Problem { place, message } in &problems {
        println!("{place}: {message}");
    }
    if problems.is_empty() {
        println!("tidy: {} files, no problems", tree.len());
        return Ok(ExitCode::SUCCESS);
    }
    println!("tidy: {} problems", problems.len());
    Ok(ExitCode::FAILURE)
}
