//! Where a relay sends at all: push services on a list, at addresses of the open network.
//!
//! A phone names the address that the relay is to post to. Without these two rules anybody with a phone has the
//! relay ask machines that only the relay reaches.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use softtoken::address::{AddressError, ServerName};
use softtoken::push::Endpoint;

/// The push services of the browsers in use.
pub const PUBLIC_SERVICES: [&str; 4] = [
    "fcm.googleapis.com",
    "push.apple.com",
    "push.services.mozilla.com",
    "notify.windows.com",
];

/// A push service: its server, or a domain below which its servers are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PushService(ServerName);

impl PushService {
    /// Reads `host` or `host:port`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        ServerName::parse(text).map(Self)
    }

    fn has(&self, server: &ServerName) -> bool {
        let (server, name) = (server.as_str(), self.0.as_str());
        let above = server.strip_suffix(name);
        above.is_some_and(|it| it.is_empty() || it.ends_with('.'))
    }
}

/// What may be reached.
#[derive(Clone, Debug)]
pub(super) struct Services {
    listed: Vec<PushService>,
    addresses: Addresses,
}

/// Addresses of the open network, and exceptions from that.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    exceptions: Arc<[IpAddr]>,
}

/// No address of a name is one that a relay connects to.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no address but of private networks; 'private-addresses' lists exceptions")]
struct Private(String);

impl Services {
    pub(super) fn new(listed: Vec<PushService>, exceptions: &[IpAddr]) -> Self {
        Self {
            listed,
            addresses: Addresses {
                exceptions: exceptions.into(),
            },
        }
    }

    pub(super) fn len(&self) -> usize {
        self.listed.len()
    }

    /// The place on the list of the service that an endpoint belongs to.
    pub(super) fn place_of(&self, endpoint: &Endpoint) -> Option<usize> {
        let server = endpoint.server();
        let url = reqwest::Url::parse(endpoint.as_str()).ok()?;
        let host = url.host_str()?;
        let dialled = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        // Were an address read in two ways, the list would be asked of one server and another dialled.
        if dialled != server.as_str() {
            return None;
        }
        // What is written as an address is connected to without being looked up.
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
        if literal.is_ok_and(|address| !self.addresses.may_be_asked(address)) {
            return None;
        }
        self.listed.iter().position(|service| service.has(server))
    }

    pub(super) fn addresses(&self) -> Addresses {
        self.addresses.clone()
    }
}

impl Addresses {
    fn may_be_asked(&self, address: IpAddr) -> bool {
        is_open(address) || self.exceptions.contains(&address)
    }
}

