//! The PostgreSQL installations on this machine: where the programs are.

use anyhow::bail;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest major version that works.
pub const OLDEST: u32 = 15;

/// An installation: a directory with `postgres` and `initdb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    pub directory: PathBuf,
    /// Major version, for instance 15.
    pub major: u32,
    /// As `postgres --version` prints it, for instance `15.18`.
    pub version: String,
}

impl Installation {
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Every usable installation, the preferred ones first: those in the PATH, that of `pg_config`, then those of Debian and
/// Homebrew, the newest first.
pub fn all() -> Vec<Installation> {
    let mut found: Vec<Installation> = Vec::new();
    for directory in candidates() {
        // Debian links single programs into the PATH: the directory is the one of the program itself.
        let Ok(program) = directory.join("postgres").canonicalize() else { continue };
        let Some(directory) = program.parent().map(Path::to_path_buf) else { continue };
        if found.iter().any(|known| known.directory == directory) || !directory.join("initdb").exists() {
            continue;
        }
        if let Some((major, version)) = version_of(&program) {
            found.push(Installation { directory, major, version });
        }
    }
    found
}

/// The installation to create a cluster with, or the one that an existing cluster of this major version needs.
pub fn choose(existing_cluster: Option<u32>) -> anyhow::Result<Installation> {
    let found = all();
    let wanted = |installation: &&Installation| match existing_cluster {
        Some(major) => installation.major == major,
        None => installation.major >= OLDEST,
    };
    if let Some(installation) = found.iter().find(wanted) {
        return Ok(installation.clone());
    }
    let seen = listed(&found);
    match existing_cluster {
        Some(major) => bail!(
            "the data directory was made by PostgreSQL {major}, which is not installed (found: {seen}); install it, or remove all data with --reset"
        ),
        None => bail!(
            "PostgreSQL {OLDEST} or newer is not installed (found: {seen}); run `make setup`, or `apt-get install postgresql` (Debian), or `brew install postgresql@17` (macOS), or set DATABASE_URL to a running server"
        ),
    }
}

/// Installations as text for people: `15.18 in /usr/lib/postgresql/15/bin`, or `none`.
pub fn listed(found: &[Installation]) -> String {
    let each =
        found.iter().map(|installation| format!("{} in {}", installation.version, installation.directory.display()));
    if found.is_empty() { "none".to_owned() } else { each.collect::<Vec<_>>().join(", ") }
}

fn candidates() -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        directories.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    directories.extend(versioned("/usr/lib/postgresql", "", "bin"));
    for homebrew in ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"] {
        directories.extend(versioned(homebrew, "postgresql@", "bin"));
        directories.push(Path::new(homebrew).join("postgresql/bin"));
    }
    directories.extend(versioned("/usr", "pgsql-", "bin"));
    directories
}

/// `PARENT/PREFIX<number>/LEAF` for every number for which it exists, the highest first.
fn versioned(parent: &str, prefix: &str, leaf: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let mut numbered: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_string_lossy().strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path().join(leaf)))
        })
        .collect();
    numbered.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    numbered.into_iter().map(|(_, path)| path).collect()
}

fn version_of(postgres: &Path) -> Option<(u32, String)> {
    let output = Command::new(postgres).arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; a beta is `18beta1`.
fn parse_version(line: &str) -> Option<(u32, String)> {
    let version = line.split_once("(PostgreSQL)")?.1.split_whitespace().next()?;
    let digits = version.split(|letter: char| !letter.is_ascii_digit()).next()?;
    Some((digits.parse().ok()?, version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions() {
        for (line, version) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some((15, "15.18"))),
            ("postgres (PostgreSQL) 17.2 (Homebrew)", Some((17, "17.2"))),
            ("postgres (PostgreSQL) 18beta1", Some((18, "18beta1"))),
            ("postgres (EDB) 15", None),
            ("", None),
        ] {
            assert_eq!(parse_version(line), version.map(|(major, text)| (major, text.to_owned())), "{line}");
        }
    }

    #[test]
    fn prefers_the_newest_in_a_directory() {
        let place = tempfile::tempdir().unwrap();
        for name in ["postgresql@9", "postgresql@15", "postgresql@17", "postgresql", "postgresql@x"] {
            std::fs::create_dir_all(place.path().join(name)).unwrap();
        }
        let names: Vec<PathBuf> = versioned(place.path().to_str().unwrap(), "postgresql@", "bin");
        let expected: Vec<PathBuf> =
            [17, 15, 9].iter().map(|number| place.path().join(format!("postgresql@{number}/bin"))).collect();
        assert_eq!(names, expected);
    }
}
