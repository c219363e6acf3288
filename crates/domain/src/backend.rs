//! Who knows the passwords that are not kept here: directories (`config user ldap`) and other RADIUS
//! servers (`config user radius`).

mod group_filter;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use sha2::{Digest, Sha256};

use crate::client::{GroupAttribute, Secret};
use crate::schema::{LDAP, Object, RADIUS, Table, Value};
use crate::time::Span;
use crate::user::Switch;
use crate::vdom::Vdom;
pub use group_filter::{Comparison, Filter, FilterError, GroupFilter, Value as FilterValue};

/// What a backend speaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Kind {
    /// LDAP: an entry of `config user ldap`.
    Ldap,
    /// RADIUS: an entry of `config user radius`.
    Radius,
}

impl Kind {
    /// The table of its entries.
    pub fn table(self) -> &'static Table {
        match self {
            Self::Ldap => &LDAP,
            Self::Radius => &RADIUS,
        }
    }

    /// The kind whose entries are in this table.
    pub fn of_table(table: &'static Table) -> Option<Self> {
        [Self::Ldap, Self::Radius]
            .into_iter()
            .find(|kind| kind.table() == table)
    }

    /// The field of `config user local` that names an entry.
    pub fn server_field(self) -> &'static str {
        match self {
            Self::Ldap => "ldap-server",
            Self::Radius => "radius-server",
        }
    }

    /// The word after `set type`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ldap => "ldap",
            Self::Radius => "radius",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Which entry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct BackendName {
    /// What it speaks.
    pub kind: Kind,
    /// Whose entry it is.
    pub vdom: Vdom,
    /// The entry's key.
    pub name: Box<str>,
}

impl fmt::Display for BackendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} '{}'", self.kind, self.name)
    }
}

/// Everything that is configured of a backend, as a digest: what was true of another configuration is
/// not taken for true of this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Revision([u8; 32]);

impl Revision {
    fn of(object: &Object) -> Self {
        let mut digest = Sha256::new();
        let mut update = |part: &str| {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        };
        for (field, value) in object.values() {
            update(field.name);
            match value {
                Value::Sealed(enc) | Value::Foreign(enc) => update(enc),
                Value::Secret(plain) => update(plain),
                Value::Text(_) | Value::List(_) => {
                    value.texts().iter().for_each(|text| update(text));
                }
            }
        }
        Self(digest.finalize().into())
    }
}

/// A person's account at a backend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The backend that the person's record names.
    pub backend: BackendName,
    /// How it is configured; nothing if there is no such entry.
    pub revision: Option<Revision>,
    /// The name by which the backend knows the person: that of the record, whatever was typed.
    pub login: Box<str>,
}

impl Account {
    /// What tells this account from every other.
    pub(crate) fn parts(&self) -> [&[u8]; 5] {
        [
            self.backend.kind.word().as_bytes(),
            self.backend.vdom.as_str().as_bytes(),
            self.backend.name.as_bytes(),
            self.revision.as_ref().map_or(&[], |revision| &revision.0),
            self.login.as_bytes(),
        ]
    }
}

/// An entry of `config user ldap` or `config user radius`, its secrets open.
#[derive(Debug)]
pub struct Backend {
    /// Which entry.
    pub name: BackendName,
    /// How it is configured.
    pub revision: Revision,
    /// The address from which it is asked, if it matters which.
    pub source: Option<IpAddr>,
    /// How long a server that did not answer is asked after the others.
    pub status_ttl: Span,
    /// Its servers and how they are asked.
    pub protocol: Protocol,
}

/// How a backend is asked.
#[derive(Debug)]
pub enum Protocol {
    /// A directory.
    Ldap(Directory),
    /// A RADIUS server.
    Radius(Upstream),
}

/// `set server`, `set secondary-server` or `set tertiary-server`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Rank {
    /// Asked first.
    Primary,
    /// Asked when the first does not answer.
    Secondary,
    /// Asked when neither does.
    Tertiary,
}

impl Rank {
    pub(crate) const ALL: [Self; 3] = [Self::Primary, Self::Secondary, Self::Tertiary];

