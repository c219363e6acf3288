//! `config user ldap` and `config user radius`: servers that know passwords.
//!
//! What would let fewer people in if it did something is not declared as long as it does nothing
//! (`two-factor-filter`, `client-cert-auth`), and words that are not spoken are left out
//! of their choices: a configuration that relies on them is refused where it says so.

use super::{SWITCH, choice, field, without_effect};
use crate::access::Area;
use crate::schema::{Choice, Field, Key, KeyForm, Kind, Scope, Shape, Table};

const ROUTES: &str = "routes are the operating system's";

const INTERFACE_SELECT_METHOD: Field = without_effect(
    ROUTES,
    field(
        "interface-select-method",
        Kind::Choice(&[
            choice("auto", "Set outgoing interface automatically."),
            choice("sdwan", "Set outgoing interface by SD-WAN rules."),
            choice("specify", "Set outgoing interface manually."),
        ]),
        "auto",
        "Specify how to select outgoing interface to reach server.",
    ),
);
const INTERFACE: Field = without_effect(
    ROUTES,
    field(
        "interface",
        Kind::Text(15),
        "",
        "Specify outgoing interface to reach server.",
    ),
);
const VRF_SELECT: Field = without_effect(
    ROUTES,
    field(
        "vrf-select",
        Kind::Integer(0, 511),
        "0",
        "VRF ID used for connection to server.",
    ),
);
const STATUS_TTL: Field = field(
    "status-ttl",
    Kind::Integer(0, 600),
    "300",
    "How long a server that did not answer is asked after the others (0 - 600 sec).",
);
const SOURCE_IP: Field = field(
    "source-ip",
    Kind::Text(63),
    "",
    "Source IPv4 or IPv6 address for communication with the server.",
)
.such_as("192.0.2.7");

const TLS_VERSIONS: &[Choice] = &[
    choice("default", "TLS 1.2 and newer."),
    choice("TLSv1-2", "TLS 1.2 and newer."),
    choice("TLSv1-3", "TLS 1.3."),
];

/// `config user ldap`.
pub static LDAP: Table = Table {
    path: "user ldap",
    help: "Configure LDAP server entries.",
    scope: Scope::Vdom,
    area: Area::Authentication,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "LDAP server entry name.",
        form: KeyForm::Name(35),
    }),
    fields: &[
        field(
            "server",
            Kind::Host(63),
            "",
            "LDAP server CN domain name or IP.",
        ),
        field(
            "secondary-server",
            Kind::Host(63),
            "",
            "Secondary LDAP server CN domain name or IP.",
        ),
        field(
            "tertiary-server",
            Kind::Host(63),
            "",
            "Tertiary LDAP server CN domain name or IP.",
        ),
        STATUS_TTL,
        field(
            "server-identity-check",
            SWITCH,
            "enable",
            "Enable/disable LDAP server identity check (verify server domain name/IP address against the server certificate).",
        ).bounding(),
        SOURCE_IP,
        field(
            "cnid",
            Kind::Text(20),
            "cn",
            "Common name identifier for the LDAP server: the attribute that holds a user's name.",
        )
        .bounding(),
        field(
            "dn",
            Kind::Text(511),
            "",
            "Distinguished name used to look up entries on the LDAP server.",
        ),
        field(
            "type",
            Kind::Choice(&[
                choice("simple", "Simple password authentication without search."),
                choice("anonymous", "Bind using anonymous user and search."),
                choice("regular", "Bind using username/password and then search."),
            ]),
            "simple",
            "Authentication type for LDAP searches.",
        ),
        field(
            "username",
            Kind::Text(511),
            "",
            "Username (full DN) for initial binding.",
        ),
        field(
            "password",
            Kind::Secret(128),
            "",
            "Password for initial binding.",
        ),
        field(
            "password-renewal",
            SWITCH,
            "disable",
            "Enable/disable asking for a new password where the directory says that the password has expired or must be changed; over TLS alone (secure).",
        ),
        field(
            "secure",
            Kind::Choice(&[
                choice("disable", "No SSL."),
                choice("starttls", "Use StartTLS."),
                choice("ldaps", "Use LDAPS."),
            ]),
            "disable",
            "Security of the connection.",
        ).bounding(),
        field(
            "ssl-min-proto-version",
            Kind::Choice(TLS_VERSIONS),
            "default",
            "Minimum supported protocol version for TLS connections.",
        ),
        field(
            "ca-cert",
            Kind::Text(79),
            "",
            "CA certificate: name of a PEM file in the data directory's certificates; unset: those that the system trusts.",
        )
        .bounding(),
        field(
            "port",
            Kind::Integer(1, 65_535),
            "389",
            "Port to be used for communication with the LDAP server.",
        ),
        field(
            "group-member-check",
            Kind::Choice(&[
                choice("user-attr", "The user's entry names its groups."),
                choice("group-object", "The group's entry names its members: member, uniqueMember."),
                choice("posix-group-object", "The group's entry names its members by their logins: memberUid."),
            ]),
            "user-attr",
            "How it is told whether a user is in a group that config match of a user group names.",
        )
        .bounding(),
        field(
            "member-attr",
            Kind::Text(63),
            "memberOf",
            "Attribute of a user's entry that names its groups.",
        )
        .bounding(),
        field(
            "group-filter",
            Kind::Text(2_047),
            "",
            "Filter used for group matching, in place of group-member-check: a user is in a group whose entry it finds; %u stands for the user's distinguished name.",
        )
        .bounding()
        .such_as("(&(objectClass=groupOfNames)(member=%u))"),
        field(
            "group-search-base",
            Kind::Text(511),
            "",
            "Search base used for group searching: below it group-filter and search-type recursive look for groups within groups; dn where unset.",
        )
        .bounding(),
        field(
            "search-type",
            Kind::List(&Kind::Choice(&[choice(
                "recursive",
                "Groups within groups count: Active Directory is asked for the chain, others for member-attr of each group; group-filter is asked for each group.",
            )])),
            "",
            "Search type.",
        ),
        without_effect(
            "nothing is shown of a user but what stands in the user's own entry",
            field(
                "obtain-user-info",
                SWITCH,
                "enable",
                "Enable/disable obtaining of user information.",
            ),
        ),
        INTERFACE_SELECT_METHOD,
        INTERFACE,
        VRF_SELECT,
    ],
    children: &[],
};

