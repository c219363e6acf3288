//! Where a relay sends at all: push services on a list, at addresses of the open network.
//!
//! A phone names the address that the relay is to post to. Without these two rules anybody with a phone has the
//! relay ask machines that only the relay reaches.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use https::open_network;
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
        open_network::is_open(address) || self.exceptions.contains(&address)
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

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
}
