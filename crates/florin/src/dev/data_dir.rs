//! The data directory of `florin dev`: its lock, its key, and where the running server can be reached.
//!
//! | file | what it is |
//! |---|---|
//! | `lock` | locked while a `florin dev` runs; holds its process id |
//! | `secret_key` | the demo tenant's secret key, so that it stays the same |
//! | `state.json` | addresses of the running server, for the other commands; removed when it stops |
//! | `postgres/`, `postgres.log` | the private PostgreSQL |

use crate::exit::Failure;
use crate::keys::SecretKey;
use crate::postgres;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use types::SystemEntropy;

/// Used when `--data` is not given.
pub const DEFAULT: &str = ".florin";

/// A data directory that this process has locked; the lock goes with the process, however it ends.
pub struct DataDir {
    pub path: PathBuf,
    lock: File,
}

/// What the other commands need to know of a running `florin dev`.
#[derive(Clone, Serialize, Deserialize)]
pub struct State {
    pub url: String,
    pub secret_key: String,
    pub database_url: String,
    pub database_owner_url: String,
    pub pid: u32,
}

impl DataDir {
    /// Creates the directory if need be and locks it.
    pub fn open(path: &Path) -> anyhow::Result<DataDir> {
        if !path.exists() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .with_context(|| format!("creating the data directory {}", path.display()))?;
        }
        let path = path.canonicalize().with_context(|| format!("opening the data directory {}", path.display()))?;
        let file = path.join("lock");
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&file)
            .with_context(|| format!("opening {}", file.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = lock.read_to_string(&mut holder);
                bail!(
                    "another florin dev (process {}) uses {}; stop it, or choose another directory with --data",
                    holder.trim(),
                    path.display()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {}", file.display()));
            }
        }
        lock.set_len(0)?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(DataDir { path, lock })
    }

    /// Removes everything that was stored, the key included.
    pub fn reset(&self) -> anyhow::Result<()> {
        postgres::remove(&self.path)?;
        for name in ["secret_key", "state.json", "postgres.log"] {
            remove_if_there(&self.path.join(name))?;
        }
        Ok(())
    }

    /// The key of the demo tenant: the one asked for, else the one of the last start, else a new one.
    pub fn secret_key(&self, wanted: Option<SecretKey>) -> anyhow::Result<SecretKey> {
        let file = self.path.join("secret_key");
        let kept = match fs::read_to_string(&file) {
            Ok(text) => Some(text.trim().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
        };
        let key = match (wanted, &kept) {
            (Some(wanted), _) => wanted,
            (None, Some(kept)) => SecretKey::parse(kept)
                .with_context(|| format!("{} does not hold a key; remove the file to get a new one", file.display()))?,
            (None, None) => SecretKey::generate(&mut SystemEntropy::new()),
        };
        if kept.as_deref() != Some(key.reveal()) {
            write_private(&file, key.reveal())?;
        }
        Ok(key)
    }

    pub fn write_state(&self, state: &State) -> anyhow::Result<()> {
        write_private(&self.path.join("state.json"), &serde_json::to_string_pretty(state)?)
    }

    /// The server has stopped: forgets its addresses and gives the lock back.
    pub fn close(self) {
        let _ = remove_if_there(&self.path.join("state.json"));
        let _ = self.lock.unlock();
    }
}

/// What the `florin dev` of a data directory wrote when it started; `None` when none runs there.
pub fn state(directory: Option<&Path>) -> anyhow::Result<Option<State>> {
    let file = directory.unwrap_or(Path::new(DEFAULT)).join("state.json");
    match fs::read_to_string(&file) {
        Ok(text) => Ok(Some(
            serde_json::from_str(&text)
                .with_context(|| format!("{} cannot be read; start florin dev again", file.display()))?,
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::usage(format!("{} cannot be read: {error}", file.display()))),
    }
}

fn remove_if_there(file: &Path) -> anyhow::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", file.display()))
        }
        _ => Ok(()),
    }
}

/// Replaces a file as a whole; only its owner may read it.
fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    let beside = file.with_extension("new");
    let write = || -> std::io::Result<()> {
        remove_if_there(&beside).map_err(std::io::Error::other)?;
        let mut new = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&beside)?;
        writeln!(new, "{text}")?;
        new.sync_all()?;
        fs::rename(&beside, file)
    };
    write().with_context(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keeps_its_key_and_its_lock() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDir::open(&place.path().join("data")).unwrap();
        let key = directory.secret_key(None).unwrap();
        let mode = fs::metadata(directory.path.join("secret_key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let refused = DataDir::open(&directory.path).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        let path = directory.path.clone();
        directory.close();

        let again = DataDir::open(&path).unwrap();
        assert_eq!(again.secret_key(None).unwrap(), key);
        let other = SecretKey::parse("sk_test_000000000000000000000000").unwrap();
        assert_eq!(again.secret_key(Some(other.clone())).unwrap(), other);
        assert_eq!(again.secret_key(None).unwrap(), other);
        again.reset().unwrap();
        assert_ne!(again.secret_key(None).unwrap(), other);
    }
}
