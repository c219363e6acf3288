//! Which servers are asked for tokens, and through what: `config system central-management` and
//! `config system fortiguard`.

use std::net::Ipv6Addr;
use std::sync::Arc;

use domain::client::Secret;
use domain::schema::{CENTRAL_MANAGEMENT, FORTIGUARD, Object, Place, SERVER_LIST};
use domain::unit::ServerRole::{self, Direct, Manager};
use reqwest::Proxy;
use store::Undecided;
use store::gateway::GatewayStore;

/// The way to the token servers.
#[derive(Debug)]
pub(crate) struct Route {
    /// In the order in which they are asked.
    pub(crate) servers: Vec<Server>,
    pub(crate) proxy: Option<Arc<ProxyServer>>,
    /// The file of the managers' authority; none if it is the token server's.
    pub(crate) managers_ca: Option<Box<str>>,
}

/// A server that is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Server {
    /// Its base URL.
    pub(crate) url: Box<str>,
    pub(crate) role: ServerRole,
}

/// `set proxy-server-ip` and what belongs to it.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct ProxyServer {
    url: String,
    username: String,
    password: PasswordText,
}

/// Wiped and never shown.
#[derive(PartialEq, Eq)]
struct PasswordText(zeroize::Zeroizing<String>);

impl std::fmt::Debug for PasswordText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<sealed>")
    }
}

impl Route {
    /// The way as it is configured now. `installed` is the token server of the installation.
    pub(crate) async fn configured(
        store: &GatewayStore,
        installed: &str,
    ) -> Result<Self, Undecided> {
        let central = store.object(Place::of_unit(&CENTRAL_MANAGEMENT)).await?;
        let central = central.unwrap_or_else(|| Object::new(&CENTRAL_MANAGEMENT, ""));
        let fortiguard = store.object(Place::of_unit(&FORTIGUARD)).await?;
        let proxy = fortiguard.and_then(|fortiguard| {
            let password = store.open_secret(&fortiguard, "proxy-password");
            ProxyServer::of(&fortiguard, password.as_ref())
        });
        let ca = central.text("ca-cert");
        Ok(Self {
            servers: servers(&central, installed),
            proxy: proxy.map(Arc::new),
            managers_ca: (!ca.is_empty()).then(|| ca.into()),
        })
    }
}

/// A manager's servers come first, then the installation's unless it is excluded.
fn servers(central: &Object, installed: &str) -> Vec<Server> {
    let is_managed = central.text("type") == "fortimanager";
    let port = central.text("fmg-update-port");
    let managers = central.list("fmg").into_iter();
    let managers = managers.map(|host| url_of(&host, port));
    let listed = central.children(&SERVER_LIST);
    let listed = listed.filter_map(|server| url(server, port));
    let named = managers.chain(listed).filter(|_| is_managed);
    let mut servers: Vec<Server> = named.map(|url| Server::new(&url, Manager)).collect();
    if !is_managed || central.is_enabled("include-default-servers") {
        servers.push(Server::new(installed, Direct));
    }
    servers
}

impl Server {
    fn new(url: &str, role: ServerRole) -> Self {
        Self {
            url: url.into(),
            role,
        }
    }
}

fn url(server: &Object, port: &str) -> Option<String> {
    let updates = server
        .list("server-type")
        .iter()
        .any(|kind| **kind == *"update");
    let host = match server.text("addr-type") {
        "fqdn" => server.text("fqdn"),
        "ipv6" => server.text("server-address6"),
        _ => server.text("server-address"),
    };
    let is_set = !matches!(host, "" | "0.0.0.0" | "::");
    (updates && is_set).then(|| url_of(host, port))
}

/// An IPv6 address stands in brackets (RFC 3986, 3.2.2).
fn url_of(host: &str, port: &str) -> String {
    match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("https://[{address}]:{port}"),
        Err(_) => format!("https://{host}:{port}"),
    }
}

