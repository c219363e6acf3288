//! Which addresses this server calls when a gateway says that phones' wishes go there.
//!
//! A gateway may name any host. What it names is called from inside the network where this server stands, so a name
//! is resolved once, and the connection goes to an address that was judged, whatever the name means a moment later.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::schema::Subnet;
use https::open_network;
use reqwest::Url;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// Addresses of a name that are tried: more than a gateway has, and fewer than a name could make this server call.
const ADDRESSES_MAX: usize = 4;
/// The least port besides [`HTTPS`]: below are the services of a system, and a gateway's own is 4433.
const UNPRIVILEGED: u16 = 1_024;
const HTTPS: u16 = 443;
/// A person waits.
const RESOLVED_WITHIN: Duration = Duration::from_secs(4);

/// `transfer-hosts`: where this server calls gateways.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransferHosts(Vec<Rule>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Rule {
    /// `own`: the address from which the gateway told its own.
    Own,
    /// `public`: addresses of the Internet.
    Public,
    /// `private`: those of private networks (RFC 1918, RFC 4193, RFC 6598).
    Private,
    Network(Subnet),
    /// A name, in lower case; whoever gives it addresses is trusted.
    Name(Box<str>),
    /// The names below a domain, which begins with a dot.
    Below(Box<str>),
}

/// A word that is none of these.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "'{0}' is no place to call gateways at: own, public, private, an address or network such as 10.1.0.0/16, a \
     name or *.DOMAIN"
)]
pub struct UnknownHost(String);

/// An address that is not called.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NotCalled {
    #[error("port 443 or one from 1024 on is called, and no other")]
    Port,
    /// Why is not told apart: this server is asked about no name that it alone can resolve.
    #[error("it has no address that transfer-hosts in the token server's symbolon.toml allows")]
    Address,
}

/// A host and the addresses of it that may be called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Callable {
    pub(crate) host: String,
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Gateways on the Internet, and those that are where they speak from.
impl Default for TransferHosts {
    fn default() -> Self {
        Self(vec![Rule::Own, Rule::Public])
    }
}

impl TransferHosts {
    /// Reads the words of the configuration.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownHost> {
        words
            .into_iter()
            .map(Rule::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The addresses at which `url` is called, told by a gateway that spoke from `source`.
    pub(crate) async fn resolve(
        &self,
        url: &str,
        source: Option<IpAddr>,
    ) -> Result<Callable, NotCalled> {
        // As the client reads it: what looks like a name may be an address.
        let url = Url::parse(url).map_err(|_| NotCalled::Address)?;
        let host = url.host_str().ok_or(NotCalled::Address)?.to_owned();
        let port = url.port_or_known_default().ok_or(NotCalled::Port)?;
        if port != HTTPS && port < UNPRIVILEGED {
            return Err(NotCalled::Port);
        }
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
        let found = match literal {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => timeout(RESOLVED_WITHIN, lookup_host((host.as_str(), port)))
                .await
                .ok()
                .and_then(Result::ok)
                .map(Iterator::collect)
                .unwrap_or_default(),
        };
        let allowed = found
            .into_iter()
            .filter(|found| self.allows(&host, found.ip(), source));
        let addresses: Vec<SocketAddr> = allowed.take(ADDRESSES_MAX).collect();
        if addresses.is_empty() {
            return Err(NotCalled::Address);
        }
        Ok(Callable { host, addresses })
    }

    fn allows(&self, host: &str, address: IpAddr, source: Option<IpAddr>) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|rule| match rule {
            Rule::Own => source.is_some_and(|source| source.to_canonical() == address),
            Rule::Public => open_network::is_open(address),
            Rule::Private => open_network::is_private(address),
            Rule::Network(network) => network.contains(address),
            Rule::Name(name) => **name == *host,
            Rule::Below(domain) => host.ends_with(&**domain),
        })
    }
}

