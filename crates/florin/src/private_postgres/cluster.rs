//! The files of the private cluster: where they are, creating them, and what a killed run left behind.

use super::installations::{self, Installation};
use super::os_user::{OsUser, run_as};
use crate::files::{read_if_there, remove_if_there};
use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use platform::database::{DatabaseUrl, store::OWNER_ROLE};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;
use tokio::process::Command;
use types::{Entropy, SystemEntropy};

/// Where the cluster is when the user that PostgreSQL runs as cannot reach the data directory.
const ELSEWHERE: &str = "/var/lib/florin-dev";
/// A Unix socket's path has 104 bytes on macOS and 108 on Linux; the file's own name takes 15 of them.
const SOCKET_DIRECTORY_BYTES_MAX: usize = 85;
/// How long each kind of shutdown may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// A cluster that exists, ready to be started.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub installation: Installation,
    /// The user that PostgreSQL runs as, if not the one of this process.
    pub user: Option<OsUser>,
    /// `PGDATA`.
    pub data: PathBuf,
    /// The directory of the Unix socket: only PostgreSQL's user and root may enter it.
    pub socket: PathBuf,
}

impl Cluster {
    /// Finds or creates the cluster of a data directory.
    pub async fn open(directory: &Path) -> anyhow::Result<Cluster> {
        let user = OsUser::needed()?;
        let home = home(directory, user.as_ref()).await?;
        let data = home.join("data");
        let existing = existing_version(&data)?;
        let installation = installations::choose(existing)?;
        let socket = socket_directory(&home, user.as_ref())?;
        let cluster = Cluster { installation, user, data, socket };
        if existing.is_none() {
            cluster.create().await?;
        }
        Ok(cluster)
    }

    /// Where it can be reached, for a user and a database. The role that owns the tables is its superuser.
    pub fn url(&self, user: &str, database: &str) -> DatabaseUrl {
        let socket = self.socket.to_string_lossy().replace('\\', "\\\\").replace('\'', "\\'");
        format!("host='{socket}' port=5432 user={user} dbname={database}").into()
    }

    /// Whether its PostgreSQL accepts this value of a parameter.
    pub async fn accepts(&self, name: &str, value: &str) -> bool {
        let mut postgres = Command::new(self.installation.program("postgres"));
        postgres.arg("-D").arg(&self.data).args(["-C", name, "-c"]).arg(format!("{name}={value}"));
        run_as(&mut postgres, self.user.as_ref());
        postgres.output().await.is_ok_and(|output| output.status.success())
    }

    async fn create(&self) -> anyhow::Result<()> {
        // A run that was killed while creating it leaves a directory without a version: no data is in it yet.
        if self.data.exists() {
            fs::remove_dir_all(&self.data)
                .with_context(|| format!("removing the unfinished {}", self.data.display()))?;
        }
        let mut initdb = Command::new(self.installation.program("initdb"));
        initdb.args(["--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=reject"]);
        initdb.arg(format!("--username={OWNER_ROLE}")).arg("--pgdata").arg(&self.data);
        run_as(&mut initdb, self.user.as_ref());
        let output = initdb
            .output()
            .await
            .with_context(|| format!("running initdb of {}", self.installation.directory.display()))?;
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

    /// Prepares for a start: stops the PostgreSQL that a killed run left running on these files, and removes a lock whose
    /// process id belongs to another program by now. The caller must have the lock of the data directory.
    pub async fn clear_leftovers(&self) -> anyhow::Result<()> {
        let lock = self.data.join("postmaster.pid");
        let Some(text) = read_if_there(&lock)? else { return Ok(()) };
        let Some(pid) = text.lines().next().and_then(|line| line.trim().parse().ok()).map(Pid::from_raw) else {
            return Ok(());
        };
        if !alive(pid) {
            // PostgreSQL sees that itself, and checks whether processes of it still use the files.
            return Ok(());
        }
        if !is_postmaster_of(pid, &self.data) {
            for stale in [lock, self.socket.join(".s.PGSQL.5432.lock")] {
                remove_if_there(&stale)?;
            }
            return Ok(());
        }
        tracing::info!(%pid, "stopping the PostgreSQL that an earlier run left behind");
        stop(pid, &self.data).await
    }
}

/// Stops the PostgreSQL of an earlier run.
async fn stop(pid: Pid, data: &Path) -> anyhow::Result<()> {
    // Not `alive`: where no process collects orphans, as in many containers, it remains as a zombie.
    let ended = async {
        while is_postmaster_of(pid, data) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if !shut_down(pid, ended).await {
        bail!("the PostgreSQL of an earlier run (process {pid}) does not stop; stop it yourself");
    }
    Ok(())
}

/// Asks a PostgreSQL for its fast shutdown; when that takes too long, for the immediate one, from which it recovers at its
/// next start. Returns when `ended` does, or `false` when it has ended after neither.
pub async fn shut_down(pid: Pid, ended: impl Future<Output = ()>) -> bool {
    let mut ended = pin!(ended);
    for signal in [Signal::SIGINT, Signal::SIGQUIT] {
        if kill(pid, signal) == Err(Errno::ESRCH) {
            return true;
        }
        if tokio::time::timeout(STOP_TIMEOUT, &mut ended).await.is_ok() {
            return true;
        }
    }
    false
}

fn alive(pid: Pid) -> bool {
    kill(pid, None) != Err(Errno::ESRCH)
}

/// Whether a process is the PostgreSQL of these files, and no zombie: another program may have its process id by now.
fn is_postmaster_of(pid: Pid, data: &Path) -> bool {
    let data = data.to_string_lossy();
    let Ok(arguments) = fs::read(format!("/proc/{pid}/cmdline")) else {
        // No /proc, as on macOS.
        let listed = std::process::Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
        return listed.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&*data));
    };
    arguments.split(|byte| *byte == 0).any(|argument| argument == data.as_bytes())
}

