//! `config system ha`, `settings` and `ftm-push`: the unit among others, its virtual domains, its pushes.

use super::{SWITCH, choice, field, fixed, without_effect};
use crate::access::Area;
use crate::schema::{Kind, Scope, Shape, Table};

const ALONE: &str = "a unit that stands alone has no other to come to terms with";

/// `config system ha`.
pub static HA: Table = Table {
    path: "system ha",
    help: "Configure HA.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Single,
    fields: &[
        without_effect(
            ALONE,
            field("group-id", Kind::Integer(0, 1_023), "0", "HA group ID."),
        ),
        without_effect(
            ALONE,
            field(
                "group-name",
                Kind::Text(32),
                "",
                "Cluster group name. Must be the same for all members.",
            ),
        ),
        field(
            "mode",
            Kind::Choice(&[
                choice("standalone", "Standalone mode."),
                choice(
                    "a-a",
                    "Active-active mode; refused until units can share a database.",
                ),
                choice(
                    "a-p",
                    "Active-passive mode; refused until units can share a database.",
                ),
            ]),
            "standalone",
            "HA mode. Must be the same for all members.",
        )
        .such_as("standalone"),
        without_effect(
            ALONE,
            field(
                "password",
                Kind::Secret(128),
                "",
                "Cluster password. Must be the same for all members.",
            ),
        ),
        without_effect(
            ALONE,
            field(
                "hbdev",
                Kind::List(&Kind::Text(15)),
                "",
                "Heartbeat interfaces.",
            ),
        ),
        without_effect(
            ALONE,
            field(
                "sync-config",
                SWITCH,
                "enable",
                "Enable/disable configuration synchronization.",
            ),
        ),
        without_effect(
            ALONE,
            field(
                "session-pickup",
                SWITCH,
                "disable",
                "Enable/disable session pickup.",
            ),
        ),
        without_effect(
            ALONE,
            field(
                "override",
                SWITCH,
                "disable",
                "Enable and increase the priority of the unit that should always be primary.",
            ),
        ),
        without_effect(
            ALONE,
            field(
                "priority",
                Kind::Integer(0, 255),
                "128",
                "Increase the priority to select the primary unit (0 - 255).",
            ),
        ),
        without_effect(
            ALONE,
            field(
                "standalone-config-sync",
                SWITCH,
                "disable",
                "Enable/disable FGSP configuration synchronization.",
            ),
        ),
        field(
            "members",
            Kind::List(&Kind::Text(16)),
            "",
            "Serial numbers of the cluster's members, which share licenses and trial tokens.",
        )
        .such_as("FGT0000000000042"),
    ],
    children: &[],
};

/// `config system settings`.
pub static SETTINGS: Table = Table {
    path: "system settings",
    help: "Configure VDOM settings.",
    scope: Scope::Vdom,
    area: Area::System,
    shape: Shape::Single,
    fields: &[
        field("comments", Kind::Text(255), "", "VDOM comments."),
        without_effect(
            "no traffic goes through this unit: it answers who may log in",
            field(
                "vdom-type",
                Kind::Choice(&[
                    choice("traffic", "Change to traffic VDOM"),
                    choice("admin", "Change to admin VDOM"),
                ]),
                "traffic",
                "VDOM type (traffic or admin).",
            ),
        ),
        without_effect(
            "no traffic goes through this unit: it answers who may log in",
            field(
                "opmode",
                Kind::Choice(&[
                    choice("nat", "Change to NAT mode."),
                    choice("transparent", "Change to transparent mode."),
                ]),
                "nat",
                "Firewall operation mode (NAT or Transparent).",
            ),
        ),
        field(
            "status",
            SWITCH,
            "enable",
            "Enable/disable this VDOM: the RADIUS clients of one that is disabled get no answer.",
        ),
    ],
    children: &[],
};

/// `config system ftm-push`.
pub static FTM_PUSH: Table = Table {
    path: "system ftm-push",
    help: "Configure FortiToken Mobile push services.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Single,
    fields: &[
        field(
            "proxy",
            SWITCH,
            "enable",
            "Enable/disable communication to the proxy server in FortiGuard configuration.",
        ),
        fixed(
            "phones are listened to at every address whose interface has 'set allowaccess ftm'",
            field(
                "interface",
                Kind::Reference(&["system interface"]),
                "",
                "Interface of FortiToken Mobile push services server.",
            ),
        ),
        field(
            "server-port",
            Kind::Integer(1, 65_535),
            "4433",
            "Port to communicate with FortiToken Mobile push services server (1 - 65535).",
        ),
        field(
            "server-cert",
            Kind::Reference(&["certificate local"]),
            "Fortinet_GUI_Server",
            "Name of the server certificate to be used for SSL; unless set, that of 'admin-server-cert' in \
             'config system global', else one that this unit made itself.",
        ),
        field(
            "server-ip",
            Kind::Address,
            "0.0.0.0",
            "IPv4 address of FortiToken Mobile push services server.",
        ),
        field(
            "server",
            Kind::Host(127),
            "",
            "IPv4 address or domain name of FortiToken Mobile push services server: where phones answer. \
             Without one, answers come back through the push relay.",
        ),
        field(
            "status",
            SWITCH,
            "disable",
            "Enable/disable the use of FortiToken Mobile push services.",
        ),
        field(
            "number-entry",
            SWITCH,
            "enable",
            "Enable/disable that the user types the number which the login shows; without it a tap approves.",
        ),
        field(
            "token-transfer",
            SWITCH,
            "disable",
            "Enable/disable that users move their tokens to another phone by themselves; phones reach this \
             unit at 'server' and 'server-port'. Trial tokens never move.",
        ),
        field(
            "token-recovery",
            SWITCH,
            "disable",
            "Enable/disable that a user who logs in with a recovery code or pass is sent a code that moves \
             the token to another phone.",
        ),
    ],
    children: &[],
};
