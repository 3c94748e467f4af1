//! The crates of the workspace, their targets and their dependencies, as `cargo metadata` prints them.

use crate::tree::directory;
use anyhow::{Context, ensure};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

#[derive(Debug, Default)]
pub struct Workspace {
    pub crates: Vec<Crate>,
}

#[derive(Debug, Default)]
pub struct Crate {
    pub name: String,
    /// The crate's directory, relative to the root.
    pub directory: String,
    /// The root files of its library, programs, tests and so on, relative to the root.
    pub targets: Vec<String>,
    pub dependencies: Vec<Dependency>,
}

#[derive(Debug)]
pub struct Dependency {
    pub name: String,
    /// Whether it is for tests, examples and benchmarks only.
    pub dev: bool,
}

impl Workspace {
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .current_dir(root)
            .output()
            .context("cargo cannot be run")?;
        ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        let metadata = serde_json::from_slice(&output.stdout).context("what cargo metadata prints")?;
        Self::of(&metadata).context("cargo metadata has another form than expected")
    }

    fn of(metadata: &Value) -> Option<Self> {
        let root = metadata["workspace_root"].as_str()?;
        let relative = |path: &str| Some(path.strip_prefix(root)?.trim_start_matches('/').to_owned());
        let crates = metadata["packages"].as_array()?.iter().map(|package| {
            let targets = package["targets"].as_array()?.iter().map(|target| relative(target["src_path"].as_str()?));
            let dependencies = package["dependencies"].as_array()?.iter().map(|dependency| {
                let name = dependency["name"].as_str()?.to_owned();
                Some(Dependency { name, dev: dependency["kind"] == "dev" })
            });
            Some(Crate {
                name: package["name"].as_str()?.to_owned(),
                directory: directory(&relative(package["manifest_path"].as_str()?)?).to_owned(),
                targets: targets.collect::<Option<_>>()?,
                dependencies: dependencies.collect::<Option<_>>()?,
            })
        });
        Some(Workspace { crates: crates.collect::<Option<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_metadata() {
        let workspace = Workspace::of(&json!({
            "workspace_root": "/project",
            "packages": [{
                "name": "api",
                "manifest_path": "/project/crates/api/Cargo.toml",
                "targets": [{ "src_path": "/project/crates/api/src/lib.rs" }],
                "dependencies": [{ "name": "domain", "kind": null }, { "name": "testkit", "kind": "dev" }],
            }],
        }))
        .unwrap();
        let api = &workspace.crates[0];
        assert_eq!((api.name.as_str(), api.directory.as_str()), ("api", "crates/api"));
        assert_eq!(api.targets, ["crates/api/src/lib.rs"]);
        assert_eq!(api.dependencies.iter().map(|found| found.dev).collect::<Vec<_>>(), [false, true]);
        assert!(Workspace::of(&json!({})).is_none());
    }
}