    /// The word in the output of tests.
    pub fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Tertiary => "tertiary",
        }
    }

    pub(crate) fn server_field(self) -> &'static str {
        match self {
            Self::Primary => "server",
            Self::Secondary => "secondary-server",
            Self::Tertiary => "tertiary-server",
        }
    }

    fn secret_field(self) -> &'static str {
        match self {
            Self::Primary => "secret",
            Self::Secondary => "secondary-secret",
            Self::Tertiary => "tertiary-secret",
        }
    }
}

/// One of a backend's servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// Which.
    pub rank: Rank,
    /// Its name or address.
    pub host: Box<str>,
}

/// A directory (RFC 4511).
#[derive(Debug)]
pub struct Directory {
    /// Its servers, in the order in which they are asked.
    pub servers: Vec<Server>,
    /// Their port.
    pub port: u16,
    /// The attribute that holds a login's name: `set cnid`.
    pub attribute: Box<str>,
    /// Below which entry people are: `set dn`.
    pub base: Box<str>,
    /// How a person's entry is found.
    pub bind: Bind,
    /// How the connection is protected.
    pub security: Security,
    /// How it tells who is in a group.
    pub membership: Membership,
    /// Whether groups within a group count as it.
    pub nesting: Nesting,
    /// Whether a password that has expired is renewed at a login: `set password-renewal`, where the connection is
    /// protected.
    pub renewal: Switch,
}

/// `set group-member-check`, and the attribute that it looks at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Membership {
    /// This attribute of a person's entry names the groups.
    OfPerson(Box<str>),
    /// `member` or `uniqueMember` of a group's entry names the person's.
    OfGroup,
    /// `memberUid` of a group's entry is the login (RFC 2307).
    OfPosixGroup,
    /// A filter finds a group's entry: `set group-filter`, whatever `set group-member-check` says.
    Found {
        /// By this filter.
        by: GroupFilter,
        /// Below which entry groups are: `set group-search-base`, else `set dn`.
        below: Box<str>,
    },
}

/// `set search-type`: who is in a group that is in a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nesting {
    /// In the inner one alone.
    Direct,
    /// In both, and so on.
    Recursive,
}

/// How a person's entry is found: `set type`.
#[derive(Debug)]
pub enum Bind {
    /// Its name is made of attribute, login and base.
    Simple,
    /// By a search as nobody.
    Anonymous,
    /// By a search as somebody.
    Regular {
        /// The name of the entry that may search.
        username: Box<str>,
        /// Its password.
        password: Secret,
    },
}

/// How a connection is protected: `set secure`.
#[derive(Debug)]
pub enum Security {
    /// Not at all.
    Disable,
    /// TLS begins within the connection (RFC 4511, 4.14).
    StartTls(Trust),
    /// TLS from the first octet.
    Ldaps(Trust),
}

/// Which servers are trusted.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Trust {
    /// Name of the file with the authority's certificate; nothing for those that the system trusts.
    pub authority: Option<Box<str>>,
    /// Whether the certificate must name the server.
    pub identity_check: Switch,
    /// The oldest version of TLS.
    pub least_version: TlsVersion,
}

/// `set ssl-min-proto-version`. Older ones are not spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// A RADIUS server that this unit asks.
#[derive(Debug)]
pub struct Upstream {
    /// Its servers, in the order in which they are asked, each with its secret.
    pub servers: Vec<(Server, Secret)>,
    /// Their port; nothing for that of `config system global`.
    pub port: Option<u16>,
    /// How long one server is asked before the next: `set timeout`.
    pub timeout: Span,
    /// What NAS-IP-Address says; nothing for the address from which it is asked.
    pub nas_ip: Option<Ipv4Addr>,
    /// What NAS-Identifier says; nothing for this unit's name.
    pub nas_id: Option<Box<str>>,
    /// How a password's characters become octets.
    pub encoding: Encoding,
    /// In what an Accept names groups.
    pub groups_in: GroupAttribute,
}

/// `set password-encoding`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// As they came.
    AsPresented,
    /// One octet each, for servers that know no UTF-8.
    Latin1,
}

