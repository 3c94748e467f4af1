//! Who is connected, and what is held for them: connections and bytes, of all clients and of each address.

use crate::limits::{Limits, reached};
use crate::network::Network;
use api::origin::counted_as;
use platform::Shutdown;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The clients of a listener.
pub struct Clients {
    pub limits: Limits,
    /// Proxies: what comes from them is of many clients, so it has no share.
    trusted: Vec<Network>,
    /// When it is requested, clients are asked to go elsewhere.
    pub shutdown: Shutdown,
    held_for_merchants: AtomicUsize,
    held_for_strangers: AtomicUsize,
    addresses: Mutex<HashMap<IpAddr, Arc<Address>>>,
}

/// What one address has.
#[derive(Default)]
struct Address {
    connections: AtomicUsize,
    held_for_merchants: AtomicUsize,
    held_for_strangers: AtomicUsize,
}

impl Address {
    fn held(&self, for_merchants: bool) -> &AtomicUsize {
        if for_merchants { &self.held_for_merchants } else { &self.held_for_strangers }
    }
}

/// One connection of an address; it is given back when this is dropped.
pub struct Client {
    clients: Arc<Clients>,
    peer: IpAddr,
    is_proxy: bool,
    by: IpAddr,
    address: Arc<Address>,
    /// Whether a merchant's key was shown on the connection.
    of_merchant: AtomicBool,
}

/// Bytes that are held for a client until this is dropped.
pub struct Held {
    client: Arc<Client>,
    bytes: usize,
    for_merchant: bool,
}

impl Clients {
    pub fn new(limits: Limits, trusted: Vec<Network>, shutdown: Shutdown) -> Arc<Self> {
        Arc::new(Clients {
            limits,
            trusted,
            shutdown,
            held_for_merchants: AtomicUsize::new(0),
            held_for_strangers: AtomicUsize::new(0),
            addresses: Mutex::default(),
        })
    }

    /// `None` when the address has as many connections as it may have.
    pub fn connected(self: &Arc<Self>, from: IpAddr) -> Option<Arc<Client>> {
        let (by, is_proxy) = (counted_as(from), self.trusted.iter().any(|network| network.contains(from)));
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let address = addresses.entry(by).or_default();
        // Counted under the lock only.
        let share = self.limits.share_of(self.limits.connections_max);
        if !is_proxy && address.connections.load(Ordering::Relaxed) >= share {
            reached("connections_of_address");
            tracing::debug!("an address has too many connections");
            return None;
        }
        address.connections.fetch_add(1, Ordering::Relaxed);
        let (address, of_merchant) = (address.clone(), AtomicBool::new(false));
        Some(Arc::new(Client { clients: self.clone(), peer: from, is_proxy, by, address, of_merchant }))
    }

    fn held(&self, for_merchants: bool) -> &AtomicUsize {
        if for_merchants { &self.held_for_merchants } else { &self.held_for_strangers }
    }

    /// What strangers may have, who have shown no merchant's key: a quarter, so that they do not use up what merchants have.
    fn of_strangers(&self) -> usize {
        self.limits.held_bytes_max / 4
    }

    /// Whether more is held than may be.
    fn hold_too_much(&self, merchant: bool) -> bool {
        let [merchants, strangers] = [true, false].map(|merchants| self.held(merchants).load(Ordering::Relaxed));
        let (most, of_strangers) = (self.limits.held_bytes_max, self.of_strangers());
        if merchant {
            merchants > most - of_strangers
        } else {
            strangers > of_strangers || merchants + strangers > most
        }
    }
}

impl Client {
    /// The other end of the connection.
    pub fn peer(&self) -> IpAddr {
        self.peer
    }

    pub fn limits(&self) -> &Limits {
        &self.clients.limits
    }

    /// Whether the client should send its next request elsewhere.
    pub fn should_leave(&self) -> bool {
        self.clients.shutdown.is_requested()
    }

