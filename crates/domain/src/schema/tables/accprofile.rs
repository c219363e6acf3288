//! `config system accprofile`: what administrators may do.

use super::{SWITCH, choice, field, without_effect};
use crate::access::Area;
use crate::schema::{Key, KeyForm, Kind, Scope, Shape, Table};

const RIGHT: Kind = Kind::Choice(&[
    choice("none", "No access."),
    choice("read", "Read access."),
    choice("read-write", "Read/write access."),
]);

const NO_SUCH_PART: &str = "this unit has no such part";

/// `config system accprofile`.
pub static ACCPROFILE: Table = Table {
    path: "system accprofile",
    help: "Configure access profiles for system administrators.",
    scope: Scope::Global,
    area: Area::Administrators,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "Profile name.",
        form: KeyForm::Name(35),
    }),
    fields: &[
        without_effect(
            "an administrator's own 'vdom' says where the profile holds",
            field(
                "scope",
                Kind::Choice(&[
                    choice("vdom", "VDOM access."),
                    choice("global", "Global access."),
                ]),
                "vdom",
                "Scope of admin access: global or specific VDOM(s).",
            ),
        ),
        field("comments", Kind::Text(255), "", "Comment."),
        without_effect(
            NO_SUCH_PART,
            field("secfabgrp", RIGHT, "none", "Security Fabric."),
        ),
        without_effect(
            NO_SUCH_PART,
            field("ftviewgrp", RIGHT, "none", "FortiView."),
        ),
        field(
            "authgrp",
            RIGHT,
            "none",
            "Administrator access to Users and Devices.",
        )
        .bounding(),
        field("sysgrp", RIGHT, "none", "System Configuration.").bounding(),
        without_effect(
            NO_SUCH_PART,
            field("netgrp", RIGHT, "none", "Network Configuration."),
        ),
        field(
            "loggrp",
            RIGHT,
            "none",
            "Administrator access to Logging and Reporting including viewing log messages.",
        )
        .bounding(),
        without_effect(
            NO_SUCH_PART,
            field(
                "fwgrp",
                RIGHT,
                "none",
                "Administrator access to the Firewall configuration.",
            ),
        ),
        without_effect(
            NO_SUCH_PART,
            field(
                "vpngrp",
                RIGHT,
                "none",
                "Administrator access to IPsec, SSL, PPTP, and L2TP VPN.",
            ),
        ),
        without_effect(
            NO_SUCH_PART,
            field(
                "utmgrp",
                RIGHT,
                "none",
                "Administrator access to Security Profiles.",
            ),
        ),
        without_effect(
            NO_SUCH_PART,
            field(
                "wanoptgrp",
                RIGHT,
                "none",
                "Administrator access to WAN Opt & Cache.",
            ),
        ),
        without_effect(
            NO_SUCH_PART,
            field(
                "wifi",
                RIGHT,
                "none",
                "Administrator access to the WiFi controller and Switch controller.",
            ),
        ),
        field(
            "cli-diagnose",
            SWITCH,
            "enable",
            "Enable/disable permission to run diagnose commands.",
        )
        .bounding(),
        field(
            "cli-get",
            SWITCH,
            "enable",
            "Enable/disable permission to run get commands.",
        )
        .bounding(),
        field(
            "cli-show",
            SWITCH,
            "enable",
            "Enable/disable permission to run show commands.",
        )
        .bounding(),
        field(
            "cli-exec",
            SWITCH,
            "enable",
            "Enable/disable permission to run execute commands.",
        )
        .bounding(),
        field(
            "cli-config",
            SWITCH,
            "enable",
            "Enable/disable permission to run config commands.",
        )
        .bounding(),
        field(
            "system-diagnostics",
            SWITCH,
            "enable",
            "Enable/disable permission to run system diagnostic commands.",
        )
        .bounding(),
        field(
            "admintimeout-override",
            SWITCH,
            "disable",
            "Enable/disable overriding the global administrator idle timeout.",
        )
        .bounding(),
        field(
            "admintimeout",
            Kind::Integer(1, 480),
            "10",
            "Administrator timeout for this access profile (1 - 480 min).",
        )
        .bounding(),
    ],
    children: &[],
};