impl ProxyServer {
    fn of(fortiguard: &Object, password: Option<&Secret>) -> Option<Self> {
        let (host, port) = (
            fortiguard.text("proxy-server-ip"),
            fortiguard.number("proxy-server-port"),
        );
        let password = password.map(|secret| String::from_utf8_lossy(secret.expose()).into_owned());
        (!host.is_empty() && port > 0).then(|| Self {
            url: format!("http://{host}:{port}"),
            username: fortiguard.text("proxy-username").to_owned(),
            password: PasswordText(password.unwrap_or_default().into()),
        })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// For connections of `reqwest`.
    pub(crate) fn build(&self) -> Result<Proxy, reqwest::Error> {
        let proxy = Proxy::https(&self.url)?;
        if self.username.is_empty() {
            return Ok(proxy);
        }
        Ok(proxy.basic_auth(&self.username, &self.password.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTALLED: &str = "https://tokens.example.org:8443";

    fn urls(central: &Object) -> Vec<String> {
        let servers = servers(central, INSTALLED).into_iter();
        servers.map(|server| server.url.into_string()).collect()
    }

    fn server(id: &str, kind: &str, addr_type: &str, field: &str, address: &str) -> Object {
        let kinds = SERVER_LIST.field("server-type").unwrap();
        let mut server = Object::new(&SERVER_LIST, id)
            .with("addr-type", Some(addr_type))
            .with(field, Some(address));
        server.set(kinds, kinds.parse(&[kind.to_owned()]).unwrap());
        server
    }

    fn central(fields: &[(&str, &str)]) -> Object {
        let mut central = Object::new(&CENTRAL_MANAGEMENT, "");
        for (field, value) in fields {
            central = central.with(field, Some(value));
        }
        central.set_children(
            &SERVER_LIST,
            vec![
                server("1", "update", "ipv4", "server-address", "192.0.2.9"),
                server("2", "rating", "ipv4", "server-address", "192.0.2.10"),
                server("3", "update", "fqdn", "fqdn", "manager.example.org"),
                server("4", "update", "ipv6", "server-address6", "2001:db8::9"),
            ],
        );
        central
    }

    #[test]
    fn a_list_counts_once_a_manager_provides_the_tokens() {
        assert_eq!(urls(&central(&[])), [INSTALLED]);
        assert_eq!(
            urls(&central(&[("type", "fortimanager")])),
            [
                "https://192.0.2.9:8890",
                "https://manager.example.org:8890",
                "https://[2001:db8::9]:8890",
                INSTALLED
            ]
        );
    }

    #[test]
    fn managers_come_before_the_list() {
        let with = |kind: &str| {
            let fmg = CENTRAL_MANAGEMENT.field("fmg").unwrap();
            let hosts = ["manager-1.example.org", "2001:db8::7"].map(str::to_owned);
            let mut central = central(&[("type", kind)]);
            central.set(fmg, fmg.parse(&hosts).unwrap());
            urls(&central)
        };
        let urls = with("fortimanager");
        assert_eq!(
            urls[..3],
            [
                "https://manager-1.example.org:8890",
                "https://[2001:db8::7]:8890",
                "https://192.0.2.9:8890"
            ]
        );
        assert_eq!(with("fortiguard"), [INSTALLED]);
    }

    #[test]
    fn the_installations_server_can_be_excluded() {
        let fields = [
            ("type", "fortimanager"),
            ("include-default-servers", "disable"),
            ("fmg-update-port", "443"),
        ];
        let urls = urls(&central(&fields));
        assert_eq!(urls.len(), 3);
        assert_eq!(urls[0], "https://192.0.2.9:443");
    }

    #[test]
    fn a_proxy_needs_host_and_port() {
        let set = |fields: &[(&str, &str)]| {
            let object = Object::new(&FORTIGUARD, "");
            fields.iter().fold(object, |object, (field, value)| {
                object.with(field, Some(value))
            })
        };
        assert_eq!(
            ProxyServer::of(&set(&[("proxy-server-ip", "192.0.2.8")]), None),
            None
        );
        let both = set(&[
            ("proxy-server-ip", "192.0.2.8"),
            ("proxy-server-port", "3128"),
        ]);
        let proxy = ProxyServer::of(&both, None).unwrap();
        assert_eq!(proxy.url, "http://192.0.2.8:3128");
        assert!(proxy.build().is_ok());
    }
}
