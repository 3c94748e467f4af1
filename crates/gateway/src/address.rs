//! Where a client is.

use crate::network::Network;
use http::HeaderName;
use http::request::Parts;
use std::net::{IpAddr, SocketAddr};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of the connection, which each request carries.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The client's address: the other end of the connection, or, if that is a trusted proxy, whom the proxy says that it speaks for.
/// What a client itself has put into `X-Forwarded-For` comes before that, and is not believed.
pub fn of_client(parts: &Parts, trusted: &[Network]) -> Option<IpAddr> {
    let Peer(mut client) = *parts.extensions.get::<Peer>()?;
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let headers: Vec<&str> =
        parts.headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    let mut forwarded = headers.iter().rev().flat_map(|value| value.rsplit(',')).map(str::trim);
    while is_trusted(client) {
        match forwarded.next().and_then(parsed) {
            Some(address) => client = address,
            None => break,
        }
    }
    Some(client)
}

/// Some proxies add the port.
fn parsed(address: &str) -> Option<IpAddr> {
    address.parse().ok().or_else(|| Some(address.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let mut request = http::Request::builder();
        for value in forwarded {
            request = request.header(FORWARDED_FOR, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(Peer(peer.parse().unwrap()));
        of_client(&parts, &Network::nearby()).unwrap().to_string()
    }

    #[test]
    fn a_trusted_proxy_says_where_the_client_is() {
        assert_eq!(client("203.0.113.1", &[]), "203.0.113.1");
        assert_eq!(client("203.0.113.1", &["198.51.100.7"]), "203.0.113.1", "no proxy of ours");
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("::ffff:10.0.0.1", &["192.0.2.1, 198.51.100.7 ,10.0.0.2"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["192.0.2.1", "198.51.100.7", "10.0.0.2"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["198.51.100.7:4711"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["192.0.2.1, nonsense, 10.0.0.2"]), "10.0.0.2");
    }
}
