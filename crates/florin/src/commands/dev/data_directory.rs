//! The data directory of `florin dev`: its lock and its key.
//!
//! | file | what it is |
//! |---|---|
//! | `lock` | locked while a `florin dev` runs; holds its process id |
//! | `secret_key` | the demo tenant's secret key, so that it stays the same |
//! | `state.json` | where the running server can be reached: see `dev_state.rs` |
//! | `postgres/`, `postgres.log` | the private PostgreSQL |

use super::demo_key::DemoKey;
use crate::dev_state;
use crate::files::{read_if_there, remove_if_there, write_private};
use crate::private_postgres;
use anyhow::{Context, bail};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use types::SystemEntropy;

/// A data directory that this process has locked. The lock ends with the process, however that ends.
pub struct DataDirectory {
    pub path: PathBuf,
    lock: File,
}

impl DataDirectory {
    /// Creates the directory unless it exists, and locks it.
    pub fn open(path: &Path) -> anyhow::Result<DataDirectory> {
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
        Ok(DataDirectory { path, lock })
    }

    /// Removes everything that was stored, also the key.
    pub fn reset(&self) -> anyhow::Result<()> {
        private_postgres::remove(&self.path)?;
        for name in ["secret_key", "postgres.log"] {
            remove_if_there(&self.path.join(name))?;
        }
        dev_state::remove(&self.path)
    }

    /// The secret key of the demo tenant: the one that is wanted, else the one of the last start, else a new one.
    pub fn secret_key(&self, wanted: Option<DemoKey>) -> anyhow::Result<DemoKey> {
        let file = self.path.join("secret_key");
        let kept = read_if_there(&file)?.map(|text| text.trim().to_owned());
        let key = match (wanted, &kept) {
            (Some(wanted), _) => wanted,
            (None, Some(kept)) => DemoKey::parse(kept)
                .with_context(|| format!("{} does not hold a key; remove the file to get a new one", file.display()))?,
            (None, None) => DemoKey::generate(&mut SystemEntropy::new()),
        };
        if kept.as_deref() != Some(key.reveal()) {
            write_private(&file, key.reveal())?;
        }
        Ok(key)
    }

    /// The server has stopped: removes where it could be reached, and gives the lock back.
    pub fn close(self) {
        let _ = dev_state::remove(&self.path);
        let _ = self.lock.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_directory_keeps_its_key_and_its_lock() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(&place.path().join("data")).unwrap();
        let key = directory.secret_key(None).unwrap();
        let mode = fs::metadata(directory.path.join("secret_key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let refused = DataDirectory::open(&directory.path).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        let path = directory.path.clone();
        directory.close();

        let again = DataDirectory::open(&path).unwrap();
        assert_eq!(again.secret_key(None).unwrap(), key);
        let other = DemoKey::parse("sk_test_000000000000000000000000").unwrap();
        assert_eq!(again.secret_key(Some(other.clone())).unwrap(), other);
        assert_eq!(again.secret_key(None).unwrap(), other);
        again.reset().unwrap();
        assert_ne!(again.secret_key(None).unwrap(), other);
    }
}