impl Backend {
    /// The backend of an entry; `open` opens its secrets. `None` if one does not open, or if the entry
    /// is not of a backend's table.
    pub fn from_object(object: &Object, open: impl Fn(&str) -> Option<Secret>) -> Option<Self> {
        let kind = Kind::of_table(object.table)?;
        let protocol = match kind {
            Kind::Ldap => Protocol::Ldap(directory(object, open)?),
            Kind::Radius => Protocol::Radius(upstream(object, open)?),
        };
        Some(Self {
            name: BackendName {
                kind,
                vdom: object.vdom,
                name: object.key.clone(),
            },
            revision: Revision::of(object),
            source: object.text("source-ip").parse().ok(),
            status_ttl: seconds(object, "status-ttl"),
            protocol,
        })
    }

    /// The account that it knows by this name.
    pub fn account(&self, login: &str) -> Account {
        Account {
            backend: self.name.clone(),
            revision: Some(self.revision),
            login: login.into(),
        }
    }

    /// Whether both are entries of one directory: people are below the same entry, so each says of a person what
    /// the other would.
    pub fn is_one_directory_with(&self, other: &Self) -> bool {
        match (&self.protocol, &other.protocol) {
            (Protocol::Ldap(one), Protocol::Ldap(other)) => {
                !one.base.is_empty() && one.base.eq_ignore_ascii_case(&other.base)
            }
            _ => false,
        }
    }

    /// Its servers, in the order in which they are asked.
    pub fn servers(&self) -> Vec<&Server> {
        match &self.protocol {
            Protocol::Ldap(directory) => directory.servers.iter().collect(),
            Protocol::Radius(upstream) => {
                upstream.servers.iter().map(|(server, _)| server).collect()
            }
        }
    }
}

fn directory(object: &Object, open: impl Fn(&str) -> Option<Secret>) -> Option<Directory> {
    Some(Directory {
        servers: servers(object).collect(),
        port: u16::try_from(object.number("port")).ok()?,
        attribute: object.text("cnid").into(),
        base: object.text("dn").into(),
        bind: match object.text("type") {
            "regular" => Bind::Regular {
                username: object.text("username").into(),
                password: open("password")?,
            },
            "anonymous" => Bind::Anonymous,
            _ => Bind::Simple,
        },
        security: match object.text("secure") {
            "starttls" => Security::StartTls(trust(object)),
            "ldaps" => Security::Ldaps(trust(object)),
            _ => Security::Disable,
        },
        membership: membership(object)?,
        // A new password is shown to nobody on the way.
        renewal: if object.is_enabled("password-renewal") && object.text("secure") != "disable" {
            Switch::Enable
        } else {
            Switch::Disable
        },
        nesting: if object.list("search-type").is_empty() {
            Nesting::Direct
        } else {
            Nesting::Recursive
        },
    })
}

/// Nothing for a filter that is none, which the configuration does not let happen: nobody is in a group by it.
fn membership(object: &Object) -> Option<Membership> {
    if let Some(filter) = unless_empty(object.text("group-filter")) {
        let base = unless_empty(object.text("group-search-base"));
        return Some(Membership::Found {
            by: GroupFilter::parse(&filter).ok()?,
            below: base.unwrap_or_else(|| object.text("dn").into()),
        });
    }
    Some(match object.text("group-member-check") {
        "group-object" => Membership::OfGroup,
        "posix-group-object" => Membership::OfPosixGroup,
        _ => Membership::OfPerson(object.text("member-attr").into()),
    })
}

fn trust(object: &Object) -> Trust {
    Trust {
        authority: unless_empty(object.text("ca-cert")),
        identity_check: if object.is_enabled("server-identity-check") {
            Switch::Enable
        } else {
            Switch::Disable
        },
        least_version: match object.text("ssl-min-proto-version") {
            "TLSv1-3" => TlsVersion::Tls13,
            _ => TlsVersion::Tls12,
        },
    }
}