    /// So many bytes, for a merchant or not.
    pub fn hold(self: &Arc<Self>, bytes: usize, for_merchant: bool) -> Held {
        let mut held = Held { client: self.clone(), bytes: 0, for_merchant };
        held.more(bytes);
        held
    }

    /// From now on: a merchant's key was shown.
    pub fn is_merchant(&self) {
        self.of_merchant.store(true, Ordering::Relaxed);
    }

    /// Whether what comes is most likely a merchant's. What comes through a proxy is of many clients.
    pub fn was_merchants(&self) -> bool {
        !self.is_proxy && self.of_merchant.load(Ordering::Relaxed)
    }

    /// Whether no more may be held for this client, as a merchant or as a stranger: an address has a share of what either may have.
    pub fn has_too_much(&self, merchant: bool) -> bool {
        if self.clients.hold_too_much(merchant) {
            reached("held_bytes_max");
            return true;
        }
        let most = if merchant { self.clients.limits.held_bytes_max } else { self.clients.of_strangers() };
        let held = self.address.held(merchant).load(Ordering::Relaxed);
        if !self.is_proxy && held > self.clients.limits.share_of(most) {
            reached("held_bytes_of_address");
            return true;
        }
        false
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut addresses = self.clients.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if self.address.connections.fetch_sub(1, Ordering::Relaxed) == 1 {
            addresses.remove(&self.by);
        }
    }
}

impl Held {
    pub fn more(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.client.address.held(self.for_merchant).fetch_add(bytes, Ordering::Relaxed);
        self.client.clients.held(self.for_merchant).fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.client.address.held(self.for_merchant).fetch_sub(self.bytes, Ordering::Relaxed);
        self.client.clients.held(self.for_merchant).fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_gives_it_back() {
        let limits = Limits { connections_max: 8, held_bytes_max: 400, address_share: 0.25, ..Limits::default() };
        let clients = Clients::new(limits, vec!["198.51.100.0/24".parse().unwrap()], Shutdown::new());
        let [one, same, other] =
            ["2001:db8:0:100::1", "2001:db8:0:1ff::2", "::ffff:192.0.2.1"].map(|a| a.parse().unwrap());
        let (first, second) = (clients.connected(one).unwrap(), clients.connected(same).unwrap());
        let next_to_it = clients.connected("2001:db8:0:200::1".parse().unwrap()).unwrap();
        assert_ne!(next_to_it.by, first.by);
        drop(next_to_it);
        assert!(clients.connected(one).is_none());
        let third = clients.connected(other).unwrap();

        let proxies: Vec<_> = (0..3).map(|_| clients.connected("198.51.100.1".parse().unwrap()).unwrap()).collect();
        proxies.iter().for_each(|proxy| proxy.is_merchant());
        assert!(!proxies[0].was_merchants(), "another client's request may come next");
        let of_proxy = proxies[0].hold(101, true);
        assert!(!proxies[1].has_too_much(true), "it speaks for many");
        drop((of_proxy, proxies));

        // Strangers have a quarter in all, and an address a quarter of that.
        let some = first.hold(26, false);
        assert!(second.has_too_much(false) && !third.has_too_much(false));
        let strangers = third.hold(75, false);
        assert!(third.has_too_much(false) && !third.has_too_much(true));
        drop((some, strangers));
        assert!(!first.has_too_much(false) && !first.was_merchants());
        first.is_merchant();
        assert!(first.was_merchants());

        let mut held = first.hold(100, true);
        assert!(!second.has_too_much(true));
        held.more(1);
        assert!(second.has_too_much(true) && !third.has_too_much(true));
        let of_all = third.hold(300, true);
        assert!(third.has_too_much(true));
        drop(of_all);
        drop((held, first));
        assert!(!second.has_too_much(true));
        assert!(clients.connected(one).is_some());
        drop(second);
        assert_eq!(clients.addresses.lock().unwrap().len(), 1);
    }
}
