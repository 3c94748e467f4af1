//! What happens on one connection: which requests are at work, and which answers its client has not taken yet.

use crate::clients::{Client, Held};
use crate::limits::{Limits, millis};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A client's connection.
pub struct Connection {
    client: Arc<Client>,
    activity: Mutex<Activity>,
}

struct Activity {
    /// Whether there was a request at all.
    requested: bool,
    at_work: usize,
    /// Answers by their numbers, each with its time; the oldest comes first.
    unsent: Vec<(u64, Instant)>,
    answers: u64,
    /// When something last began or ended.
    changed: Instant,
}

/// A request that is at work until this is dropped, and the bytes that it takes.
pub struct Work {
    connection: Arc<Connection>,
    held: Held,
    /// Whether there is something of the request's body that was not read.
    pub unread: bool,
}

/// An answer until its last byte was given to the socket: then this is dropped.
pub struct Unsent {
    connection: Arc<Connection>,
    number: u64,
    _held: Held,
}

impl Connection {
    pub fn new(client: Arc<Client>) -> Arc<Self> {
        let changed = Instant::now();
        let activity = Activity { requested: false, at_work: 0, unsent: Vec::new(), answers: 0, changed };
        Arc::new(Connection { client, activity: Mutex::new(activity) })
    }

    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has arrived, which takes so many bytes without its body.
    pub fn begin(self: &Arc<Self>, bytes: usize, has_body: bool) -> Work {
        let mut activity = self.activity();
        activity.requested = true;
        activity.at_work += 1;
        drop(activity);
        Work { connection: self.clone(), held: self.client.hold(bytes), unread: has_body }
    }

    /// An answer of so many bytes waits to be sent.
    pub fn answer(self: &Arc<Self>, bytes: usize) -> Unsent {
        let mut activity = self.activity();
        activity.answers += 1;
        let number = activity.answers;
        activity.unsent.push((number, Instant::now()));
        drop(activity);
        Unsent { connection: self.clone(), number, _held: self.client.hold(bytes) }
    }

    /// The limit for which the connection has to be closed, if there is one.
    pub fn overdue(&self) -> Option<&'static str> {
        let limits = self.client.limits();
        let activity = self.activity();
        let (limit, timeout, since) = match activity.unsent.first() {
            Some((_, since)) => ("send_timeout_ms", limits.send_timeout_ms, *since),
            None if activity.at_work > 0 => return None,
            None if activity.requested => ("idle_timeout_ms", limits.idle_timeout_ms, activity.changed),
            None => ("header_timeout_ms", limits.header_timeout_ms, activity.changed),
        };
        (since.elapsed() >= millis(timeout)).then_some(limit)
    }

    /// Whether nothing more is to come of a connection that is being closed for so long, or nothing more is waited for: its client
    /// may go on beginning requests.
    pub fn has_ended(&self, closing: Duration) -> bool {
        let limits = self.client.limits();
        if closing >= millis(limits.request_timeout_ms.saturating_add(limits.send_timeout_ms)) {
            return true;
        }
        let activity = self.activity();
        let is_late = |(_, since): &(u64, Instant)| since.elapsed() >= millis(limits.send_timeout_ms);
        let waits = !activity.requested || !activity.unsent.is_empty();
        activity.at_work == 0
            && activity.unsent.iter().all(is_late)
            && (waits || closing >= millis(limits.header_timeout_ms))
    }
}

impl Work {
    pub fn limits(&self) -> &Limits {
        self.connection.client.limits()
    }

    /// The other end of the connection.
    pub fn peer(&self) -> IpAddr {
        self.connection.client.peer()
    }

    /// So many bytes more have arrived.
    pub fn hold(&mut self, bytes: usize) {
        self.held.more(bytes);
    }

    /// What is held for the request, for the work to hold: that may go on longer than its client waits.
    pub fn take_held(&mut self) -> Held {
        let nothing = self.connection.client.hold(0);
        std::mem::replace(&mut self.held, nothing)
    }

    /// Whether no more may be held for this client.
    pub fn has_too_much(&self) -> bool {
        self.connection.client.has_too_much()
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut activity = self.connection.activity();
        activity.at_work -= 1;
        activity.changed = Instant::now();
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        let mut activity = self.connection.activity();
        activity.unsent.retain(|(number, _)| *number != self.number);
        activity.changed = Instant::now();
    }
}
