//! From where somebody logs in: what is shown of it, and what wrong logins are counted by.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What wrong logins are counted by: an IPv4 address, or the /64 of an IPv6 address, since one subscriber has a
/// whole one (RFC 6177).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Network(IpAddr);

impl Network {
    /// The network of an address.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            IpAddr::V4(v4) => v4.into(),
        })
    }

    /// Its first address.
    pub fn address(self) -> IpAddr {
        self.0
    }

    /// The network of the provider that gave it out, as far as an address tells: the /16 of an IPv4 address, or the
    /// /32 of an IPv6 address, the least that a registry allocates to a provider.
    #[must_use]
    pub fn provider(self) -> Self {
        Self(match self.0 {
            IpAddr::V4(v4) => {
                let [a, b, ..] = v4.octets();
                Ipv4Addr::new(a, b, 0, 0).into()
            }
            IpAddr::V6(v6) => {
                let [a, b, ..] = v6.segments();
                Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0).into()
            }
        })
    }
}

/// Most characters that are kept of what a client reports. An address with a port has less, and what is no
/// address is evidence alone.
const SHOWN_MAX: usize = 64;

/// From where a login comes: as text for people, and as what counters go by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoginSource {
    shown: Box<str>,
    network: Network,
}

impl LoginSource {
    /// The person's own address.
    pub fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self {
            shown: address.to_string().into(),
            network: Network::of(address),
        }
    }

    /// What a client reports of the person. Text that is no address tells people something, and counts for
    /// nothing: a hardware address is what the device says that it is, so whoever guesses would have a new one for
    /// each guess. Then the client's own address counts.
    pub fn reported(text: &str, client: IpAddr) -> Self {
        let shown = text.chars().filter(|c| !c.is_control());
        let shown: String = shown.take(SHOWN_MAX).collect();
        if shown.is_empty() {
            return Self::of(client);
        }
        Self {
            shown: shown.into(),
            network: Network::of(address_in(text).unwrap_or(client)),
        }
    }

    /// What is on record. Nothing is counted by it any more.
    pub fn recorded(shown: Box<str>) -> Self {
        let address = address_in(&shown).unwrap_or(Ipv6Addr::UNSPECIFIED.into());
        Self {
            shown,
            network: Network::of(address),
        }
    }

    /// As people read it. Nothing but the counters' [`Self::network`] is to be compared.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// What wrong logins from there are counted by.
    pub fn network(&self) -> Network {
        self.network
    }
}

impl fmt::Display for LoginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The address that a text is, if it is one: alone, or with a port as in `192.0.2.7:4500`, `[2001:db8::7]:4500`
/// or `192.0.2.7[4500]`, as `IPsec` gateways write it.
fn address_in(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if is_eui64(text) {
        return None;
    }
    let address = match text.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
        Some(("", address)) => address.parse().ok(),
        Some((address, port)) => {
            let address = address.parse().ok();
            address.filter(|_| port.parse::<u16>().is_ok())
        }
        None => {
            let address = text.parse().ok();
            address.or_else(|| text.parse::<SocketAddr>().ok().map(|it| it.ip()))
        }
    };
    address.filter(|address: &IpAddr| !address.is_unspecified())
}

/// Whether it is a hardware address of eight octets, which reads like an IPv6 address.
fn is_eui64(text: &str) -> bool {
    let mut groups = text.split(':');
    groups.clone().count() == 8 && groups.all(|group| group.len() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "198.51.100.1";

    fn network(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    #[test]
    fn one_address_is_one_network_however_it_is_written() {
        for (text, address) in [
            ("192.0.2.7", "192.0.2.7"),
            (" 192.0.2.7 ", "192.0.2.7"),
            ("192.0.2.7:4500", "192.0.2.7"),
            ("192.0.2.7[4500]", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("[::ffff:192.0.2.7]:1", "192.0.2.7"),
            ("2001:db8::7", "2001:DB8:0:0:1::"),
            ("[2001:db8::7]", "2001:db8::"),
            ("[2001:db8::7]:4500", "2001:db8::8"),
            ("2001:db8::7[4500]", "2001:db8::"),
        ] {
            let source = LoginSource::reported(text, CLIENT.parse().unwrap());
            assert_eq!(source.network(), network(address), "{text}");
            assert_eq!(source.as_str(), text);
        }
        assert_ne!(network("2001:db8::7"), network("2001:db8:0:1::7"));
        assert_ne!(network("192.0.2.7"), network("192.0.2.8"));
        let mapped = LoginSource::of("::ffff:192.0.2.7".parse().unwrap());
        assert_eq!(mapped, LoginSource::of("192.0.2.7".parse().unwrap()));
    }

    #[test]
    fn what_is_no_address_is_shown_and_counts_for_the_client() {
        for text in [
            "00-11-22-33-44-55",
            "00:11:22:33:44:55",
            "0011.2233.4455",
            "00:11:22:33:44:55:66:77",
            "+49 89 1234",
            "192.0.2.7:99999",
            "192.0.2.7[x]",
            "192.0.2.7 of alice",
            "0.0.0.0",
            "::",
        ] {
            let source = LoginSource::reported(text, CLIENT.parse().unwrap());
            assert_eq!(source.network(), network(CLIENT), "{text}");
            assert_eq!(source.as_str(), text);
        }
        for nothing in ["", "\0\n"] {
            let source = LoginSource::reported(nothing, CLIENT.parse().unwrap());
            assert_eq!(source, LoginSource::of(CLIENT.parse().unwrap()));
        }
        let long = LoginSource::reported(&"x".repeat(200), CLIENT.parse().unwrap());
        assert_eq!(long.as_str().len(), SHOWN_MAX);
    }

    #[test]
    fn what_is_on_record_is_shown_as_it_was() {
        for text in ["192.0.2.7", "00-11-22-33-44-55", ""] {
            assert_eq!(LoginSource::recorded(text.into()).as_str(), text);
        }
    }
}