/// `DIR/postgres`, or, when PostgreSQL's user cannot reach that, a directory elsewhere that it links to.
async fn home(directory: &Path, user: Option<&OsUser>) -> anyhow::Result<PathBuf> {
    let home = directory.join("postgres");
    if let Ok(existing) = home.canonicalize() {
        return Ok(existing);
    }
    // A link whose target is gone.
    let _ = fs::remove_file(&home);
    let Some(user) = user else {
        make_private(&home, None)?;
        return Ok(home.canonicalize()?);
    };
    let mode = fs::metadata(directory)?.permissions().mode();
    if mode & 0o001 == 0 {
        fs::set_permissions(directory, fs::Permissions::from_mode(mode & 0o7777 | 0o011))
            .with_context(|| format!("letting the user {} pass through {}", user.name, directory.display()))?;
    }
    if user.can_enter(directory).await {
        make_private(&home, Some(user))?;
        return Ok(home.canonicalize()?);
    }
    // Often the data directory is below /root, which other users cannot enter; its permissions must stay as they are.
    let elsewhere = Path::new(ELSEWHERE).join(SystemEntropy::new().alphanumeric(16));
    fs::create_dir_all(ELSEWHERE).with_context(|| format!("creating {ELSEWHERE}"))?;
    make_private(&elsewhere, Some(user))?;
    std::os::unix::fs::symlink(&elsewhere, &home).with_context(|| format!("linking {}", home.display()))?;
    tracing::info!(
        directory = %elsewhere.display(),
        user = user.name,
        "PostgreSQL's user cannot reach the data directory, its files are kept elsewhere"
    );
    Ok(elsewhere)
}

/// Removes the cluster of a data directory, and what that links to.
pub fn remove(directory: &Path) -> anyhow::Result<()> {
    let home = directory.join("postgres");
    if let Ok(target) = home.canonicalize() {
        fs::remove_dir_all(&target).with_context(|| format!("removing {}", target.display()))?;
    }
    match fs::symlink_metadata(&home) {
        Ok(_) => fs::remove_file(&home).with_context(|| format!("removing {}", home.display())),
        Err(_) => Ok(()),
    }
}

fn socket_directory(home: &Path, user: Option<&OsUser>) -> anyhow::Result<PathBuf> {
    let mut socket = home.join("socket");
    if socket.as_os_str().len() > SOCKET_DIRECTORY_BYTES_MAX {
        let mut hasher = DefaultHasher::new();
        home.hash(&mut hasher);
        socket = PathBuf::from(format!("/tmp/florin-{:016x}", hasher.finish()));
    }
    make_private(&socket, user)?;
    Ok(socket)
}

/// Creates a directory that only its owner may enter. One that exists is accepted only if it is the same user's and as
/// private: in /tmp another user could have made it.
fn make_private(directory: &Path, user: Option<&OsUser>) -> anyhow::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => user.map_or(Ok(()), |user| user.own(directory)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(directory)?;
            let owner = user.map_or(nix::unistd::Uid::effective().as_raw(), OsUser::uid);
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
    let Some(text) = read_if_there(&file)? else { return Ok(None) };
    // initdb writes it first, and the control file last.
    if !data.join("global/pg_control").exists() {
        return Ok(None);
    }
    let major = text.trim().parse().with_context(|| format!("{} says {:?}", file.display(), text.trim()))?;
    Ok(Some(major))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_not_private_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let open = directory.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(make_private(&open, None).is_err());
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path(), &link).unwrap();
        assert!(make_private(&link, None).is_err());
        let own = directory.path().join("own");
        make_private(&own, None).unwrap();
        make_private(&own, None).unwrap();
        assert_eq!(fs::metadata(&own).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn another_process_is_not_the_postmaster() {
        let own = Pid::this();
        assert!(alive(own));
        assert!(!is_postmaster_of(own, Path::new("/no/such/cluster")));
    }
}
