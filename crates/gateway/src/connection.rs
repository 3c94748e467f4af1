//! What happens on one connection: which requests are at work, and which answers its client has not taken yet.

use crate::clients::{Client, Held};
use crate::limits::{Limits, millis};
use crate::metrics;
use contracts::KeyKind;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What has just begun is not judged yet: a request that is on its way, or whose key is being looked up, looks like none.
const MOMENT: Duration = Duration::from_secs(1);

/// A client's connection.
pub struct Connection {
    client: Arc<Client>,
    opened: Instant,
    activity: Mutex<Activity>,
    /// Told when another connection gets its place.
    makes_room: Notify,
}

/// What a connection is good for; the least comes first. A publishable key is on every page that takes payments: it
/// does not make its holder known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Nothing is at work, and no merchant's key was shown on it.
    Silent,
    /// Something is at work, for which no key was shown.
    Unknown,
    /// A merchant's, with nothing at work: its client opens another one.
    Kept,
    /// Something is at work for a payer.
    Payer,
}

struct Activity {
    /// Whether there was a request at all.
    requested: bool,
    /// The best key that was shown on it.
    shown: Option<KeyKind>,
    /// Whether it has been told to make room.
    leaves: bool,
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
    /// Whether it is a merchant's, as far as is known.
    pub merchant: bool,
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
        let opened = Instant::now();
        let activity = Activity {
            requested: false,
            shown: None,
            leaves: false,
            at_work: 0,
            unsent: Vec::new(),
            answers: 0,
            changed: opened,
        };
        metrics::connections().increment(1.0);
        Arc::new(Connection { client, opened, activity: Mutex::new(activity), makes_room: Notify::new() })
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
        metrics::requests_in_flight().increment(1.0);
        let merchant = self.client.was_merchants();
        Work { connection: self.clone(), held: self.client.hold(bytes, merchant), merchant, unread: has_body }
    }

    /// An answer of so many bytes waits to be sent, to a merchant or not.
    pub fn answer(self: &Arc<Self>, bytes: usize, merchant: bool) -> Unsent {
        let mut activity = self.activity();
        activity.answers += 1;
        let number = activity.answers;
        activity.unsent.push((number, Instant::now()));
        drop(activity);
        Unsent { connection: self.clone(), number, _held: self.client.hold(bytes, merchant) }
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

    /// What it is good for, and since when, if it can be done without: what merchants have at work cannot.
    pub fn unneeded(&self) -> Option<(Use, Instant)> {
        self.activity().unneeded(self.opened)
    }

    /// Whether it is too new to be judged.
    pub fn is_new(&self) -> bool {
        let activity = self.activity();
        !activity.leaves && activity.shown.is_none() && self.opened.elapsed() < MOMENT
    }

    /// Whether a merchant's key was shown on it.
    pub fn is_merchants(&self) -> bool {
        self.activity().shown == Some(KeyKind::Secret)
    }

    /// Another connection gets its place, if it is still good for no more than that.
    pub fn make_room(&self, of: Use) {
        let mut activity = self.activity();
        activity.leaves |= activity.unneeded(self.opened).is_some_and(|(now, _)| now <= of);
        if activity.leaves {
            self.makes_room.notify_one();
        }
    }

    /// Ends when it has to make room.
    pub async fn has_to_leave(&self) {
        self.makes_room.notified().await;
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

impl Activity {
    fn unneeded(&self, opened: Instant) -> Option<(Use, Instant)> {
        // A stranger's grows no younger by what is asked on it.
        let since = if self.shown == Some(KeyKind::Secret) { self.changed } else { opened };
        if self.leaves || since.elapsed() < MOMENT {
            return None;
        }
        let of = match (self.shown, self.at_work > 0) {
            (None, true) => Use::Unknown,
            (Some(KeyKind::Publishable), true) => Use::Payer,
            (Some(KeyKind::Secret), at_work) if at_work || !self.unsent.is_empty() => return None,
            (Some(KeyKind::Secret), _) => Use::Kept,
            (_, false) => Use::Silent,
        };
        Some((of, since))
    }
}

impl Work {
    pub fn limits(&self) -> &Limits {
        self.connection.client.limits()
    }

    /// A key was shown that is good. What is held for the request counts as a merchant's from now on if the key is.
    pub fn shows(&mut self, key: KeyKind) {
        let mut activity = self.connection.activity();
        match key {
            KeyKind::Secret => activity.shown = Some(key),
            KeyKind::Publishable => _ = activity.shown.get_or_insert(key),
        }
        drop(activity);
        if key == KeyKind::Secret {
            self.connection.client.is_merchant();
            self.merchant = true;
            self.held = self.connection.client.hold(self.held.bytes(), true);
        }
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
        let nothing = self.connection.client.hold(0, self.merchant);
        std::mem::replace(&mut self.held, nothing)
    }

    /// Whether the client should send its next request elsewhere.
    pub fn should_leave(&self) -> bool {
        self.connection.client.should_leave()
    }

    /// Whether no more may be held for this client's request.
    pub fn has_too_much(&self) -> bool {
        self.connection.client.has_too_much(self.merchant)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        metrics::connections().decrement(1.0);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut activity = self.connection.activity();
        activity.at_work -= 1;
        activity.changed = Instant::now();
        metrics::requests_in_flight().decrement(1.0);
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        let mut activity = self.connection.activity();
        activity.unsent.retain(|(number, _)| *number != self.number);
        activity.changed = Instant::now();
    }
}
