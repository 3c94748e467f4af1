//! A PostgreSQL server for tests, with its data and its Unix socket in a directory of its own.

use super::store;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid, User};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio_postgres::{Config, NoTls};

const START_MAX: Duration = Duration::from_secs(60);

/// A shell script that runs the server as long as its standard input is open. When the process of the tests ends, for
/// any reason, the pipe closes; then the script stops the server and removes the directory.
const KEEPER: &str = r#"
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= $3 >"$2/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT $server 2>/dev/null
wait $server
test -e "$2/keep" || rm -rf "$2"
"#;

/// Loses nothing that was acknowledged when processes are killed. The kernel keeps what was written, so flushing it to
/// the disk would only make the tests slower.
const DURABLE: &str = "-c fsync=off -c synchronous_commit=on -c max_connections=200";
/// May lose what was acknowledged.
const FAST: &str = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 \
    -c shared_buffers=64MB";

static COUNTER: AtomicU32 = AtomicU32::new(0);

pub(super) struct PostgresServer {
    binaries: PathBuf,
    directory: PathBuf,
    settings: &'static str,
    /// The user that runs the server if the tests run as root, as which PostgreSQL refuses to run.
    user: Option<(Uid, Gid)>,
    keeper: Mutex<Child>,
}

impl PostgresServer {
    pub async fn start(durable: bool) -> Self {
        let binaries = find_binaries();
        let number = COUNTER.fetch_add(1, Ordering::SeqCst);
        let directory = std::env::temp_dir().join(format!("florin-test-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).expect("a directory for PostgreSQL");
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700)).expect("permissions");
        let user = unprivileged_user();
        if let Some((uid, gid)) = user {
            chown(&directory, Some(uid.as_raw()), Some(gid.as_raw())).expect("the directory is given away");
        }
        initialize(&binaries, &directory, user);
        let settings = if durable { DURABLE } else { FAST };
        let keeper = Mutex::new(run(&binaries, &directory, settings, user));
        let server = PostgresServer { binaries, directory, settings, user, keeper };
        server.wait_until_it_answers().await;
        server
    }

    pub fn socket_dir(&self) -> &Path {
        &self.directory
    }

    /// How the superuser connects.
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        config.host_path(&self.directory).user("postgres").dbname("postgres");
        config
    }

    pub fn kill9(&self) {
        let pid_file = std::fs::read_to_string(self.directory.join("data/postmaster.pid")).expect("it runs");
        let pid: i32 = pid_file.lines().next().and_then(|line| line.parse().ok()).expect("a process id");
        // Its children would continue for a moment, and could even commit.
        let children = Command::new("pgrep").arg("-P").arg(pid.to_string()).output().expect("pgrep runs");
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("the server can be killed");
        for child in String::from_utf8_lossy(&children.stdout).lines().filter_map(|line| line.trim().parse().ok()) {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(child), Signal::SIGKILL);
        }
        self.dismiss_keeper();
    }

    pub async fn restart(&self) {
        let began = Instant::now();
        // The killed server's children keep its shared memory for a moment, and until then a new server does not start.
        loop {
            *self.keeper.lock().expect("the keeper") = run(&self.binaries, &self.directory, self.settings, self.user);
            if self.stays_up().await {
                return self.wait_until_it_answers().await;
            }
            let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            assert!(began.elapsed() < START_MAX, "PostgreSQL does not start again: {log}");
            self.dismiss_keeper();
        }
    }

    /// Whether the server starts, or fails because the killed one still has its shared memory or lock file.
    async fn stays_up(&self) -> bool {
        let began = Instant::now();
        while began.elapsed() < START_MAX {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            // A standby takes "read-only connections".
            if log.contains("ready to accept") {
                return true;
            }
            if log.contains("pre-existing shared memory") || log.contains("lock file") {
                return false;
            }
        }
        false
    }

    /// Ends the script of a server that was killed, without removing the data.
    fn dismiss_keeper(&self) {
        let keep = self.directory.join("keep");
        std::fs::write(&keep, "").expect("a file");
        let mut keeper = self.keeper.lock().expect("the keeper");
        drop(keeper.stdin.take());
        keeper.wait().expect("the keeper ends");
        std::fs::remove_file(keep).expect("a file");
    }

    async fn wait_until_it_answers(&self) {
        let began = Instant::now();
        loop {
            if let Ok((client, connection)) = self.config().connect(NoTls).await {
                let connection = tokio::spawn(connection);
                let ready = store::answers(&client).await;
                connection.abort();
                if ready {
                    return;
                }
            }
            let log = || std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            assert!(began.elapsed() < START_MAX, "PostgreSQL does not answer: {}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Ok(mut keeper) = self.keeper.lock() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
        // After `kill9` the script has not removed it.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn run(binaries: &Path, directory: &Path, settings: &str, user: Option<(Uid, Gid)>) -> Child {
    let mut keeper = Command::new("sh");
    keeper.arg("-c").arg(KEEPER.replace("$3", settings)).arg("keeper").arg(binaries).arg(directory);
    keeper.stdin(Stdio::piped()).current_dir("/");
    act_for(&mut keeper, user).spawn().expect("sh runs")
}

fn initialize(binaries: &Path, directory: &Path, user: Option<(Uid, Gid)>) {
    // Not every system has the first locale.
    for locale in ["C.UTF-8", "C"] {
        let mut initdb = Command::new(binaries.join("initdb"));
        initdb.arg("-D").arg(directory.join("data")).current_dir("/");
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale", locale]);
        let output = act_for(&mut initdb, user).output().expect("initdb runs");
        if output.status.success() {
            return;
        }
        let reason = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(locale == "C.UTF-8", "initdb failed: {reason}");
        let _ = std::fs::remove_dir_all(directory.join("data"));
    }
}

fn act_for(command: &mut Command, user: Option<(Uid, Gid)>) -> &mut Command {
    match user {
        Some((uid, gid)) => command.uid(uid.as_raw()).gid(gid.as_raw()),
        None => command,
    }
}

/// The user that PostgreSQL runs as if the tests run as root, which PostgreSQL refuses; `None` if they do not.
fn unprivileged_user() -> Option<(Uid, Gid)> {
    if !Uid::effective().is_root() {
        return None;
    }
    let found = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
    let user = found.expect("a user that PostgreSQL may run as");
    Some((user.uid, user.gid))
}

/// The directory of PostgreSQL's programs: on the PATH, where `pg_config` says, or where Debian and Homebrew install
/// them.
fn find_binaries() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        places.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    for (parent, prefix) in
        [("/usr/lib/postgresql", ""), ("/opt/homebrew/opt", "postgresql@"), ("/usr/local/opt", "postgresql@")]
    {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let mut versions: Vec<(u32, PathBuf)> = entries
            .filter_map(|entry| {
                let version = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
                Some((version, entry.path().join("bin")))
            })
            .collect();
        versions.sort();
        places.extend(versions.into_iter().rev().map(|(_, path)| path));
    }
    let complete = |place: &PathBuf| ["postgres", "initdb"].iter().all(|name| place.join(name).is_file());
    places.into_iter().find(complete).expect("PostgreSQL is installed (Debian: apt-get install postgresql)")
}
