//! `config system interface`: the host's network interfaces, and who may connect to their addresses.

use super::{choice, field, system, without_effect};
use crate::access::Area;
use crate::schema::{Key, KeyForm, Kind, Scope, Shape, Table};

/// `config system interface`. The host has the interfaces; each has an entry from the start on which
/// the host has it.
pub static INTERFACE: Table = Table {
    path: "system interface",
    help: "Configure interfaces.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "Name of the interface, as the host calls it.",
        form: KeyForm::Name(15),
    }),
    fields: &[
        system(
            "ip",
            Kind::Netmask,
            "0.0.0.0 0.0.0.0",
            "The interface's first IPv4 address and subnet mask, as the host has them.",
        ),
        field(
            "allowaccess",
            Kind::List(&Kind::Choice(&[
                choice("ping", "PING access; the host answers."),
                choice("https", "HTTPS access."),
                choice("ssh", "SSH access."),
                choice("snmp", "SNMP access; nothing listens."),
                choice("http", "HTTP access; nothing listens."),
                choice("telnet", "TELNET access; nothing listens."),
                choice("fgfm", "FortiManager access; nothing listens."),
                choice("radius-acct", "RADIUS accounting access; nothing listens."),
                choice("probe-response", "Probe access; nothing listens."),
                choice("fabric", "Security Fabric access; nothing listens."),
                choice("ftm", "FTM access."),
                choice("speed-test", "Speed test access; nothing listens."),
            ])),
            "ping https ssh",
            "Permitted types of management access to the addresses of this interface.",
        ),
        without_effect(
            "the host brings its interfaces up and down",
            field(
                "status",
                Kind::Choice(&[
                    choice("up", "Bring the interface up."),
                    choice("down", "Shut the interface down."),
                ]),
                "up",
                "Bring the interface up or shut the interface down.",
            ),
        ),
        field(
            "alias",
            Kind::Text(25),
            "",
            "Alias by which administrators know the interface.",
        ),
        field("description", Kind::Text(255), "", "Description."),
    ],
    children: &[],
};
