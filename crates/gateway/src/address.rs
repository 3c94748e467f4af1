//! Where a client is.

use crate::network::Network;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::net::{IpAddr, SocketAddr};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address: the `peer` at the other end of the connection, or, if that is a trusted proxy, whom the proxy says that it speaks for.
/// What a client itself has put into `X-Forwarded-For` comes before that, and is not believed.
pub fn of_client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let mut client = peer;
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    // From the right, for that is what the nearest proxy has appended. What stands before it may be any bytes.
    let values: Vec<&[u8]> = headers.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect();
    let mut forwarded = values.iter().rev().flat_map(|value| value.rsplit(|byte| *byte == b','));
    while is_trusted(client) {
        match forwarded.next().and_then(parsed) {
            Some(address) => client = address,
            None => break,
        }
    }
    client
}

/// Some proxies add the port.
fn parsed(address: &[u8]) -> Option<IpAddr> {
    let address = str::from_utf8(address).ok()?.trim();
    address.parse().ok().or_else(|| Some(address.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        client_of(peer, &forwarded.iter().map(|value| value.as_bytes()).collect::<Vec<_>>())
    }

    fn client_of(peer: &str, forwarded: &[&[u8]]) -> String {
        let trusted = ["127.0.0.0/8", "10.0.0.0/8"].map(|network| network.parse().unwrap());
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(value).unwrap());
        }
        of_client(peer.parse().unwrap(), &headers, &trusted).to_string()
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
        assert_eq!(client_of("10.0.0.1", &[b"\xff, 198.51.100.7"]), "198.51.100.7", "a client cannot hide it");
        assert_eq!(client_of("10.0.0.1", &[b"192.0.2.1, \xff"]), "10.0.0.1");
    }
}
