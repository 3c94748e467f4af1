//! The user of the operating system that PostgreSQL runs as: it refuses to run as root.

use anyhow::{Context, bail};
use nix::unistd::{Gid, Uid, User};
use std::path::Path;
use tokio::process::Command;

/// The unprivileged user that PostgreSQL runs as when `florin` runs as root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsUser {
    pub name: String,
    uid: Uid,
    gid: Gid,
}

impl OsUser {
    /// The user to run as; `None` when this process is not root: PostgreSQL then runs as the same user.
    pub fn needed() -> anyhow::Result<Option<OsUser>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name).with_context(|| format!("looking up the user {name}"))? {
                return Ok(Some(OsUser { name: user.name, uid: user.uid, gid: user.gid }));
            }
        }
        bail!("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as")
    }

    /// Makes this user the owner of a file or directory, but not of the files in it.
    pub fn own(&self, path: &Path) -> anyhow::Result<()> {
        nix::unistd::chown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("giving {} to the user {}", path.display(), self.name))
    }

    /// Whether this user may enter a directory.
    pub async fn can_enter(&self, directory: &Path) -> bool {
        let mut enter = Command::new("/bin/sh");
        enter.args(["-c", "cd -- \"$0\""]).arg(directory);
        run_as(&mut enter, Some(self));
        enter.output().await.is_ok_and(|output| output.status.success())
    }

    pub fn uid(&self) -> u32 {
        self.uid.as_raw()
    }
}

/// Variables that a program of PostgreSQL's does not get: its own, which may name another server, and ours, which may hold
/// keys and passwords, and which its user could read there.
const KEPT_BACK: &[&str] = &["PG", "FLORIN_", "DATABASE_URL"];

/// Prepares a PostgreSQL program: it runs as the user, without some variables, and not in the caller's directory.
pub fn run_as(command: &mut Command, user: Option<&OsUser>) {
    for (name, _) in std::env::vars_os() {
        if KEPT_BACK.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.env("LC_ALL", "C").current_dir("/").stdin(std::process::Stdio::null());
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
}
