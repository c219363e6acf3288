//! Names and addresses. The names of the described system's servers lead to the token server and are
//! never resolved.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use cli::Host;
use domain::answered_names::answered;

/// How long a name may take: longer than two tries of a resolver, shorter than patience.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The future of a resolution.
pub(crate) type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Turns names into addresses.
pub(crate) trait Resolver: Debug + Send + Sync {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a>;
}

/// As this host does it: its files, its name servers.
#[derive(Debug)]
pub(crate) struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Host and port of a URL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Endpoint {
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
}

impl Endpoint {
    /// Those of a URL whose host is a name or an address.
    pub(crate) fn of(url: &str) -> Option<Self> {
        let url = reqwest::Url::parse(url).ok()?;
        let host = url.host_str()?.trim_matches(['[', ']']).into();
        let port = url.port_or_known_default()?;
        Some(Self { host, port })
    }
}

/// Where a host is.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Found {
    /// Its addresses, at least one.
    pub(crate) addresses: Vec<IpAddr>,
    /// The name for which the token server answers, and the token server.
    pub(crate) stands_for: Option<(&'static str, Endpoint)>,
}

/// Why a host has no address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotFound {
    #[error("{0}")]
    Resolver(#[from] io::Error),
    #[error("no answer within {} s", RESOLVE_TIMEOUT.as_secs())]
    TooLong,
    #[error("the name has no address")]
    NoAddress,
    #[error("no token server is configured, and the name stands for it")]
    NoTokenServer,
    #[error("the token server is configured under a name that stands for it")]
    Circular,
}

impl NotFound {
    /// What to do about it.
    pub(crate) fn next_step(&self) -> &'static str {
        match self {
            Self::Resolver(_) | Self::TooLong | Self::NoAddress => {
                "check the name, and the name servers: show system dns"
            }
            Self::NoTokenServer | Self::Circular => {
                "give the address of the token server in 'symbolon.toml'"
            }
        }
    }
}

/// The hosts that an administrator can name.
#[derive(Debug)]
pub(crate) struct Hosts {
    resolver: Box<dyn Resolver>,
    token_server: Option<Endpoint>,
}

impl Hosts {
    pub(crate) fn new(resolver: impl Resolver + 'static, token_server: Option<Endpoint>) -> Self {
        Self {
            resolver: Box::new(resolver),
            token_server,
        }
    }

    /// Where a host is, or the token server that answers for it.
    pub(crate) async fn find(&self, host: &Host) -> Result<Found, NotFound> {
        let Some(name) = answered(host.as_str()) else {
            let addresses = self.addresses(host.as_str()).await?;
            let stands_for = None;
            return Ok(Found {
                addresses,
                stands_for,
            });
        };
        let server = self.token_server.as_ref().ok_or(NotFound::NoTokenServer)?;
        Ok(Found {
            addresses: self.addresses(&server.host).await?,
            stands_for: Some((name, server.clone())),
        })
    }

    /// Where the server of a URL is.
    pub(crate) async fn server(&self, url: &str) -> Result<Vec<IpAddr>, NotFound> {
        let server = Endpoint::of(url).ok_or(NotFound::NoTokenServer)?;
        self.addresses(&server.host).await
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NotFound> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        if answered(host).is_some() {
            return Err(NotFound::Circular);
        }
        let resolving = tokio::time::timeout(RESOLVE_TIMEOUT, self.resolver.resolve(host));
        let addresses = resolving.await.map_err(|_| NotFound::TooLong)??;
        if addresses.is_empty() {
            return Err(NotFound::NoAddress);
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use domain::answered_names::NAMES;

    use super::*;

    /// Resolves everything to one address and remembers what it was asked.
    #[derive(Clone, Debug, Default)]
    struct Recording(Arc<Mutex<Vec<String>>>);

    impl Resolver for Recording {
        fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
            self.0.lock().unwrap().push(name.to_owned());
            Box::pin(async { Ok(vec![IpAddr::from([192, 0, 2, 1])]) })
        }
    }

    fn hosts(url: &str) -> (Recording, Hosts) {
        let recording = Recording::default();
        let hosts = Hosts::new(recording.clone(), Endpoint::of(url));
        (recording, hosts)
    }

    #[tokio::test]
    async fn names_that_the_token_server_answers_for_are_never_resolved() {
        let (asked, hosts) = hosts("https://tokens.example.org:8443");
        for name in NAMES {
            for written in [name.to_owned(), name.to_uppercase(), format!("{name}.")] {
                let found = hosts.find(&Host::parse(&written).unwrap()).await.unwrap();
                let (stands_for, server) = found.stands_for.unwrap();
                assert_eq!(
                    (stands_for, &*server.host, server.port),
                    (name, "tokens.example.org", 8443)
                );
            }
        }
        let asked = asked.0.lock().unwrap();
        assert_eq!(asked.len(), 9);
        assert!(
            asked.iter().all(|name| name == "tokens.example.org"),
            "{asked:?}"
        );
    }

    #[tokio::test]
    async fn a_token_server_under_such_a_name_is_not_resolved_either() {
        let (asked, hosts) = hosts(&format!("https://{}", NAMES[0].to_uppercase()));
        let refused = hosts.find(&Host::parse(NAMES[1]).unwrap()).await;
        assert!(matches!(refused, Err(NotFound::Circular)), "{refused:?}");
        assert!(asked.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn addresses_need_no_resolver_and_other_names_do() {
        let (asked, hosts) = hosts("https://[::1]:8443");
        for (host, address) in [
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            (NAMES[2], "::1"),
        ] {
            let found = hosts.find(&Host::parse(host).unwrap()).await.unwrap();
            assert_eq!(found.addresses, [address.parse::<IpAddr>().unwrap()]);
        }
        assert!(asked.0.lock().unwrap().is_empty());
        hosts
            .find(&Host::parse("www.example.org").unwrap())
            .await
            .unwrap();
        assert_eq!(*asked.0.lock().unwrap(), ["www.example.org"]);
    }
}
