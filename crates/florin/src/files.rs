//! Files that may be missing, and files that only their owner may read.

use anyhow::Context;
use std::fs::{self, OpenOptions};
use std::io::{Error, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The text of a file; `None` when there is no such file.
pub fn read_if_there(file: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}

/// Removes a file, if there is one.
pub fn remove_if_there(file: &Path) -> anyhow::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", file.display()))
        }
        _ => Ok(()),
    }
}

/// Writes a file that must not exist yet. Only its owner may read it.
pub fn create_private(file: &Path, text: &str) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let mut new = OpenOptions::new().create_new(true).write(true).mode(0o600).open(file)?;
        let written = writeln!(new, "{text}").and_then(|()| new.sync_all());
        if written.is_err() {
            let _ = fs::remove_file(file);
        }
        written
    };
    write().with_context(|| format!("writing {}", file.display()))
}

/// Replaces a file as a whole. Only its owner may read it.
pub fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    let beside = file.with_extension("new");
    let write = || -> std::io::Result<()> {
        remove_if_there(&beside).map_err(Error::other)?;
        let mut new = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&beside)?;
        writeln!(new, "{text}")?;
        new.sync_all()?;
        fs::rename(&beside, file)
    };
    write().with_context(|| format!("writing {}", file.display()))
}
