//! The PostgreSQL process: starting it, keeping it running, stopping it.

use super::account::run_as;
use super::cluster::{Cluster, OWNER};
use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use platform::database;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Durable, and modest enough for a laptop. The first three are PostgreSQL's defaults, and here so that nobody turns
/// them off.
const SETTINGS: &[(&str, &str)] = &[
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    ("max_connections", "100"),
    ("shared_buffers", "512MB"),
    ("max_wal_size", "2GB"),
    ("checkpoint_timeout", "15min"),
    ("jit", "off"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
];
/// How pages are compressed that go into the log whole after a checkpoint: LZ4 takes far less time than PostgreSQL's own
/// method, which is the other one because not every PostgreSQL is built with it.
const WAL_COMPRESSION: (&str, [&str; 2]) = ("wal_compression", ["lz4", "on"]);
/// After a crash PostgreSQL replays its log before it answers.
const READY_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a first start is tried again: backends of a killed server may hold on for a moment.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// The log is started anew at a start when it is larger than this.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A PostgreSQL that runs until [`Server::stop`]. When it ends unexpectedly it is started again.
pub struct Server {
    stop: oneshot::Sender<()>,
    supervisor: JoinHandle<()>,
}

impl Server {
    /// Starts PostgreSQL and waits until it answers.
    pub async fn start(cluster: Cluster, log: &Path) -> anyhow::Result<Server> {
        cluster.clear_leftovers().await?;
        if fs::metadata(log).is_ok_and(|found| found.len() > LOG_BYTES_MAX) {
            fs::remove_file(log).with_context(|| format!("removing the old {}", log.display()))?;
        }
        let (name, [best, other]) = WAL_COMPRESSION;
        let method = if cluster.accepts(name, best).await { best } else { other };
        let mut settings = SETTINGS.to_vec();
        settings.push((name, method));
        let launch = Launch { cluster, settings, log: log.to_owned() };
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
        Ok(Server { stop, supervisor: tokio::spawn(launch.supervise(child, stopped)) })
    }

    /// Stops PostgreSQL: open transactions are rolled back, everything committed is on disk.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        if let Err(error) = self.supervisor.await {
            tracing::error!(%error, "PostgreSQL's supervisor failed");
        }
    }
}

struct Launch {
    cluster: Cluster,
    settings: Vec<(&'static str, &'static str)>,
    log: PathBuf,
}

impl Launch {
    fn spawn(&self) -> anyhow::Result<Child> {
        let open = || fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&self.log);
        let log = open().with_context(|| format!("opening {}", self.log.display()))?;
        let mut postgres = Command::new(self.cluster.binaries.program("postgres"));
        postgres.arg("-D").arg(&self.cluster.data).arg("-k").arg(&self.cluster.socket);
        for (name, value) in &self.settings {
            postgres.arg("-c").arg(format!("{name}={value}"));
        }
        run_as(&mut postgres, self.cluster.account.as_ref());
        // Its own process group: Ctrl-C in the terminal must not stop it before what uses it has stopped.
        postgres.process_group(0).stdout(Stdio::from(log.try_clone()?)).stderr(Stdio::from(log));
        postgres.spawn().with_context(|| format!("starting {}", self.cluster.binaries.program("postgres").display()))
    }

    async fn ready(&self, child: &mut Child) -> anyhow::Result<()> {
        let url = socket_url(&self.cluster.socket, OWNER, "postgres");
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
        signal(child, Signal::SIGQUIT);
        let _ = child.wait().await;
        bail!("PostgreSQL does not answer after {READY_TIMEOUT:?}: {last}; see {}", self.log.display())
    }

    async fn supervise(self, mut child: Child, mut stopped: oneshot::Receiver<()>) {
        let mut pause = Duration::from_millis(100);
        loop {
            let started = Instant::now();
            tokio::select! {
                // An error means that the handle was dropped: the process is on its way out.
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
    for wanted in [Signal::SIGINT, Signal::SIGQUIT] {
        signal(child, wanted);
        if tokio::time::timeout(STOP_TIMEOUT, child.wait()).await.is_ok() {
            return;
        }
    }
    tracing::error!("PostgreSQL does not stop, killing it");
    let _ = child.kill().await;
}

fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// A database URL for a Unix socket.
pub fn socket_url(socket: &Path, user: &str, database: &str) -> String {
    let quoted = socket.to_string_lossy().replace('\\', "\\\\").replace('\'', "\\'");
    format!("host='{quoted}' port=5432 user={user} dbname={database}")
}
