//! Names by the servers of `config system dns`; without any, as the host resolves them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use domain::answered_names::answered;
use domain::schema::{DNS, Object, Place};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use reqwest::dns::{Addrs, Resolve};
use store::gateway::GatewayStore;
use tokio::sync::Mutex;

use super::hosts::{Resolver, Resolving, SystemResolver};
use super::reason;

/// Resolves as the unit is configured at that moment.
#[derive(Debug)]
pub(crate) struct UnitResolver {
    store: Arc<GatewayStore>,
    built: Mutex<Option<Built>>,
}

/// A resolver with the configuration that it was built from; it remembers answers.
#[derive(Debug)]
struct Built {
    from: DnsConfig,
    resolver: TokioResolver,
}

/// `config system dns`, as far as it is in force.
#[derive(Clone, PartialEq, Eq, Debug)]
struct DnsConfig {
    servers: Vec<IpAddr>,
    search: Vec<Box<str>>,
    timeout: Duration,
    attempts: usize,
}

impl DnsConfig {
    fn of(dns: &Object) -> Self {
        let servers = ["primary", "secondary", "ip6-primary", "ip6-secondary"];
        let servers = servers
            .iter()
            .filter_map(|field| dns.text(field).parse().ok());
        Self {
            servers: servers
                .filter(|server: &IpAddr| !server.is_unspecified())
                .collect(),
            search: dns.list("domain"),
            timeout: Duration::from_secs(dns.number("timeout")),
            attempts: usize::try_from(dns.number("retry")).unwrap_or(0),
        }
    }

    fn build(&self) -> io::Result<TokioResolver> {
        let servers = self
            .servers
            .iter()
            .copied()
            .map(NameServerConfig::udp_and_tcp);
        let search = self
            .search
            .iter()
            .filter_map(|name| Name::from_utf8(name).ok());
        let config = ResolverConfig::from_parts(None, search.collect(), servers.collect());
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        let options: &mut ResolverOpts = builder.options_mut();
        options.timeout = self.timeout;
        options.attempts = self.attempts;
        // Some servers refuse to say that a name has no IPv6 address.
        options.ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
        builder.build().map_err(io::Error::other)
    }
}

impl UnitResolver {
    pub(crate) fn new(store: Arc<GatewayStore>) -> Self {
        Self {
            store,
            built: Mutex::default(),
        }
    }

    /// Addresses of a name, or an address as it is. A name that stands for the token server is nobody
    /// else's and is never resolved.
    pub(crate) async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        if let Ok(address) = name.parse() {
            return Ok(vec![address]);
        }
        if let Some(name) = answered(name) {
            let why = format!("{name} stands for the token server here and is never resolved");
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let dns = self
            .store
            .object(Place::of_unit(&DNS))
            .await
            .map_err(io::Error::other)?;
        let dns = dns.unwrap_or_else(|| Object::new(&DNS, ""));
        let config = DnsConfig::of(&dns);
        if config.servers.is_empty() {
            return SystemResolver.resolve(name).await;
        }
        let resolver = self.resolver(config).await?;
        let found = resolver.lookup_ip(name).await;
        let found = found.map_err(|error| io::Error::other(told(&error)))?;
        Ok(found.iter().collect())
    }

    async fn resolver(&self, config: DnsConfig) -> io::Result<TokioResolver> {
        let mut built = self.built.lock().await;
        if let Some(built) = built.as_ref().filter(|built| built.from == config) {
            return Ok(built.resolver.clone());
        }
        let resolver = config.build()?;
        *built = Some(Built {
            from: config,
            resolver: resolver.clone(),
        });
        Ok(resolver)
    }
}

impl Resolver for Arc<UnitResolver> {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(self.addresses(name))
    }
}

/// The same for connections that `reqwest` makes.
#[derive(Clone, Debug)]
pub(crate) struct HttpNames(pub(crate) Arc<UnitResolver>);

impl Resolve for HttpNames {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let resolver = Arc::clone(&self.0);
        Box::pin(async move {
            let found = resolver.addresses(name.as_str()).await?;
            // The port is the connection's.
            let addresses = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// What a name server did, in plain words.
fn told(error: &NetError) -> String {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => "the name servers know no such name".to_owned(),
            ResponseCode::NoError => "the name has no address".to_owned(),
            code => refused(code),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => refused(*code),
        NetError::Timeout | NetError::NoConnections => "no name server answers".to_owned(),
        NetError::Io(error) => format!("no name server is reached: {}", reason(error)),
        _ => "the name servers give no answer that means anything".to_owned(),
    }
}

fn refused(code: ResponseCode) -> String {
    format!("the name servers do not answer this question ({code})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_are_not_set_are_not_asked() {
        let config = DnsConfig::of(&Object::new(&DNS, ""));
        assert_eq!(config.servers, [] as [IpAddr; 0]);
        let dns = Object::new(&DNS, "")
            .with("secondary", Some("192.0.2.53"))
            .with("ip6-primary", Some("2001:db8::53"))
            .with("timeout", Some("3"));
        let config = DnsConfig::of(&dns);
        let expected: [IpAddr; 2] = [
            "192.0.2.53".parse().unwrap(),
            "2001:db8::53".parse().unwrap(),
        ];
        assert_eq!(config.servers, expected);
        assert_eq!(config.timeout, Duration::from_secs(3));
    }

    #[test]
    fn what_name_servers_do_is_told_in_words() {
        for (error, words) in [
            (NetError::Timeout, "no name server answers"),
            (
                NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)),
                "do not answer this question",
            ),
            (NetError::Busy, "no answer that means anything"),
        ] {
            let told = told(&error);
            assert!(told.contains(words), "{told}");
        }
    }
}
