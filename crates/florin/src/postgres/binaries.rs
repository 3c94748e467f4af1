//! Where PostgreSQL's programs are on this machine.

use anyhow::bail;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest major version that works.
pub const OLDEST: u32 = 15;

/// A directory with `postgres` and `initdb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    pub directory: PathBuf,
    /// Major version, for instance 15.
    pub major: u32,
    /// As the program says it, for instance `15.18`.
    pub version: String,
}

impl Binaries {
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Every usable installation, in the order of preference: the PATH, `pg_config`, then Debian's and Homebrew's
/// places, the newest first.
pub fn installed() -> Vec<Binaries> {
    let mut found: Vec<Binaries> = Vec::new();
    for directory in candidates() {
        // Debian links programs one by one into the PATH: what counts is where `postgres` really is.
        let Ok(program) = directory.join("postgres").canonicalize() else { continue };
        let Some(directory) = program.parent().map(Path::to_path_buf) else { continue };
        if found.iter().any(|known| known.directory == directory) || !directory.join("initdb").exists() {
            continue;
        }
        if let Some((major, version)) = version_of(&program) {
            found.push(Binaries { directory, major, version });
        }
    }
    found
}

/// The installation to create a cluster with, or the one that an existing cluster of this major version needs.
pub fn choose(existing_cluster: Option<u32>) -> anyhow::Result<Binaries> {
    let found = installed();
    let wanted = |binaries: &&Binaries| match existing_cluster {
        Some(major) => binaries.major == major,
        None => binaries.major >= OLDEST,
    };
    if let Some(binaries) = found.iter().find(wanted) {
        return Ok(binaries.clone());
    }
    let seen: Vec<String> =
        found.iter().map(|binaries| format!("{} in {}", binaries.version, binaries.directory.display())).collect();
    let seen = if seen.is_empty() { "none".to_owned() } else { seen.join(", ") };
    match existing_cluster {
        Some(major) => bail!(
            "the data directory was made by PostgreSQL {major}, which is not installed (found: {seen}); install it, or start over with --reset"
        ),
        None => bail!(
            "PostgreSQL {OLDEST} or newer is not installed (found: {seen}); run `make setup`, or `apt-get install postgresql` (Debian), or `brew install postgresql@17` (macOS), or set DATABASE_URL to a server that is running"
        ),
    }
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

/// `PARENT/PREFIX<number>/LEAF` for every number that is there, the highest first.
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
    fn prefers_the_newest_of_a_place() {
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
