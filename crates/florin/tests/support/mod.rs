//! Runs the binary as a user does.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod pooler;
pub mod site;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use platform::database::{Client, DatabaseUrl, connect};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Nothing here takes longer, not even on a slow machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A directory that PostgreSQL's user may enter, so that everything is below it.
pub fn directory() -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).expect("its permissions");
    directory
}

/// `florin` without the variables of the environment that the tests run in.
pub fn florin(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_florin"));
    for (name, _) in std::env::vars() {
        if name.starts_with("FLORIN_") || name == "DATABASE_URL" {
            command.env_remove(name);
        }
    }
    command.current_dir(directory);
    command
}

/// Runs a command to its end.
pub fn run(directory: &Path, arguments: &[&str]) -> Output {
    florin(directory).args(arguments).stdin(Stdio::null()).output().expect("florin runs")
}

/// What a command with `--json` printed; it must have succeeded.
pub fn json(directory: &Path, arguments: &[&str]) -> Value {
    let output = run(directory, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    serde_json::from_slice(&output.stdout).expect("it printed JSON")
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address").to_string()
}

/// `florin serve` on the database of a running `florin dev`, which logs to `serve.log`; and where it will listen.
pub fn serve_command(place: &Path, role: &str) -> (Command, String) {
    let state = std::fs::read(place.join(".florin/state.json")).expect("florin dev runs");
    let state: Value = serde_json::from_slice(&state).expect("its state is JSON");
    let address = free_address();
    let config = format!(
        "[server]\nlisten = \"{address}\"\nshutdown_delay_ms = 0\n[database]\nurl = {}\nowner_url = {}\n",
        state["database_url"], state["database_owner_url"]
    );
    std::fs::write(place.join("florin.toml"), config).expect("a file");
    let mut command = florin(place);
    command.args(["serve", "--role", role]).stderr(std::fs::File::create(place.join("serve.log")).expect("a file"));
    (command, address)
}

/// Runs SQL as the owner of the tables of a running `florin dev`. What its transaction holds is let go when the session is
/// dropped.
pub fn sql(place: &Path, statements: &str) -> Session {
    try_sql(place, statements).expect("SQL that is valid")
}

/// The same; `None` if PostgreSQL refuses.
pub fn try_sql(place: &Path, statements: &str) -> Option<Session> {
    let state = std::fs::read(place.join(".florin/state.json")).expect("florin dev runs");
    let state: Value = serde_json::from_slice(&state).expect("its state is JSON");
    let url = DatabaseUrl::from(state["database_owner_url"].as_str().expect("a URL"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let client = runtime.block_on(async {
        let client = connect(&url, TIMEOUT).await.expect("PostgreSQL answers");
        client.batch_execute(statements).await.ok().map(|()| client)
    })?;
    Some(Session { _client: client, _runtime: runtime })
}

/// A session of PostgreSQL.
pub struct Session {
    _client: Client,
    _runtime: tokio::runtime::Runtime,
}

/// A running server; it ends when it is stopped or dropped.
pub struct Server {
    child: Child,
    /// What `florin dev --json` printed; `null` for `florin serve`.
    pub banner: Value,
}

impl Server {
    /// `florin dev` on a free port, with its data in `directory/.florin`.
    pub fn dev(directory: &Path, arguments: &[&str]) -> Server {
        Server::dev_with(directory, arguments, &[])
    }

    /// The same with variables of the environment.
    pub fn dev_with(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Server {
        let mut command = florin(directory);
        command.envs(variables.iter().copied());
        command.args(["dev", "--json", "--listen", "127.0.0.1:0"]).args(arguments);
        let log = std::fs::File::create(directory.join("florin.log")).expect("a log file");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("florin starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut document = String::new();
        loop {
            match lines.next() {
                Some(Ok(line)) => document.push_str(&line),
                _ => {
                    let status = child.wait().expect("its status");
                    let log = std::fs::read_to_string(directory.join("florin.log")).unwrap_or_default();
                    panic!("florin dev ended ({status}): {document} {log}");
                }
            }
            if let Ok(banner) = serde_json::from_str::<Value>(&document)
                && banner["url"].is_string()
            {
                return Server { child, banner };
            }
        }
    }

    /// Any other command that runs until it is stopped; returns when `address` answers.
    pub fn other(command: Command, address: &str) -> Server {
        let mut server = Server::begun(command);
        eventually("it answers", || {
            assert!(server.child.try_wait().expect("its status").is_none(), "it ended");
            TcpStream::connect(address).is_ok()
        });
        server
    }

    /// The same, without waiting.
    pub fn begun(mut command: Command) -> Server {
        let child = command.stdout(Stdio::null()).spawn().expect("florin starts");
        Server { child, banner: Value::Null }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        self.banner["url"].as_str().and_then(|url| url.strip_prefix("http://")).expect("an address")
    }

    pub fn secret_key(&self) -> &str {
        self.banner["secret_key"].as_str().expect("a key")
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).expect("a process id")), signal)
            .expect("it can be signalled");
    }

    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().expect("its status") {
                return status;
            }
            assert!(Instant::now() < deadline, "it has ended by now");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGTERM, then its exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.wait().code()
    }
}

impl Drop for Server {
    /// A test that fails leaves nothing running.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::SIGTERM);
            let deadline = Instant::now() + TIMEOUT;
            while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Status code and body of a GET.
pub fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    answer(&mut stream)
}

/// Status code and JSON of a request to the API. An empty `idempotency_key` is none.
pub fn call(
    address: &str,
    key: &str,
    [method, path]: [&str; 2],
    idempotency_key: &str,
    body: &str,
) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).ok()?;
    let named = if idempotency_key.is_empty() { "" } else { "Idempotency-Key: " };
    let end = if idempotency_key.is_empty() { "" } else { "\r\n" };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\
        {named}{idempotency_key}{end}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let (status, body) = answer(&mut stream)?;
    Some((status, serde_json::from_str(&body).ok()?))
}

