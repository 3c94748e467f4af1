//! The files of the private cluster: where they are, making them, and what a killed run left behind.

use super::account::{Account, run_as};
use super::binaries::{self, Binaries};
use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::process::Command;
use types::{Entropy, SystemEntropy};

/// Where the cluster goes when the account that PostgreSQL runs as cannot reach the data directory.
const ELSEWHERE: &str = "/var/lib/florin-dev";
/// A Unix socket's path has 104 bytes on macOS and 108 on Linux; the file's own name takes 15 of them.
const SOCKET_DIRECTORY_BYTES_MAX: usize = 85;
/// How long a PostgreSQL that a killed run left behind may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// The superuser of the cluster, who owns the tables.
pub const OWNER: &str = "florin_owner";

/// A cluster that exists, ready to be started.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub binaries: Binaries,
    pub account: Option<Account>,
    /// `PGDATA`.
    pub data: PathBuf,
    /// The directory of the Unix socket: only the account (and root) may enter it.
    pub socket: PathBuf,
}

impl Cluster {
    /// Finds or creates the cluster of a data directory.
    pub async fn open(directory: &Path) -> anyhow::Result<Cluster> {
        let account = Account::needed()?;
        let home = home(directory, account.as_ref()).await?;
        let data = home.join("data");
        let existing = existing_version(&data)?;
        let binaries = binaries::choose(existing)?;
        let socket = socket_directory(&home, account.as_ref())?;
        let cluster = Cluster { binaries, account, data, socket };
        if existing.is_none() {
            cluster.create().await?;
        }
        Ok(cluster)
    }

    /// Whether its PostgreSQL knows that value of a setting.
    pub async fn accepts(&self, name: &str, value: &str) -> bool {
        let mut postgres = Command::new(self.binaries.program("postgres"));
        postgres.arg("-D").arg(&self.data).args(["-C", name, "-c"]).arg(format!("{name}={value}"));
        run_as(&mut postgres, self.account.as_ref());
        postgres.output().await.is_ok_and(|output| output.status.success())
    }

    async fn create(&self) -> anyhow::Result<()> {
        // A run that was killed while creating leaves a directory without a version: nothing is in it yet.
        if self.data.exists() {
            fs::remove_dir_all(&self.data)
                .with_context(|| format!("removing the unfinished {}", self.data.display()))?;
        }
        let mut initdb = Command::new(self.binaries.program("initdb"));
        initdb.args(["--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=reject"]);
        initdb.arg(format!("--username={OWNER}")).arg("--pgdata").arg(&self.data);
        run_as(&mut initdb, self.account.as_ref());
        let output = initdb.output().await.with_context(|| format!("running {}", self.binaries.directory.display()))?;
        if !output.status.success() {
            let _ = fs::remove_dir_all(&self.data);
            bail!(
                "initdb could not create a cluster in {}: {}",
                self.data.display(),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(())
    }

    /// Makes way for a start: stops the PostgreSQL that a killed run left running on these files, and removes a lock
    /// whose process id belongs to something else by now. Only for whoever holds the data directory's own lock.
    pub async fn clear_leftovers(&self) -> anyhow::Result<()> {
        let lock = self.data.join("postmaster.pid");
        let Ok(text) = fs::read_to_string(&lock) else { return Ok(()) };
        let Some(pid) = text.lines().next().and_then(|line| line.trim().parse().ok()).map(Pid::from_raw) else {
            return Ok(());
        };
        if !alive(pid) {
            // PostgreSQL sees that itself, and checks for backends that are still attached.
            return Ok(());
        }
        if !is_postmaster_of(pid, &self.data) {
            for stale in [lock, self.socket.join(".s.PGSQL.5432.lock")] {
                match fs::remove_file(&stale) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error).with_context(|| format!("removing the stale {}", stale.display()));
                    }
                    _ => {}
                }
            }
            return Ok(());
        }
        tracing::info!(%pid, "stopping the PostgreSQL that an earlier run left behind");
        stop(pid, &self.data).await
    }
}

/// Fast shutdown; when that takes too long, immediate shutdown, from which PostgreSQL recovers at its next start.
async fn stop(pid: Pid, data: &Path) -> anyhow::Result<()> {
    for signal in [Signal::SIGINT, Signal::SIGQUIT] {
        if kill(pid, signal) == Err(Errno::ESRCH) {
            return Ok(());
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            // Not `alive`: where nobody collects orphans, as in many containers, it stays on as a zombie.
            if !is_postmaster_of(pid, data) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    bail!("the PostgreSQL of an earlier run (process {pid}) does not stop; stop it by hand")
}

fn alive(pid: Pid) -> bool {
    kill(pid, None) != Err(Errno::ESRCH)
}

/// Process ids are used again: only a process that was started with these files counts, and no zombie.
fn is_postmaster_of(pid: Pid, data: &Path) -> bool {
    let data = data.to_string_lossy();
    let Ok(arguments) = fs::read(format!("/proc/{pid}/cmdline")) else {
        // No /proc, as on macOS.
        let listed = std::process::Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
        return listed.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&*data));
    };
    arguments.split(|byte| *byte == 0).any(|argument| argument == data.as_bytes())
}

