//! Where requests come from: what limits are counted by.

use sha2::{Digest, Sha256};
use std::net::{IpAddr, Ipv6Addr};

/// Where a request comes from, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's, as it is [counted](counted_as).
    pub address: Option<IpAddr>,
    /// A digest of the API key.
    pub key: [u8; 16],
}

impl Origin {
    pub fn new(address: Option<IpAddr>, api_key: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(api_key.as_bytes()).into();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Origin { address: address.map(counted_as), key }
    }
}

/// What counts as the address of one client: of IPv6 the network, /56, for that is what a client may be given.
pub fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 72)).into(),
    }
}
