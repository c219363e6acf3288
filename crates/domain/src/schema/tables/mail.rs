//! `config system email-server`: by what people are told their codes.

use super::{SWITCH, choice, field, without_effect};
use crate::access::Area;
use crate::schema::{Kind, Scope, Shape, Table};

/// `config system email-server`.
pub static EMAIL_SERVER: Table = Table {
    path: "system email-server",
    help: "Configure the email server used for activation codes.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Single,
    fields: &[
        field(
            "type",
            Kind::Choice(&[choice("custom", "Use custom email server.")]),
            "custom",
            "Use a custom email server.",
        ),
        field(
            "reply-to",
            Kind::Text(63),
            "",
            "Sender and reply-to address of every mail.",
        ),
        field(
            "server",
            Kind::Text(63),
            "",
            "SMTP server IP address or hostname.",
        ),
        field("port", Kind::Integer(1, 65_535), "25", "SMTP server port."),
        field(
            "source-ip",
            Kind::Address,
            "0.0.0.0",
            "SMTP server IPv4 source IP.",
        ),
        field(
            "source-ip6",
            Kind::Address6,
            "::",
            "SMTP server IPv6 source IP.",
        ),
        field(
            "authenticate",
            SWITCH,
            "disable",
            "Enable/disable authentication.",
        ),
        field(
            "validate-server",
            SWITCH,
            "disable",
            "Enable/disable validation of server certificate.",
        ),
        field(
            "username",
            Kind::Text(255),
            "",
            "SMTP server user name for authentication.",
        ),
        field(
            "password",
            Kind::Secret(128),
            "",
            "SMTP server user password for authentication.",
        ),
        field(
            "secondary-server",
            Kind::Host(63),
            "",
            "Secondary SMTP server IP address or hostname: tried where those before cannot be used.",
        ),
        field(
            "secondary-port",
            Kind::Integer(0, 65_535),
            "0",
            "Port of the secondary SMTP server; 0 for that of the first.",
        ),
        field(
            "secondary-username",
            Kind::Text(255),
            "",
            "User name at the secondary SMTP server, where it is another.",
        ),
        field(
            "secondary-password",
            Kind::Secret(128),
            "",
            "Password at the secondary SMTP server, where it is another.",
        ),
        field(
            "tertiary-server",
            Kind::Host(63),
            "",
            "Tertiary SMTP server IP address or hostname: tried where those before cannot be used.",
        ),
        field(
            "tertiary-port",
            Kind::Integer(0, 65_535),
            "0",
            "Port of the tertiary SMTP server; 0 for that of the first.",
        ),
        field(
            "tertiary-username",
            Kind::Text(255),
            "",
            "User name at the tertiary SMTP server, where it is another.",
        ),
        field(
            "tertiary-password",
            Kind::Secret(128),
            "",
            "Password at the tertiary SMTP server, where it is another.",
        ),
        field(
            "security",
            Kind::Choice(&[
                choice("none", "None."),
                choice("starttls", "STARTTLS."),
                choice("smtps", "SSL/TLS."),
            ]),
            "none",
            "Connection security used by the email server.",
        ),
        field(
            "ssl-min-proto-version",
            Kind::Choice(&[
                choice("default", "TLS 1.2."),
                choice(
                    "SSLv3",
                    "SSL 3.0; nothing below TLS 1.2 is spoken all the same.",
                ),
                choice(
                    "TLSv1",
                    "TLS 1.0; nothing below TLS 1.2 is spoken all the same.",
                ),
                choice(
                    "TLSv1-1",
                    "TLS 1.1; nothing below TLS 1.2 is spoken all the same.",
                ),
                choice("TLSv1-2", "TLS 1.2."),
                choice("TLSv1-3", "TLS 1.3."),
            ]),
            "default",
            "Minimum supported protocol version for SSL/TLS connections.",
        ),
        field(
            "interface-select-method",
            Kind::Choice(&[
                choice("auto", "Leave it to the host, or to source-ip."),
                choice("specify", "Send from an address of the interface."),
            ]),
            "auto",
            "Specify how to select outgoing interface to reach server.",
        ),
        field(
            "interface",
            Kind::Reference(&["system interface"]),
            "",
            "Specify outgoing interface to reach server.",
        ),
        without_effect(
            "the host has the routing tables",
            field(
                "vrf-select",
                Kind::Integer(0, 511),
                "0",
                "VRF ID used for connection to server.",
            ),
        ),
    ],
    children: &[],
};
