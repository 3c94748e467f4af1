//! A proxy before PostgreSQL that cuts connections at the worst moment.

use deadpool_postgres::Pool;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_postgres::Config;

/// When a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Before the next message that commits reaches PostgreSQL.
    BeforeCommit,
    /// After PostgreSQL has carried out the next message that commits, before the client gets the answer.
    AfterCommit,
    /// The client's connection is cut while the next message that commits is still on its way to PostgreSQL.
    DuringCommit,
}

/// Passes bytes on until it has to cut.
pub struct Proxy {
    port: u16,
    to: Config,
    plan: Arc<Plan>,
}

#[derive(Default)]
struct Plan {
    /// What becomes of the next messages that commit.
    cuts: Mutex<VecDeque<Option<Cut>>>,
    cuts_made: AtomicU32,
    unread: AtomicU32,
}

impl Proxy {
    pub(super) async fn start(socket: PathBuf, to: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let plan = Arc::new(Plan::default());
        let shared = plan.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = UnixStream::connect(&socket).await else { continue };
                tokio::spawn(pass(client, server, shared.clone()));
            }
        });
        Proxy { port, to, plan }
    }

    /// Connections through the proxy.
    pub fn pool(&self, role: &str, size: usize) -> Pool {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user(role).options("-c statement_timeout=30s");
        config.dbname(self.to.get_dbname().expect("a database"));
        super::pool_of(config, size)
    }

    /// Cuts one connection, at the next commit.
    pub fn cut(&self, cut: Cut) {
        self.cut_in_turn([Some(cut)]);
    }

    /// The same for several commits one after another; `None` lets one pass.
    pub fn cut_in_turn(&self, cuts: impl IntoIterator<Item = Option<Cut>>) {
        *self.plan.cuts.lock().unwrap() = cuts.into_iter().collect();
    }

    pub fn cuts_made(&self) -> u32 {
        self.plan.cuts_made.load(Ordering::SeqCst)
    }

    /// How many batches were written in a transaction of their own, with nothing read before.
    pub fn written_unread(&self) -> u32 {
        self.plan.unread.load(Ordering::SeqCst)
    }
}

async fn pass(client: TcpStream, server: UnixStream, plan: Arc<Plan>) {
    let _ = client.set_nodelay(true);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let muted = Arc::new(AtomicBool::new(false));
    let back = tokio::spawn(backward(from_server, to_client, muted.clone()));
    forward(from_client, to_server, &plan, &muted, &back).await;
    back.abort();
}

/// Passes the server's answers on, unless muted.
async fn backward(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, muted: Arc<AtomicBool>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read) = from.read(&mut buffer).await {
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else { return };
        if !muted.load(Ordering::SeqCst) && to.write_all(chunk).await.is_err() {
            return;
        }
    }
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    plan: &Plan,
    muted: &AtomicBool,
    back: &JoinHandle<()>,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut watch = Watch::default();
    while let Ok(read) = from.read(&mut buffer).await {
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else { return };
        let alone = !watch.in_transaction;
        let commits = watch.commits(chunk);
        plan.unread.fetch_add(u32::from(commits && alone), Ordering::SeqCst);
        let cut = if commits { plan.cuts.lock().unwrap().pop_front().flatten() } else { None };
        if cut.is_some() {
            plan.cuts_made.fetch_add(1, Ordering::SeqCst);
        }
        if cut == Some(Cut::BeforeCommit) {
            return;
        }
        if cut == Some(Cut::DuringCommit) {
            back.abort();
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        muted.fetch_or(cut == Some(Cut::AfterCommit), Ordering::SeqCst);
        if to.write_all(chunk).await.is_err() {
            return;
        }
        if cut.is_some() {
            tokio::time::sleep(Duration::from_millis(60)).await;
            return;
        }
    }
}

/// Finds the messages that commit: `COMMIT`, and statements that write in a transaction of their own.
#[derive(Default)]
struct Watch {
    /// How a message ends that executes one of the prepared statements that write.
    writing: Vec<Vec<u8>>,
    in_transaction: bool,
}

impl Watch {
    fn commits(&mut self, chunk: &[u8]) -> bool {
        let has = |what: &[u8]| chunk.windows(what.len()).any(|window| window == what);
        // `Parse` has the statement's name before its text, `Bind` the portal's, which is empty, before the
        // statement's.
        let texts = chunk.windows(11).enumerate().filter(|(_, window)| window == b"\0WITH w0 AS");
        for (at, _) in texts {
            let name = chunk[..at].rsplit(|byte| !byte.is_ascii_alphanumeric()).next().unwrap_or_default();
            self.writing.push([b"\0", name, b"\0"].concat());
        }
        self.in_transaction |= has(b"BEGIN\0");
        let commits = has(b"COMMIT\0") || !self.in_transaction && self.writing.iter().any(|bound| has(bound));
        self.in_transaction &= !(has(b"COMMIT\0") || has(b"ROLLBACK\0"));
        commits
    }
}
