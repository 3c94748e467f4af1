//! The PostgreSQL process: starting it, keeping it running, stopping it.

use super::cluster::{Cluster, shut_down};
use super::os_user::run_as;
use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use platform::database::{self, store::OWNER_ROLE};
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Parameters of PostgreSQL: durable, and small enough for a laptop. The first three are its defaults, and written here so
/// that no other file turns them off.
const PARAMETERS: &[(&str, &str)] = &[
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    // A second server and a benchmark have room beside the first one.
    ("max_connections", "200"),
    ("shared_buffers", "512MB"),
    ("max_wal_size", "2GB"),
    ("checkpoint_timeout", "15min"),
    ("jit", "off"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
];
/// How the whole pages are compressed that are written into PostgreSQL's log after a checkpoint: LZ4 takes far less time
/// than the other method, but not every PostgreSQL is built with it.
const WAL_COMPRESSION: (&str, [&str; 2]) = ("wal_compression", ["lz4", "on"]);
/// After a crash PostgreSQL replays its log before it answers.
const READY_TIMEOUT: Duration = Duration::from_secs(120);
/// For so long a first start is tried again: processes of a killed PostgreSQL may use the files for a moment.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);
/// A start removes the log file if it is larger than this.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Keeps a PostgreSQL running until [`Supervisor::stop`]: when it ends unexpectedly, it is started again.
pub struct Supervisor {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// Starts PostgreSQL and waits until it answers.
    pub async fn start(cluster: Cluster, log: &Path) -> anyhow::Result<Supervisor> {
        cluster.clear_leftovers().await?;
        if fs::metadata(log).is_ok_and(|found| found.len() > LOG_BYTES_MAX) {
            fs::remove_file(log).with_context(|| format!("removing the old {}", log.display()))?;
        }
        let (name, [best, other]) = WAL_COMPRESSION;
        let method = if cluster.accepts(name, best).await { best } else { other };
        let mut parameters = PARAMETERS.to_vec();
        parameters.push((name, method));
        let launch = Launch { cluster, parameters, log: log.to_owned() };
        let give_up = Instant::now() + START_TIMEOUT;
        let child = loop {
            let mut child = launch.spawn()?;
            match launch.ready(&mut child).await {
                Ok(()) => break child,
                Err(error) if Instant::now() > give_up => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(300)).await,
            }
        };
        let (stop, stopped) = oneshot::channel();
        Ok(Supervisor { stop, task: tokio::spawn(launch.supervise(child, stopped)) })
    }

    /// Stops PostgreSQL; returns when it has ended. Open transactions are rolled back.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        if let Err(error) = self.task.await {
            tracing::error!(%error, "PostgreSQL's supervisor failed");
        }
    }
}

/// How PostgreSQL is started.
struct Launch {
    cluster: Cluster,
    parameters: Vec<(&'static str, &'static str)>,
    log: PathBuf,
}

impl Launch {
    fn spawn(&self) -> anyhow::Result<Child> {
        let open = || fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&self.log);
        let log = open().with_context(|| format!("opening {}", self.log.display()))?;
        let mut postgres = Command::new(self.cluster.installation.program("postgres"));
        postgres.arg("-D").arg(&self.cluster.data).arg("-k").arg(&self.cluster.socket);
        for (name, value) in &self.parameters {
            postgres.arg("-c").arg(format!("{name}={value}"));
        }
        run_as(&mut postgres, self.cluster.user.as_ref());
        // In a process group of its own: Ctrl-C in the terminal must not stop it before the server has stopped.
        postgres.process_group(0).stdout(Stdio::from(log.try_clone()?)).stderr(Stdio::from(log));
        postgres
            .spawn()
            .with_context(|| format!("starting {}", self.cluster.installation.program("postgres").display()))
    }

    /// Waits until it answers; that it ends before is an error.
    async fn ready(&self, child: &mut Child) -> anyhow::Result<()> {
        let url = self.cluster.url(OWNER_ROLE, "postgres");
        let deadline = Instant::now() + READY_TIMEOUT;
        let mut last = String::new();
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait()? {
                bail!("PostgreSQL did not start ({status}); the end of {}:\n{}", self.log.display(), self.log_tail());
            }
            match database::connect(&url, Duration::from_secs(1)).await {
                Ok(_) => return Ok(()),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        if let Some(pid) = pid_of(child) {
            let _ = kill(pid, Signal::SIGQUIT);
        }
        let _ = child.wait().await;
        bail!("PostgreSQL does not answer after {READY_TIMEOUT:?}: {last}; see {}", self.log.display())
    }

    /// Starts it again whenever it ends, until the stop is requested.
    async fn supervise(self, mut child: Child, mut stopped: oneshot::Receiver<()>) {
        let mut pause = Duration::from_millis(100);
        loop {
            let started = Instant::now();
            tokio::select! {
                // An error means that the handle was dropped: this process is ending.
                _ = &mut stopped => return stop(&mut child).await,
                ended = child.wait() => match ended {
                    Ok(status) => tracing::error!(%status, "PostgreSQL ended unexpectedly, starting it again"),
                    Err(error) => tracing::error!(%error, "PostgreSQL cannot be watched, starting it again"),
                },
            }
            if started.elapsed() > Duration::from_secs(30) {
                pause = Duration::from_millis(100);
            }
            child = loop {
                tokio::select! {
                    _ = &mut stopped => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(RETRY_PAUSE_MAX);
                match self.spawn() {
                    Ok(child) => break child,
                    Err(error) => tracing::error!(error = format!("{error:#}"), "PostgreSQL cannot be started"),
                }
            };
        }
    }

    fn log_tail(&self) -> String {
        let read = || -> std::io::Result<String> {
            let mut file = fs::File::open(&self.log)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(2_000)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
        };
        read().unwrap_or_else(|error| format!("(it cannot be read: {error})"))
    }
}

async fn stop(child: &mut Child) {
    let Some(pid) = pid_of(child) else { return };
    if !shut_down(pid, async { drop(child.wait().await) }).await {
        tracing::error!("PostgreSQL does not stop, killing it");
        let _ = child.kill().await;
    }
}

/// `None` when the process has ended.
fn pid_of(child: &Child) -> Option<Pid> {
    Some(Pid::from_raw(i32::try_from(child.id()?).ok()?))
}