/// `DIR/postgres`, or, when PostgreSQL's account cannot reach that, a directory elsewhere that it links to.
async fn home(directory: &Path, account: Option<&Account>) -> anyhow::Result<PathBuf> {
    let home = directory.join("postgres");
    if let Ok(existing) = home.canonicalize() {
        return Ok(existing);
    }
    // A link whose target is gone.
    let _ = fs::remove_file(&home);
    let Some(account) = account else {
        make_private(&home, None)?;
        return Ok(home.canonicalize()?);
    };
    let mode = fs::metadata(directory)?.permissions().mode();
    if mode & 0o001 == 0 {
        fs::set_permissions(directory, fs::Permissions::from_mode(mode & 0o7777 | 0o011))
            .with_context(|| format!("letting the user {} pass through {}", account.name, directory.display()))?;
    }
    if account.can_enter(directory).await {
        make_private(&home, Some(account))?;
        return Ok(home.canonicalize()?);
    }
    // Typical for a checkout under /root, which other users cannot enter, and whose permissions are not ours to change.
    let elsewhere = Path::new(ELSEWHERE).join(SystemEntropy::new().alphanumeric(16));
    fs::create_dir_all(ELSEWHERE).with_context(|| format!("creating {ELSEWHERE}"))?;
    make_private(&elsewhere, Some(account))?;
    std::os::unix::fs::symlink(&elsewhere, &home).with_context(|| format!("linking {}", home.display()))?;
    tracing::info!(
        directory = %elsewhere.display(),
        user = account.name,
        "PostgreSQL's user cannot reach the data directory, its files are kept elsewhere"
    );
    Ok(elsewhere)
}

/// Removes the cluster of a data directory, wherever it is.
pub fn remove(directory: &Path) -> anyhow::Result<()> {
    let home = directory.join("postgres");
    if let Ok(place) = home.canonicalize() {
        fs::remove_dir_all(&place).with_context(|| format!("removing {}", place.display()))?;
    }
    match fs::symlink_metadata(&home) {
        Ok(_) => fs::remove_file(&home).with_context(|| format!("removing {}", home.display())),
        Err(_) => Ok(()),
    }
}

fn socket_directory(home: &Path, account: Option<&Account>) -> anyhow::Result<PathBuf> {
    let mut socket = home.join("socket");
    if socket.as_os_str().len() > SOCKET_DIRECTORY_BYTES_MAX {
        let mut hasher = DefaultHasher::new();
        home.hash(&mut hasher);
        socket = PathBuf::from(format!("/tmp/florin-{:016x}", hasher.finish()));
    }
    make_private(&socket, account)?;
    Ok(socket)
}

/// A directory that nobody but its owner may enter. One that exists is accepted only if that holds of it: in /tmp
/// somebody else could have made it.
fn make_private(directory: &Path, account: Option<&Account>) -> anyhow::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => account.map_or(Ok(()), |account| account.own(directory)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(directory)?;
            let owner = account.map_or(nix::unistd::Uid::effective().as_raw(), Account::uid);
            if !found.is_dir() || found.uid() != owner || found.mode() & 0o077 != 0 {
                bail!("{} is not a private directory of user {owner}; remove it", directory.display());
            }
            Ok(())
        }
        Err(error) => Err(error).with_context(|| format!("creating {}", directory.display())),
    }
}

/// The major version that made a cluster; `None` when there is none yet.
fn existing_version(data: &Path) -> anyhow::Result<Option<u32>> {
    let file = data.join("PG_VERSION");
    match fs::read_to_string(&file) {
        // initdb writes it first, and the control file last.
        Ok(_) if !data.join("global/pg_control").exists() => Ok(None),
        Ok(text) => {
            let major = text.trim().parse().with_context(|| format!("{} says {:?}", file.display(), text.trim()))?;
            Ok(Some(major))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_directories_are_not_taken_from_strangers() {
        let place = tempfile::tempdir().unwrap();
        let open = place.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(make_private(&open, None).is_err());
        let link = place.path().join("link");
        std::os::unix::fs::symlink(place.path(), &link).unwrap();
        assert!(make_private(&link, None).is_err());
        let own = place.path().join("own");
        make_private(&own, None).unwrap();
        make_private(&own, None).unwrap();
        assert_eq!(fs::metadata(&own).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_strange_process_is_not_our_postmaster() {
        let own = Pid::this();
        assert!(alive(own));
        assert!(!is_postmaster_of(own, Path::new("/no/such/cluster")));
    }
}
