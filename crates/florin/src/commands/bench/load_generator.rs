//! Puts the server under a load, and measures: many connections, each sends one request after the other.

mod neighbour;

use super::answered_requests::{AnsweredRequest, AnsweredRequests, first_id};
use super::connection::{Answer, Connection};
use super::cost_meter::Meter;
use super::figures::Figures;
use super::journal::Journal;
use super::open_loop::{Pace, Stopping};
use super::recorder::Recorder;
use super::request_script::Script;
use super::request_writer::Caller;
use super::workload::Workload;
use crate::exit_code::Failure;
use anyhow::bail;
pub use neighbour::Neighbour;
use platform::Shutdown;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long the requests that are under way at the end may take.
const LAST_TIMEOUT: Duration = Duration::from_secs(10);
/// A request of an open loop that has waited for longer to be sent counts as an error.
const LATE: Duration = Duration::from_secs(1);
/// The pause after a request that was refused, as `Retry-After` says.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// The pause after an error.
const FAILURE_PAUSE: Duration = Duration::from_millis(50);

/// What is to be measured.
#[derive(Clone)]
pub struct Load {
    /// The server, or servers on one database, over which the connections are spread.
    pub addresses: Vec<SocketAddr>,
    pub workload: Workload,
    pub callers: Arc<Vec<Caller>>,
    /// Where payments are written down, if they are.
    pub journal: Option<Arc<Journal>>,
    pub connections: u32,
    /// Requests a second of an open loop; without it each connection sends its next request when it has an answer.
    pub rate: Option<u32>,
    /// What else is asked meanwhile, which is not measured.
    pub neighbour: Option<Neighbour>,
    pub warm_up: Duration,
    pub time: Duration,
}

impl Load {
    /// Where the connection with that number leads.
    fn address(&self, number: usize) -> SocketAddr {
        self.addresses[number % self.addresses.len()]
    }
}

/// What the connections share.
struct Shared {
    recorder: Mutex<Recorder>,
    stopping: AtomicBool,
    journal: Option<Arc<Journal>>,
    answered: AnsweredRequests,
    pace: Option<Arc<Pace>>,
}

impl Shared {
    fn new(journal: Option<Arc<Journal>>, pace: Option<Arc<Pace>>) -> anyhow::Result<Arc<Self>> {
        let (recorder, answered) = (Mutex::new(Recorder::new()?), AnsweredRequests::default());
        Ok(Arc::new(Shared { recorder, stopping: AtomicBool::new(false), journal, answered, pace }))
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts the server under a load for `load.time`, after a warming up that does not count; for less when it is to stop.
pub async fn measure(load: &Load, meter: &Meter, shutdown: &Shutdown) -> anyhow::Result<Figures> {
    let mut connections = Vec::new();
    while connections.len() < usize::try_from(load.connections)? {
        let address = load.address(connections.len());
        connections.push((address, open(address).await?));
    }
    let shared = Shared::new(load.journal.clone(), load.rate.map(Pace::start).transpose()?)?;
    // Ended when it is dropped.
    let _neighbour = load.neighbour.as_ref().map(|neighbour| neighbour.disturb(load)).transpose()?;
    let _stopping = shared.pace.clone().map(Stopping);
    let mut clients = JoinSet::new();
    for (turn, (address, connection)) in connections.into_iter().enumerate() {
        let script = Script::new(load.workload, Arc::clone(&load.callers), turn, shared.answered.clone());
        clients.spawn(client(address, connection, script, Arc::clone(&shared)));
    }

    sleep_unless(shutdown, load.warm_up).await;
    let before = meter.read().await;
    let started = Instant::now();
    shared.recorder().restart();
    if let Some(pace) = &shared.pace {
        pace.late().restart();
    }
    sleep_unless(shutdown, load.time).await;
    let used = meter.read().await.since(&before);
    let seconds = started.elapsed().as_secs_f64();
    let mut recorder = std::mem::replace(&mut *shared.recorder(), Recorder::new()?);

    shared.stopping.store(true, Ordering::Relaxed);
    let mut late_p99_ms = None;
    if let Some(pace) = &shared.pace {
        late_p99_ms = Some(pace.late().quantile_ms(0.99));
        for due in pace.stop() {
            // It would have taken at least as long as it has waited.
            recorder.latency(due.elapsed());
            if due.elapsed() > LATE {
                recorder.error("unanswered", || format!("no connection was free for a request within {LATE:?}"));
            }
        }
    }
    let _ = tokio::time::timeout(LAST_TIMEOUT, async { while clients.join_next().await.is_some() {} }).await;
    for _ in 0..clients.len() {
        recorder.error("unanswered", || format!("a request was not answered within {LAST_TIMEOUT:?}"));
    }
    let figures = Figures::new(recorder, seconds, &used, meter.florin_memory_peak());
    Ok(Figures { late_p99_ms, ..figures })
}

/// Makes that many requests as fast as they are answered. Calls `progress` about every second with how many were answered.
/// An answer that is neither a success nor 429 ends it with an error.
pub async fn make(load: &Load, wanted: u64, mut progress: impl FnMut(u64)) -> anyhow::Result<()> {
    let shared = Shared::new(load.journal.clone(), None)?;
    let mut clients = JoinSet::new();
    let mut begun = 0;
    for number in 0..u64::from(load.connections).min(wanted) {
        // Each connection gets the same share; the first ones take the rest.
        let share = wanted / u64::from(load.connections) + u64::from(number < wanted % u64::from(load.connections));
        let mut connection = open(load.address(usize::try_from(number)?)).await?;
        // Each continues where the one before will end, so that every caller gets the same number.
        let turn = usize::try_from(begun)?;
        let mut script = Script::new(load.workload, Arc::clone(&load.callers), turn, shared.answered.clone());
        begun += share;
        let shared = Arc::clone(&shared);
        clients.spawn(async move {
            let mut done = 0;
            while done < share {
                match once(&mut connection, &mut script, &shared, Instant::now()).await {
                    Outcome::Answered => done += 1,
                    Outcome::Refused => tokio::time::sleep(RETRY_PAUSE).await,
                    Outcome::Failed | Outcome::Lost => break,
                }
            }
        });
    }
    loop {
        let tick = tokio::time::sleep(Duration::from_secs(1));
        tokio::pin!(tick);
        loop {
            tokio::select! {
                () = &mut tick => break,
                ended = clients.join_next() => if ended.is_none() { break },
            }
        }
        let recorder = shared.recorder();
        if let Some(error) = &recorder.first_error {
            bail!("storing {} failed after {}: {error}", load.workload.name(), recorder.requests);
        }
        progress(recorder.requests);
        if clients.is_empty() {
            return Ok(());
        }
    }
}

async fn sleep_unless(shutdown: &Shutdown, time: Duration) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = shutdown.requested() => {}
    }
}