/// Reads an answer to its end, where the server closes.
pub fn answer(stream: &mut TcpStream) -> Option<(u16, String)> {
    let mut received = String::new();
    stream.read_to_string(&mut received).ok()?;
    let (head, body) = received.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Waits until the condition holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !holds() {
        assert!(Instant::now() < deadline, "by now: {what}");
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// Process ids of the PostgreSQL servers whose files are below a directory.
pub fn postmasters(directory: &Path) -> Vec<Pid> {
    let files = directory.canonicalize().expect("the directory").join(".florin/postgres");
    let files = files.to_string_lossy().into_owned();
    let mut found = processes();
    found.retain(|process| process.command.contains(" -D ") && process.command.contains(&files));
    // A process that PostgreSQL has just forked still looks like PostgreSQL itself.
    let all: Vec<i32> = found.iter().map(|process| process.pid).collect();
    found.retain(|process| !all.contains(&process.parent));
    found.iter().map(|process| Pid::from_raw(process.pid)).collect()
}

struct Process {
    pid: i32,
    parent: i32,
    command: String,
}

fn processes() -> Vec<Process> {
    let Ok(entries) =
        std::fs::read_dir("/proc").and_then(|entries| std::fs::metadata("/proc/self/status").map(|_| entries))
    else {
        // No /proc, as on macOS.
        let listed = Command::new("ps").args(["-axo", "pid=,ppid=,command="]).output().expect("ps runs");
        let lines = String::from_utf8_lossy(&listed.stdout).into_owned();
        return lines.lines().filter_map(listed_process).collect();
    };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()?;
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some(Process { pid, parent, command: String::from_utf8_lossy(&command).replace('\0', " ") })
    })
    .collect()
}

fn listed_process(line: &str) -> Option<Process> {
    let (pid, rest) = line.trim().split_once(char::is_whitespace)?;
    let (parent, command) = rest.trim().split_once(char::is_whitespace)?;
    Some(Process { pid: pid.parse().ok()?, parent: parent.parse().ok()?, command: command.to_owned() })
}
