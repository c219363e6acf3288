//! `config system …`: the servers that the unit itself uses.

use super::{SWITCH, choice, field, fixed, without_effect};
use crate::access::Area;
use crate::schema::{Field, Key, KeyForm, Kind, Scope, Shape, Table};

/// From which address servers are asked.
const fn source_ip(help: &'static str) -> Field {
    without_effect(
        "the host routes",
        field("source-ip", Kind::Address, "0.0.0.0", help),
    )
}

/// Entries in the order in which they were added.
const fn numbered(help: &'static str) -> Shape {
    Shape::Keyed(Key {
        name: "id",
        help,
        form: KeyForm::Number(u32::MAX),
    })
}

/// `config system dns`.
pub static DNS: Table = Table {
    path: "system dns",
    help: "Configure DNS.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Single,
    fields: &[
        field(
            "primary",
            Kind::Address,
            "0.0.0.0",
            "Primary DNS server IP address; 0.0.0.0 leaves names to the host's own resolver.",
        ),
        field(
            "secondary",
            Kind::Address,
            "0.0.0.0",
            "Secondary DNS server IP address.",
        ),
        without_effect(
            "the servers are asked in clear",
            field(
                "protocol",
                Kind::List(&Kind::Choice(&[choice(
                    "cleartext",
                    "DNS over UDP/53, DNS over TCP/53.",
                )])),
                "cleartext",
                "DNS transport protocols.",
            ),
        ),
        field(
            "domain",
            Kind::List(&Kind::Host(127)),
            "",
            "Search suffix list for hostname lookup.",
        ),
        field(
            "ip6-primary",
            Kind::Address6,
            "::",
            "Primary DNS server IPv6 address.",
        ),
        field(
            "ip6-secondary",
            Kind::Address6,
            "::",
            "Secondary DNS server IPv6 address.",
        ),
        field(
            "timeout",
            Kind::Integer(1, 10),
            "5",
            "DNS query timeout interval in seconds (1 - 10).",
        ),
        field(
            "retry",
            Kind::Integer(0, 5),
            "2",
            "Number of times to retry (0 - 5).",
        ),
        without_effect(
            "answers are remembered for as long as they say, within a fixed number",
            field(
                "dns-cache-limit",
                Kind::Integer(0, 4_294_967_295),
                "5000",
                "Maximum number of records in the DNS cache.",
            ),
        ),
        without_effect(
            "answers are remembered for as long as they say",
            field(
                "dns-cache-ttl",
                Kind::Integer(60, 86_400),
                "1800",
                "Duration in seconds that the DNS cache retains information.",
            ),
        ),
        source_ip("IP address used by the DNS server as its source IP."),
    ],
    children: &[],
};

/// `config system ntp`. The host keeps the clock; these servers say whether it is right.
pub static NTP: Table = Table {
    path: "system ntp",
    help: "Configure system NTP information.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Single,
    fields: &[
        field(
            "ntpsync",
            SWITCH,
            "disable",
            "Enable/disable comparing the system time with NTP servers.",
        ),
        without_effect(
            "the only servers are those of the table",
            field(
                "type",
                Kind::Choice(&[choice("custom", "Use the servers of the table.")]),
                "custom",
                "Which NTP servers are used.",
            ),
        ),
        field(
            "syncinterval",
            Kind::Integer(1, 1_440),
            "60",
            "NTP synchronization interval (1 - 1440 min).",
        ),
        source_ip("Source IP address for communication to the NTP server."),
        without_effect(
            "this unit serves no time",
            field(
                "server-mode",
                Kind::Choice(&[choice("disable", "Disable setting.")]),
                "disable",
                "Enable/disable FortiGate NTP server mode.",
            ),
        ),
    ],
    children: &[&NTP_SERVER],
};

/// `config ntpserver` in `config system ntp`.
pub static NTP_SERVER: Table = Table {
    path: "ntpserver",
    help: "Configure the NTP servers, in the order in which they are asked.",
    scope: Scope::Global,
    area: Area::System,
    shape: numbered("NTP server ID."),
    fields: &[
        field(
            "server",
            Kind::Host(63),
            "",
            "IP address or hostname of the NTP server.",
        ),
        without_effect(
            "every server is asked by version 4, which servers of version 3 answer",
            field(
                "ntpv3",
                SWITCH,
                "disable",
                "Enable to use NTPv3 instead of NTPv4.",
            ),
        ),
    ],
    children: &[],
};

