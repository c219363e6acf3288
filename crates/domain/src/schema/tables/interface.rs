//! `config system interface`: the host's network interfaces, and who may connect to their addresses.

use super::{choice, field, idle, system, without_effect};
use crate::access::Area;
use crate::schema::{Key, KeyForm, Kind, Scope, Shape, Table};

const NOBODY: &str = "nothing listens";
const ACCOUNTING: &str = "the addresses of 'accounting' in symbolon.toml say where accounting is taken, and RADIUS \
                          clients alone are heard";

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
                idle("the host answers", choice("ping", "PING access.")),
                choice("https", "HTTPS access: logins of VPN clients."),
                choice("ssh", "SSH access."),
                idle(NOBODY, choice("snmp", "SNMP access.")),
                idle(NOBODY, choice("http", "HTTP access.")),
                idle(NOBODY, choice("telnet", "TELNET access.")),
                idle(NOBODY, choice("fgfm", "FortiManager access.")),
                idle(
                    ACCOUNTING,
                    choice("radius-acct", "RADIUS accounting access."),
                ),
                idle(NOBODY, choice("probe-response", "Probe access.")),
                idle(NOBODY, choice("fabric", "Security Fabric access.")),
                choice("ftm", "FTM access: answers of phones to pushes."),
                idle(NOBODY, choice("speed-test", "Speed test access.")),
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