/// Looks up once; connected is to what was found, so no second answer counts.
impl Resolve for Addresses {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let mut found: Vec<SocketAddr> = found.collect();
            found.retain(|it| addresses.may_be_asked(it.ip()));
            if found.is_empty() {
                return Err(Private(name.as_str().to_owned()).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the open network: none of IANA's special-purpose registries (RFC 6890).
fn is_open(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_open_v4(v4),
        IpAddr::V6(v6) => is_open_v6(v6),
    }
}

fn is_open_v4(address: Ipv4Addr) -> bool {
    const SPECIAL: [(Ipv4Addr, u32); 15] = [
        (Ipv4Addr::UNSPECIFIED, 8),
        (Ipv4Addr::new(10, 0, 0, 0), 8),
        (Ipv4Addr::new(100, 64, 0, 0), 10),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
        (Ipv4Addr::new(169, 254, 0, 0), 16),
        (Ipv4Addr::new(172, 16, 0, 0), 12),
        (Ipv4Addr::new(192, 0, 0, 0), 24),
        (Ipv4Addr::new(192, 0, 2, 0), 24),
        (Ipv4Addr::new(192, 88, 99, 0), 24),
        (Ipv4Addr::new(192, 168, 0, 0), 16),
        (Ipv4Addr::new(198, 18, 0, 0), 15),
        (Ipv4Addr::new(198, 51, 100, 0), 24),
        (Ipv4Addr::new(203, 0, 113, 0), 24),
        (Ipv4Addr::new(224, 0, 0, 0), 4),
        (Ipv4Addr::new(240, 0, 0, 0), 4),
    ];
    let is_in = |(network, prefix): (Ipv4Addr, u32)| {
        (address.to_bits() ^ network.to_bits()) >> (u32::BITS - prefix) == 0
    };
    !SPECIAL.into_iter().any(is_in)
}

fn is_open_v6(address: Ipv6Addr) -> bool {
    /// Where IPv6 networks reach IPv4 by a translator (RFC 6052).
    const TRANSLATED: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
    /// All that is assigned to networks.
    const UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
    /// In it: protocols, documentation, and 6to4, which has IPv4 inside.
    const SPECIAL: [(Ipv6Addr, u32); 4] = [
        (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
        (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
        (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
        (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    ];
    let is_in = |(network, prefix): (Ipv6Addr, u32)| {
        (address.to_bits() ^ network.to_bits()) >> (u128::BITS - prefix) == 0
    };
    if is_in(TRANSLATED) {
        let [.., a, b, c, d] = address.octets();
        return is_open_v4(Ipv4Addr::new(a, b, c, d));
    }
    is_in(UNICAST) && !SPECIAL.into_iter().any(is_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services(exceptions: &[IpAddr]) -> Services {
        let listed = ["push.example.net", "127.0.0.1:4433", "10.0.0.1", "[::1]"];
        let listed = listed.map(|it| PushService::parse(it).unwrap());
        Services::new(listed.into(), exceptions)
    }

    fn place(exceptions: &[IpAddr], endpoint: &str) -> Option<usize> {
        services(exceptions).place_of(&Endpoint::parse(endpoint).unwrap())
    }

    #[test]
    fn a_service_has_its_servers_and_no_others() {
        for (endpoint, expected) in [
            ("https://push.example.net/1", Some(0)),
            ("https://eu.PUSH.example.net/1", Some(0)),
            ("https://push.example.net:443/1", Some(0)),
            ("https://push.example.net:8443/1", None),
            ("https://evilpush.example.net/1", None),
            ("https://push.example.net.evil.org/1", None),
            ("https://example.net/push.example.net", None),
        ] {
            assert_eq!(place(&[], endpoint), expected, "{endpoint}");
        }
        for none in [
            "http://push.example.net/1",
            "https://push.example.net@evil.org/1",
            "https://evil.org\\.push.example.net/1",
            "https://evil.org#.push.example.net/1",
            "https://evil.org?.push.example.net/1",
            "https://push.example.net/ 1",
            "https://push.example.net/\r\nHost: evil.org",
        ] {
            assert!(Endpoint::parse(none).is_err(), "{none}");
        }
        assert!(Endpoint::parse(&format!("https://push.example.net/{}", "a".repeat(512))).is_err());
    }

    #[test]
    fn what_is_written_as_a_private_address_is_no_service_even_if_it_is_on_the_list() {
        let local = "https://127.0.0.1:4433/1";
        assert_eq!(place(&[], local), None);
        assert_eq!(place(&[Ipv4Addr::LOCALHOST.into()], local), Some(1));
        for endpoint in [
            "https://10.0.0.1/1",
            "https://10.1/1",
            "https://0xa.1/1",
            "https://[::1]/1",
        ] {
            let none = Endpoint::parse(endpoint).ok();
            let none = none.and_then(|it| services(&[]).place_of(&it));
            assert_eq!(none, None, "{endpoint}");
        }
    }

    #[test]
    fn an_address_that_can_be_read_in_two_ways_is_none() {
        let listed = [
            "127.1:4433",
            "0x7f000001:4433",
            "2130706433:4433",
            "127.0.0.1:4433",
        ];
        let listed: Vec<_> = listed.map(|it| PushService::parse(it).unwrap()).into();
        let services = Services::new(listed, &[Ipv4Addr::LOCALHOST.into()]);
        for (host, expected) in [
            ("127.1", None),
            ("0x7f000001", None),
            ("2130706433", None),
            ("127.0.0.1", Some(3)),
        ] {
            let endpoint = Endpoint::parse(&format!("https://{host}:4433/1")).unwrap();
            assert_eq!(services.place_of(&endpoint), expected, "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_of_a_private_address_is_not_connected_to() {
        let resolved = |exceptions: &[IpAddr]| {
            let addresses = services(exceptions).addresses();
            addresses.resolve("localhost".parse().unwrap())
        };
        let why = resolved(&[]).await.err().unwrap().to_string();
        assert!(
            why.contains("localhost has no address but of private networks"),
            "{why}"
        );
        let both = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        assert!(resolved(&both).await.is_ok());
    }

    #[test]
    fn special_addresses_are_none_of_the_open_network() {
        for closed in [
            "0.0.0.0",
            "10.255.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.1.1",
            "198.19.0.1",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::a00:1",
            "64:ff9b::7f00:1",
            "fc00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2001::1",
            "3fff::1",
        ] {
            assert!(!is_open(closed.parse().unwrap()), "{closed}");
        }
        for open in [
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "2001:4860::1",
            "2a00::1",
            "64:ff9b::808:808",
        ] {
            assert!(is_open(open.parse().unwrap()), "{open}");
        }
    }
}