/// `config system central-management`.
pub static CENTRAL_MANAGEMENT: Table = Table {
    path: "system central-management",
    help: "Configure central management.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Single,
    fields: &[
        without_effect(
            "nothing manages the configuration from outside",
            field(
                "mode",
                Kind::Choice(&[
                    choice("normal", "Manage and configure this unit from a manager."),
                    choice("backup", "Manage and configure this unit locally."),
                ]),
                "normal",
                "Central management mode.",
            ),
        ),
        field(
            "type",
            Kind::Choice(&[
                choice(
                    "fortimanager",
                    "The managers and the servers of the list provide tokens.",
                ),
                choice("fortiguard", "The configured token server provides tokens."),
                choice("none", "No central management."),
            ]),
            "fortiguard",
            "Central management type.",
        ),
        field(
            "fmg",
            Kind::List(&Kind::Host(255)),
            "",
            "IP addresses or FQDNs of the managers that provide tokens; they are asked before the servers of the list.",
        ),
        field(
            "fmg-update-port",
            Kind::Choice(&[choice("8890", "Port 8890."), choice("443", "Port 443.")]),
            "8890",
            "Port used to communicate with the managers and the servers of the list.",
        ),
        field(
            "ca-cert",
            Kind::Text(79),
            "",
            "CA certificate of the servers of the list: name of a PEM file in the data directory's certificates; unset: that of the token server.",
        ),
        field(
            "include-default-servers",
            SWITCH,
            "enable",
            "Enable/disable asking the configured token server after the servers of the list.",
        ),
    ],
    children: &[&SERVER_LIST],
};

/// `config server-list` in `config system central-management`.
pub static SERVER_LIST: Table = Table {
    path: "server-list",
    help: "Additional servers that the unit can use for updates, in the order in which they are asked.",
    scope: Scope::Global,
    area: Area::System,
    shape: numbered("ID."),
    fields: &[
        field(
            "server-type",
            Kind::List(&Kind::Choice(&[
                choice("update", "Tokens and licenses."),
                choice("rating", "Rating; this unit has none."),
                choice("vpatch-query", "Virtual patches; this unit has none."),
                choice("iot-collect", "IoT device collection; this unit has none."),
            ])),
            "",
            "What the server is for; only servers for updates are asked.",
        ),
        field(
            "addr-type",
            Kind::Choice(&[
                choice("ipv4", "IPv4 address."),
                choice("ipv6", "IPv6 address."),
                choice("fqdn", "FQDN address."),
            ]),
            "ipv4",
            "Whether the server is known by its IPv4 address, IPv6 address or name.",
        ),
        field(
            "server-address",
            Kind::Address,
            "0.0.0.0",
            "IPv4 address of the server.",
        ),
        field(
            "server-address6",
            Kind::Address6,
            "::",
            "IPv6 address of the server.",
        ),
        field("fqdn", Kind::Host(255), "", "FQDN address of the server."),
    ],
    children: &[],
};

/// `config system fortiguard`: the way to the token server.
pub static FORTIGUARD: Table = Table {
    path: "system fortiguard",
    help: "Configure the connection to the token server.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Single,
    fields: &[
        fixed(
            "the token server is reached over HTTPS alone",
            field(
                "protocol",
                Kind::Choice(&[choice("https", "HTTPS.")]),
                "https",
                "Protocol used to communicate with the token server.",
            ),
        ),
        fixed(
            "there is one token server, that of the installation",
            field(
                "fortiguard-anycast",
                SWITCH,
                "enable",
                "Enable/disable use of one address for all servers.",
            ),
        ),
        field(
            "proxy-server-ip",
            Kind::Host(63),
            "",
            "Hostname or IPv4 address of the proxy server.",
        ),
        field(
            "proxy-server-port",
            Kind::Integer(0, 65_535),
            "0",
            "Port used to communicate with the proxy server.",
        ),
        field("proxy-username", Kind::Text(64), "", "Proxy user name."),
        field(
            "proxy-password",
            Kind::Secret(128),
            "",
            "Proxy user password.",
        ),
    ],
    children: &[],
};
