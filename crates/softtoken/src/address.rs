//! Where a registry is reached, and the name that a device signs.

use std::fmt;
use std::net::Ipv6Addr;

/// The name of a server as a device dials it: `host` or `host:port` in lower case; port 443 is left
/// out. A device signs it, so that a proof given to one server is worth nothing at another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerName(Box<str>);

/// The address of a registry: `https://` and a [`ServerName`], no path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerUrl(ServerName);

/// Why a text is not the address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It does not begin with `https://`.
    #[error("a server's address begins with https://")]
    Scheme,
    /// A path, a query, a user name.
    #[error("a server's address ends after host and port, such as https://tokens.example.org:8443")]
    Rest,
    /// Not a host name, an IPv4 address or an IPv6 address in brackets.
    #[error("the host is not a name and not an address")]
    Host,
    /// Not 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

const SCHEME: &str = "https://";
const DEFAULT_PORT: u16 = 443;

/// RFC 1035 section 2.3.4: a name has at most 255 octets on the wire, 253 as text.
const MAX_HOST_CHARS: usize = 253;
const MAX_LABEL_CHARS: usize = 63;

impl ServerName {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`; capitals are folded.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (host, port) = split_port(text)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => ipv6_host(rest)?,
            None => dns_host(host)?,
        };
        Ok(Self(match port {
            None | Some(DEFAULT_PORT) => host.into(),
            Some(port) => format!("{host}:{port}").into(),
        }))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ServerUrl {
    /// Reads `https://host[:port]`; one slash at the end is forgiven.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let rest = text.strip_prefix(SCHEME).ok_or(AddressError::Scheme)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@', '\\']) {
            return Err(AddressError::Rest);
        }
        ServerName::parse(authority).map(Self)
    }

    /// The name that devices sign.
    pub fn name(&self) -> &ServerName {
        &self.0
    }

    /// The address of one of the protocol's endpoints.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{self}{path}")
    }
}

impl From<ServerName> for ServerUrl {
    fn from(name: ServerName) -> Self {
        Self(name)
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), AddressError> {
    let host_len = if text.starts_with('[') {
        text.find(']').ok_or(AddressError::Host)? + 1
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let (host, rest) = text.split_at(host_len);
    match rest.strip_prefix(':') {
        Some(port) => port_number(port).map(|port| (host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(AddressError::Host),
    }
}

fn port_number(text: &str) -> Result<u16, AddressError> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|&port| is_number && port > 0);
    port.ok_or(AddressError::Port)
}

fn ipv6_host(rest: &str) -> Result<String, AddressError> {
    let address: Option<Ipv6Addr> = rest.strip_suffix(']').and_then(|text| text.parse().ok());
    address
        .map(|address| format!("[{address}]"))
        .ok_or(AddressError::Host)
}

fn dns_host(host: &str) -> Result<String, AddressError> {
    let is_label = |label: &str| {
        (1..=MAX_LABEL_CHARS).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.len() <= MAX_HOST_CHARS && host.split('.').all(is_label) {
        Ok(host.to_ascii_lowercase())
    } else {
        Err(AddressError::Host)
    }
}