fn upstream(object: &Object, open: impl Fn(&str) -> Option<Secret>) -> Option<Upstream> {
    let servers = servers(object).map(|server| {
        let secret = open(server.rank.secret_field())?;
        Some((server, secret))
    });
    let address: Ipv4Addr = object.text("nas-ip").parse().ok()?;
    Some(Upstream {
        servers: servers.collect::<Option<_>>()?,
        port: u16::try_from(object.number("radius-port"))
            .ok()
            .filter(|port| *port != 0),
        timeout: seconds(object, "timeout"),
        nas_ip: Some(address).filter(|address| !address.is_unspecified()),
        nas_id: match object.text("nas-id-type") {
            "custom" => unless_empty(object.text("nas-id")),
            _ => None,
        },
        encoding: match object.text("password-encoding") {
            "ISO-8859-1" => Encoding::Latin1,
            _ => Encoding::AsPresented,
        },
        groups_in: match object.text("group-override-attr-type") {
            "filter-Id" => GroupAttribute::FilterId,
            "class" => GroupAttribute::Class,
            _ => GroupAttribute::FortinetGroupName,
        },
    })
}

fn servers(object: &Object) -> impl Iterator<Item = Server> {
    Rank::ALL.into_iter().filter_map(|rank| {
        let host = unless_empty(object.text(rank.server_field()))?;
        Some(Server { rank, host })
    })
}

fn unless_empty(text: &str) -> Option<Box<str>> {
    Some(text).filter(|text| !text.is_empty()).map(Box::from)
}

fn seconds(object: &Object, field: &str) -> Span {
    Span::from_secs(i64::try_from(object.number(field)).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(Zeroizing::new(text.as_bytes().to_vec()))
    }

    fn radius() -> Object {
        Object::new(&RADIUS, "hq")
            .with("server", Some("192.0.2.1"))
            .with_sealed("secret", Some("one".into()))
    }

    #[test]
    fn a_filter_decides_in_place_of_the_check_and_one_that_is_none_lets_nobody_in() {
        let with = |filter| {
            let object = Object::new(&LDAP, "corp")
                .with("server", Some("192.0.2.1"))
                .with("dn", Some("dc=example"))
                .with("group-member-check", Some("group-object"))
                .with("group-filter", Some(filter));
            Backend::from_object(&object, |_| None)
        };
        let Protocol::Ldap(directory) = with("(member=%u)").unwrap().protocol else {
            panic!("no directory");
        };
        let Membership::Found { by, below } = directory.membership else {
            panic!("not by the filter");
        };
        assert_eq!(by.text_of("cn=alice"), "(member=cn=alice)");
        assert_eq!(&*below, "dc=example");
        assert!(with("(member=*)").is_none());
    }

    fn backend(object: &Object) -> Backend {
        Backend::from_object(object, |field| Some(secret(field))).unwrap()
    }

    #[test]
    fn each_server_has_its_own_secret() {
        let object = radius().with("tertiary-server", Some("192.0.2.3"));
        let Protocol::Radius(upstream) = backend(&object).protocol else {
            panic!("not RADIUS")
        };
        let servers: Vec<(Rank, &[u8])> = upstream
            .servers
            .iter()
            .map(|(server, secret)| (server.rank, secret.expose()))
            .collect();
        assert_eq!(
            servers,
            [
                (Rank::Primary, &b"secret"[..]),
                (Rank::Tertiary, b"tertiary-secret")
            ]
        );
        assert!(Backend::from_object(&object, |_| None).is_none());
    }

    #[test]
    fn whatever_is_set_makes_another_revision() {
        let before = backend(&radius()).revision;
        assert_eq!(backend(&radius()).revision, before);
        for changed in [
            radius().with("server", Some("192.0.2.2")),
            radius().with("timeout", Some("9")),
            radius().with_sealed("secret", Some("two".into())),
        ] {
            assert_ne!(backend(&changed).revision, before);
        }
    }

    #[test]
    fn the_bind_is_as_configured() {
        let ldap = |kind: &str| {
            let object = Object::new(&LDAP, "corp").with("type", Some(kind));
            match backend(&object).protocol {
                Protocol::Ldap(directory) => directory.bind,
                Protocol::Radius(_) => panic!("not LDAP"),
            }
        };
        assert!(matches!(ldap("simple"), Bind::Simple));
        assert!(matches!(ldap("anonymous"), Bind::Anonymous));
        assert!(matches!(ldap("regular"), Bind::Regular { .. }));
    }
}