async fn open(address: SocketAddr) -> anyhow::Result<Connection> {
    let opened = tokio::time::timeout(LAST_TIMEOUT, Connection::open(address)).await;
    let opened = opened.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    opened.map_err(|error| Failure::unreachable(format!("{address} cannot be reached: {error}")))
}

/// Sends requests over one connection until the measurement ends.
async fn client(address: SocketAddr, mut connection: Connection, mut script: Script, shared: Arc<Shared>) {
    while !shared.stopping.load(Ordering::Relaxed) {
        let since = match &shared.pace {
            Some(pace) => match pace.next().await {
                Some(due) => due,
                None => return,
            },
            None => Instant::now(),
        };
        match once(&mut connection, &mut script, &shared, since).await {
            Outcome::Answered => continue,
            // An open loop sends what is due, also when the server asks for a pause.
            Outcome::Refused if shared.pace.is_some() => continue,
            Outcome::Refused => {
                tokio::time::sleep(RETRY_PAUSE).await;
                continue;
            }
            Outcome::Failed => {
                tokio::time::sleep(FAILURE_PAUSE).await;
                continue;
            }
            Outcome::Lost => {}
        }
        while !shared.stopping.load(Ordering::Relaxed) {
            tokio::time::sleep(FAILURE_PAUSE).await;
            if let Ok(opened) = Connection::open(address).await {
                connection = opened;
                break;
            }
        }
    }
}

/// The result of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Answered,
    Refused,
    /// There was another answer.
    Failed,
    /// There was no answer, and the connection cannot be used any more.
    Lost,
}

/// Makes one request.
async fn once(connection: &mut Connection, script: &mut Script, shared: &Shared, since: Instant) -> Outcome {
    script.next();
    if let Some(journal) = shared.journal.as_ref().filter(|_| script.repeated().is_none()) {
        journal.sent(script.key(), script.form());
    }
    let answer = connection.exchange(script.request()).await;
    if let (Some(first), Ok(answer)) = (script.repeated(), &answer) {
        repeated(shared, first, answer);
    }
    match answer {
        Ok(answer) if answer.status == 200 => {
            let latency = since.elapsed();
            if script.repeated().is_some() {
                return Outcome::Answered;
            }
            if let Some(journal) = &shared.journal {
                journal.acknowledged(script.key(), first_id(answer.body));
            }
            let paid = script.answered(answer.body);
            let mut recorder = shared.recorder();
            recorder.latency(latency);
            recorder.requests += 1;
            recorder.payments += u64::from(paid);
            recorder.bytes += u64::try_from(answer.body.len()).unwrap_or_default();
            Outcome::Answered
        }
        Ok(answer) if answer.status == 429 => {
            script.failed();
            shared.recorder().refused(since.elapsed());
            Outcome::Refused
        }
        Ok(answer) => {
            script.failed();
            let detail = || format!("{} {}", answer.status, reason(answer.body));
            shared.recorder().error(&answer.status.to_string(), detail);
            Outcome::Failed
        }
        Err(error) => {
            script.failed();
            shared.recorder().error("connection", || error.to_string());
            Outcome::Lost
        }
    }
}

/// Notes the answer to a request that repeats an earlier one.
fn repeated(shared: &Shared, first: &AnsweredRequest, answer: &Answer<'_>) {
    if let Some(journal) = &shared.journal {
        match answer.status {
            200 => journal.repeated(&first.key, first_id(answer.body)),
            status => journal.repeated(&first.key, &status.to_string()),
        }
    }
    if answer.status == 200 {
        let mut recorder = shared.recorder();
        match first_id(answer.body) == first.id {
            true => recorder.repeats += 1,
            false => recorder.error("repeated", || "a repeated request got another answer".to_owned()),
        }
    }
}

/// The message of an error's JSON.
fn reason(body: &[u8]) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = parsed.as_ref().and_then(|value| value.pointer("/error/message")?.as_str());
    message.unwrap_or("(no reason given)").to_owned()
}
