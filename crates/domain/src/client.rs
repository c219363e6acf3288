//! Who may ask for a login: `config user radius-client`.

use std::net::IpAddr;

use zeroize::Zeroizing;

use crate::login::CodePosition;
use crate::schema::{Object, Subnet};
use crate::security::Profile;
use crate::vdom::Vdom;

/// What events call VPN clients that log in over HTTPS. No RADIUS client has this name: what is configured
/// for that one would hold for them.
pub const LOGINCHECK: &str = "logincheck";

/// `set require-message-authenticator`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Requirement {
    /// An address that has sent a valid one must go on doing so.
    #[default]
    Auto,
    /// Always.
    Enable,
    /// Never.
    Disable,
}

impl Requirement {
    /// What is demanded under a security profile.
    #[must_use]
    pub fn under(self, profile: Profile) -> Self {
        match profile {
            Profile::Compatible => self,
            Profile::Strict => Self::Enable,
        }
    }
}

/// How a client has a password checked (`set auth-methods`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// The password itself.
    Pap,
    /// RFC 1994.
    Chap,
    /// RFC 2759.
    MsChapV2,
    /// EAP-TTLS with PAP.
    TtlsPap,
    /// EAP-TTLS with EAP-GTC.
    TtlsGtc,
    /// EAP-TTLS with MS-CHAPv2.
    TtlsMsChapV2,
    /// PEAP with EAP-GTC.
    PeapGtc,
    /// PEAP with EAP-MSCHAPv2.
    PeapMsChapV2,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 8] = [
        Self::Pap,
        Self::Chap,
        Self::MsChapV2,
        Self::TtlsPap,
        Self::TtlsGtc,
        Self::TtlsMsChapV2,
        Self::PeapGtc,
        Self::PeapMsChapV2,
    ];

    /// The word after `set auth-methods`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pap => "pap",
            Self::Chap => "chap",
            Self::MsChapV2 => "mschapv2",
            Self::TtlsPap => "ttls-pap",
            Self::TtlsGtc => "ttls-gtc",
            Self::TtlsMsChapV2 => "ttls-mschapv2",
            Self::PeapGtc => "peap-gtc",
            Self::PeapMsChapV2 => "peap-mschapv2",
        }
    }
}

/// `set code-position` and `set code-separator`.
pub(crate) fn position(object: &Object) -> CodePosition {
    let separator = object.text("code-separator").chars().next();
    match (object.text("code-position"), separator) {
        ("after-password", _) => CodePosition::AfterPassword,
        ("before-password", _) => CodePosition::BeforePassword,
        ("separator", Some(separator)) => CodePosition::Separator(separator),
        ("code-only", _) => CodePosition::CodeOnly,
        _ => CodePosition::Challenge,
    }
}

/// By what a client asks (`set transport`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// RFC 2865.
    Udp,
    /// RFC 6613.
    Tcp,
    /// RFC 6614.
    Tls,
}

impl Transport {
    const ALL: [Self; 3] = [Self::Udp, Self::Tcp, Self::Tls];

    /// The word after `set transport`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    fn of(object: &Object) -> Box<[Self]> {
        let words = object.list("transport");
        let is_set = |transport: &Self| words.iter().any(|word| **word == *transport.word());
        Self::ALL.into_iter().filter(is_set).collect()
    }
}

/// The methods that a client may use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Methods(Box<[Method]>);

impl Methods {
    fn of(object: &Object) -> Self {
        let words = object.list("auth-methods");
        let allowed = Method::ALL
            .into_iter()
            .filter(|method| words.iter().any(|word| **word == *method.word()));
        Self(allowed.collect())
    }

    /// Whether this is one of them.
    pub fn allow(&self, method: Method) -> bool {
        self.0.contains(&method)
    }
}

/// In what a client is told the groups of a user (`set group-attributes`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupAttribute {
    /// The described system's own.
    FortinetGroupName,
    /// By which many clients choose a filter or a role.
    FilterId,
    /// Which clients send back in their accounting, and some choose a policy by.
    Class,
}

impl GroupAttribute {
    const ALL: [Self; 3] = [Self::FortinetGroupName, Self::FilterId, Self::Class];

    /// The word after `set group-attributes`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::FortinetGroupName => "fortinet-group-name",
            Self::FilterId => "filter-id",
            Self::Class => "class",
        }
    }

    fn of(object: &Object) -> Box<[Self]> {
        let words = object.list("group-attributes");
        let is_set = |attribute: &Self| words.iter().any(|word| **word == *attribute.word());
        Self::ALL.into_iter().filter(is_set).collect()
    }
}

/// A client as the login path needs it, its secret open.
#[derive(Debug)]
pub struct Client {
    /// The virtual domain whose users it lets in.
    pub vdom: Vdom,
    /// Name of its entry.
    pub name: Box<str>,
    /// Where it asks from.
    pub subnet: Subnet,
    /// The shared secret.
    pub secret: Secret,
    /// By what it asks.
    pub transports: Box<[Transport]>,
    /// The name in its certificate, in small letters; by TLS nobody asks without one.
    pub certificate_name: Box<str>,
    /// Whether its requests must carry a Message-Authenticator.
    pub requirement: Requirement,
    /// How it combines password and code.
    pub position: CodePosition,
    /// The methods that it may use.
    pub methods: Methods,
    /// In what it is told the groups of a user.
    pub group_attributes: Box<[GroupAttribute]>,
    /// The groups whose members it lets in without a record here.
    pub remote_groups: Box<[Box<str>]>,
}

/// A shared secret, wiped when dropped.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes an opened secret.
    pub fn new(octets: Zeroizing<Vec<u8>>) -> Self {
        Self(octets)
    }

    /// The octets.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(<sealed>)")
    }
}

impl Client {
    /// The client that asks from `address`: the one with the longest prefix that contains it.
    pub fn at(clients: &[Self], address: IpAddr) -> Option<&Self> {
        clients
            .iter()
            .filter(|client| client.subnet.contains(address))
            .max_by_key(|client| client.subnet.bits())
    }

    /// The client of an entry, with the secret that belongs to it. `None` if the entry has no
    /// network, which the configuration does not let happen.
    pub fn from_object(object: &Object, secret: Secret) -> Option<Self> {
        Some(Self {
            vdom: object.vdom,
            name: object.key.clone(),
            subnet: Subnet::parse(object.text("subnet"))?,
            secret,
            transports: Transport::of(object),
            certificate_name: object.text("certificate-name").to_ascii_lowercase().into(),
            methods: Methods::of(object),
            group_attributes: GroupAttribute::of(object),
            remote_groups: object.list("remote-groups").into(),
            requirement: match object.text("require-message-authenticator") {
                "enable" => Requirement::Enable,
                "disable" => Requirement::Disable,
                _ => Requirement::Auto,
            },
            position: position(object),
        })
    }
}
