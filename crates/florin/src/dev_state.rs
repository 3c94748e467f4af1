//! Where a running `florin dev` can be reached: it writes `state.json` into its data directory, the other commands read
//! it.

use crate::exit_code::Failure;
use crate::files::{remove_if_there, write_private};
use anyhow::Context;
use platform::Secret;
use platform::database::DatabaseUrl;
use serde::Deserialize;
use serde_json::json;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The data directory when `--data` is not given.
pub const DEFAULT_DIRECTORY: &str = ".florin";

/// What the other commands need to know of a running `florin dev`.
#[derive(Clone, Debug, Deserialize)]
pub struct DevState {
    pub url: String,
    pub secret_key: Secret,
    pub database_url: DatabaseUrl,
    pub database_owner_url: DatabaseUrl,
    pub pid: u32,
}

/// What the `florin dev` of a data directory wrote when it was ready; `None` when none runs there.
pub fn read(directory: Option<&Path>) -> anyhow::Result<Option<DevState>> {
    let file = file(directory.unwrap_or(Path::new(DEFAULT_DIRECTORY)));
    match fs::read_to_string(&file) {
        Ok(text) => Ok(Some(
            serde_json::from_str(&text)
                .with_context(|| format!("{} cannot be read; start florin dev again", file.display()))?,
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::usage(format!("{} cannot be read: {error}", file.display()))),
    }
}

impl DevState {
    /// Writes the state with its secrets into a file that only its owner may read.
    pub fn write(&self, directory: &Path) -> anyhow::Result<()> {
        let document = json!({
            "url": self.url,
            "secret_key": self.secret_key.reveal(),
            "database_url": self.database_url.reveal(),
            "database_owner_url": self.database_owner_url.reveal(),
            "pid": self.pid,
        });
        write_private(&file(directory), &serde_json::to_string_pretty(&document)?)
    }
}

/// The server has stopped.
pub fn remove(directory: &Path) -> anyhow::Result<()> {
    remove_if_there(&file(directory))
}

fn file(directory: &Path) -> PathBuf {
    directory.join("state.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_secrets_included() {
        let place = tempfile::tempdir().unwrap();
        assert!(read(Some(place.path())).unwrap().is_none());
        let state = DevState {
            url: "http://127.0.0.1:1".to_owned(),
            secret_key: "sk_test_x".into(),
            database_url: "postgresql://a:hunter2@db/x".into(),
            database_owner_url: "host=db".into(),
            pid: 7,
        };
        state.write(place.path()).unwrap();
        let found = read(Some(place.path())).unwrap().unwrap();
        assert_eq!((found.secret_key, found.database_url, found.pid), (state.secret_key, state.database_url, 7));
        remove(place.path()).unwrap();
        assert!(read(Some(place.path())).unwrap().is_none());
    }
}