/// `config user radius`.
pub static RADIUS: Table = Table {
    path: "user radius",
    help: "Configure RADIUS server entries.",
    scope: Scope::Vdom,
    area: Area::Authentication,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "RADIUS server entry name.",
        form: KeyForm::Name(35),
    }),
    fields: &[
        field(
            "server",
            Kind::Host(63),
            "",
            "Primary RADIUS server CN domain name or IP address.",
        ),
        field(
            "secret",
            Kind::Secret(128),
            "",
            "Pre-shared secret key used to access the primary RADIUS server.",
        ),
        field(
            "secondary-server",
            Kind::Host(63),
            "",
            "Secondary RADIUS CN domain name or IP address.",
        ),
        field(
            "secondary-secret",
            Kind::Secret(128),
            "",
            "Secret key to access the secondary server.",
        ),
        field(
            "tertiary-server",
            Kind::Host(63),
            "",
            "Tertiary RADIUS CN domain name or IP address.",
        ),
        field(
            "tertiary-secret",
            Kind::Secret(128),
            "",
            "Secret key to access the tertiary server.",
        ),
        field(
            "timeout",
            Kind::Integer(1, 300),
            "5",
            "How long one server is asked before the next (1 - 300 sec); remoteauthtimeout bounds all of them together.",
        ),
        STATUS_TTL,
        field(
            "nas-ip",
            Kind::Address,
            "0.0.0.0",
            "What NAS-IP-Address says; 0.0.0.0 for the address from which the server is asked.",
        ),
        field(
            "nas-id-type",
            Kind::Choice(&[
                choice("legacy", "The host name of this unit."),
                choice("custom", "What nas-id says."),
                choice("hostname", "The host name of this unit."),
            ]),
            "legacy",
            "NAS identifier type configuration.",
        ),
        field("nas-id", Kind::Text(253), "", "Custom NAS identifier."),
        field(
            "radius-port",
            Kind::Integer(0, 65_535),
            "0",
            "RADIUS service port number; 0 for that of config system global.",
        ),
        field(
            "auth-type",
            Kind::Choice(&[
                choice("auto", "PAP."),
                choice("pap", "Password Authentication Protocol."),
            ]),
            "auto",
            "Authentication methods/protocols permitted for this RADIUS server.",
        ),
        SOURCE_IP,
        field(
            "require-message-authenticator",
            Kind::Choice(&[choice("enable", "Answers without one are not believed.")]),
            "enable",
            "Whether answers must carry a Message-Authenticator (CVE-2024-3596): always.",
        ),
        field(
            "password-encoding",
            Kind::Choice(&[
                choice("auto", "Use original password encoding."),
                choice("ISO-8859-1", "Use ISO-8859-1 password encoding."),
            ]),
            "auto",
            "Password encoding.",
        ),
        field(
            "group-override-attr-type",
            Kind::Choice(&[
                choice("filter-Id", "Filter-Id."),
                choice("class", "Class."),
            ]),
            "",
            "Attribute of an Access-Accept that names a user's groups, in place of Fortinet-Group-Name.",
        )
        .bounding(),
        field(
            "transport-protocol",
            Kind::Choice(&[choice("udp", "UDP transport protocol.")]),
            "udp",
            "Transport protocol to be used.",
        ),
        without_effect(
            ROUTES,
            field(
                "use-management-vdom",
                SWITCH,
                "disable",
                "Enable/disable using management VDOM to send requests.",
            ),
        ),
        INTERFACE_SELECT_METHOD,
        INTERFACE,
        VRF_SELECT,
    ],
    children: &[],
};