impl Rule {
    fn parse(word: &str) -> Result<Self, UnknownHost> {
        let lower = word.to_ascii_lowercase();
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '.'))
        };
        Ok(match lower.as_str() {
            "own" => Self::Own,
            "public" => Self::Public,
            "private" => Self::Private,
            other => match (Subnet::parse(other), other.strip_prefix('*')) {
                (Some(network), _) => Self::Network(network),
                (None, Some(domain)) if domain.starts_with('.') && is_name(domain) => {
                    Self::Below(domain.into())
                }
                (None, None) if is_name(other) => Self::Name(other.into()),
                (None, _) => return Err(UnknownHost(word.to_owned())),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn hosts(words: &[&str]) -> TransferHosts {
        TransferHosts::parse(words.iter().copied()).unwrap()
    }

    async fn called(
        hosts: &TransferHosts,
        url: &str,
        source: Option<&str>,
    ) -> Result<Vec<SocketAddr>, NotCalled> {
        let callable = hosts.resolve(url, source.map(address)).await;
        callable.map(|callable| callable.addresses)
    }

    #[tokio::test]
    async fn what_stands_inside_is_not_called_unless_it_is_the_gateway_itself() {
        let hosts = TransferHosts::default();
        for host in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::a00:1]",
            "[2002:a00:1::1]",
            "[2001::1]",
            "[2001:db8::1]",
            "[3fff::1]",
            // As a client reads them, these are 127.0.0.1 and 10.0.0.1.
            "2130706433",
            "0x7f.1",
            "10.1",
            // A name for one.
            "localhost",
        ] {
            let url = format!("https://{host}:4433");
            let refused = called(&hosts, &url, Some("203.0.113.9")).await;
            assert_eq!(refused, Err(NotCalled::Address), "{host}");
        }
        let own = called(&hosts, "https://10.1.2.3:4433", Some("::ffff:10.1.2.3")).await;
        assert_eq!(own, Ok(vec!["10.1.2.3:4433".parse().unwrap()]));
        let own = called(&hosts, "https://localhost:4433", Some("127.0.0.1")).await;
        assert_eq!(own, Ok(vec!["127.0.0.1:4433".parse().unwrap()]));
        for host in ["8.8.8.8", "[2606:4700::1111]"] {
            let url = format!("https://{host}");
            assert_eq!(called(&hosts, &url, None).await.unwrap().len(), 1);
        }
    }

    #[tokio::test]
    async fn a_port_of_another_service_is_not_called() {
        for port in [22, 25, 53, 80, 389, 636, 1_023] {
            let url = format!("https://8.8.8.8:{port}");
            let refused = called(&TransferHosts::default(), &url, None).await;
            assert_eq!(refused, Err(NotCalled::Port), "{port}");
        }
        for port in [443, 1_024, 4_433, 65_535] {
            let url = format!("https://8.8.8.8:{port}");
            assert!(called(&TransferHosts::default(), &url, None).await.is_ok());
        }
    }

    #[tokio::test]
    async fn an_administrator_says_where_else_or_where_alone() {
        let here = hosts(&["10.1.0.0/16", "gate.example.org", "*.vpn.example.org"]);
        assert!(called(&here, "https://10.1.2.3", None).await.is_ok());
        for url in ["https://10.2.0.1", "https://8.8.8.8"] {
            assert_eq!(called(&here, url, None).await, Err(NotCalled::Address));
        }
        let inside = address("10.9.9.9");
        assert!(here.allows("gate.example.org", inside, None));
        assert!(here.allows("a.vpn.example.org", inside, None));
        for other in [
            "vpn.example.org",
            "gate.example.org.evil.test",
            "evilvpn.example.org",
        ] {
            assert!(!here.allows(other, inside, None), "{other}");
        }
        let private = hosts(&["private"]);
        assert!(private.allows("x", inside, None) && private.allows("x", address("fd00::1"), None));
        for never in ["127.0.0.1", "169.254.169.254", "::1", "fe80::1", "8.8.8.8"] {
            assert!(!private.allows("x", address(never), None), "{never}");
        }
    }

    #[test]
    fn a_word_that_is_none_is_refused_and_named() {
        for word in [
            "",
            "10.0.0.0/33",
            "*",
            "*example.org",
            "https://gate.example.org",
            "a b",
        ] {
            let error = TransferHosts::parse([word]).unwrap_err();
            assert!(error.to_string().contains(&format!("'{word}'")), "{error}");
        }
    }
}
