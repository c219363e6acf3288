//! The tables themselves. Names, sizes and defaults are those of the described system.

use super::{Access, Choice, Field, Kind, Shape, Table};

/// Every table, in the order of a full configuration.
pub const ALL: &[&Table] = &[
    &GLOBAL,
    &ADMIN,
    &EMAIL_SERVER,
    &FORTITOKEN,
    &LOCAL,
    &SETTING,
    &RADIUS_CLIENT,
];

const fn field(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Field {
    Field {
        name,
        help,
        kind,
        default,
        access: Access::Administrator,
    }
}

const fn system(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    help: &'static str,
) -> Field {
    Field {
        name,
        help,
        kind,
        default,
        access: Access::System,
    }
}

const fn choice(word: &'static str, help: &'static str) -> Choice {
    Choice { word, help }
}

const SWITCH: Kind = Kind::Choice(&[
    choice("enable", "Enable setting."),
    choice("disable", "Disable setting."),
]);

/// `config system global`.
pub static GLOBAL: Table = Table {
    path: "system global",
    help: "Configure global attributes.",
    shape: Shape::Single,
    fields: &[
        field(
            "hostname",
            Kind::Text(35),
            "symbolon",
            "Name of this unit, shown in the prompt.",
        ),
        field(
            "two-factor-ftk-expiry",
            Kind::Integer(60, 600),
            "60",
            "FortiToken authentication session timeout (60 - 600 sec): how long a challenge stays open.",
        ),
        field(
            "two-factor-ftm-expiry",
            Kind::Integer(1, 168),
            "72",
            "FortiToken Mobile session timeout (1 - 168 hours): how long an activation code is valid.",
        ),
    ],
};

/// `config system admin`. The console trusts who owns its socket; these accounts are for logins that
/// come over a network.
pub static ADMIN: Table = Table {
    path: "system admin",
    help: "Configure admin users.",
    shape: Shape::Keyed {
        key: "name",
        help: "User name.",
        max: 64,
    },
    fields: &[
        field(
            "accprofile",
            Kind::Choice(&[choice("super_admin", "Everything.")]),
            "super_admin",
            "Access profile of this administrator.",
        ),
        field("comments", Kind::Text(255), "", "Comment."),
        field("password", Kind::Secret(128), "", "Admin user password."),
        field(
            "force-password-change",
            SWITCH,
            "disable",
            "Enable/disable that the password must be changed at the next login.",
        ),
    ],
};

/// `config system email-server`.
pub static EMAIL_SERVER: Table = Table {
    path: "system email-server",
    help: "Configure the email server used for activation codes.",
    shape: Shape::Single,
    fields: &[
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
            "security",
            Kind::Choice(&[
                choice("none", "None."),
                choice("starttls", "STARTTLS."),
                choice("smtps", "SSL/TLS."),
            ]),
            "none",
            "Connection security used by the email server.",
        ),
    ],
};

/// `config user fortitoken`.
pub static FORTITOKEN: Table = Table {
    path: "user fortitoken",
    help: "Configure FortiToken.",
    shape: Shape::Keyed {
        key: "serial-number",
        help: "Serial number.",
        max: 16,
    },
    fields: &[
        field(
            "status",
            Kind::Choice(&[
                choice("active", "Activate FortiToken."),
                choice("lock", "Lock FortiToken."),
            ]),
            "active",
            "Status.",
        ),
        system("seed", Kind::Secret(200), "", "Token seed."),
        field("comments", Kind::Text(255), "", "Comment."),
        system("license", Kind::Text(31), "", "Mobile token license."),
        system(
            "activation-code",
            Kind::Text(32),
            "",
            "Mobile token user activation-code.",
        ),
        system(
            "activation-expire",
            Kind::Moment,
            "0",
            "Mobile token user activation-code expire time.",
        ),
        system("reg-id", Kind::Text(256), "", "Device Reg ID."),
        system("os-ver", Kind::Text(15), "", "Device Mobile Version."),
    ],
};

/// `config user local`.
pub static LOCAL: Table = Table {
    path: "user local",
    help: "Configure local users.",
    shape: Shape::Keyed {
        key: "name",
        help: "Local user name.",
        max: 64,
    },
    fields: &[
        field(
            "status",
            SWITCH,
            "enable",
            "Enable/disable allowing the local user to authenticate.",
        ),
        field(
            "type",
            Kind::Choice(&[choice("password", "Password authentication.")]),
            "password",
            "Authentication method.",
        ),
        field(
            "two-factor",
            Kind::Choice(&[
                choice("disable", "disable"),
                choice("fortitoken", "FortiToken"),
            ]),
            "disable",
            "Enable/disable two-factor authentication.",
        ),
        field(
            "fortitoken",
            Kind::Reference("user fortitoken"),
            "",
            "Two-factor recipient's FortiToken serial number.",
        ),
        field(
            "email-to",
            Kind::Text(63),
            "",
            "Two-factor recipient's email address.",
        ),
        field("passwd", Kind::Secret(128), "", "User's password."),
    ],
};

/// `config user setting`.
pub static SETTING: Table = Table {
    path: "user setting",
    help: "Configure user authentication setting.",
    shape: Shape::Single,
    fields: &[
        field(
            "auth-lockout-threshold",
            Kind::Integer(1, 10),
            "3",
            "Wrong passwords for one name from one source before that source has to wait (1 - 10).",
        ),
        field(
            "auth-lockout-duration",
            Kind::Integer(0, 4_294_967_295),
            "0",
            "How long it waits, in seconds; 0 switches the wait off.",
        ),
        field(
            "auth-password-memory",
            Kind::Integer(0, 3_600),
            "300",
            "How long a verified password spares the next login its hash, in seconds; 0 switches it off.",
        ),
        field(
            "reject-delay",
            Kind::Integer(0, 10_000),
            "1000",
            "When a refusal leaves, in milliseconds after the request came.",
        ),
    ],
};

/// `config user radius-client`: who may ask this server.
pub static RADIUS_CLIENT: Table = Table {
    path: "user radius-client",
    help: "Configure the RADIUS clients that may ask this server.",
    shape: Shape::Keyed {
        key: "name",
        help: "RADIUS client name.",
        max: 35,
    },
    fields: &[
        field(
            "subnet",
            Kind::Subnet,
            "",
            "Address or network of the client.",
        ),
        field("secret", Kind::Secret(128), "", "Shared secret."),
        field(
            "require-message-authenticator",
            Kind::Choice(&[
                choice(
                    "auto",
                    "Once the client has sent a valid one, it must from then on.",
                ),
                choice("enable", "Every request must carry one."),
                choice("disable", "Requests without one are answered."),
            ]),
            "auto",
            "Whether requests must carry a Message-Authenticator (CVE-2024-3596).",
        ),
        field(
            "code-position",
            Kind::Choice(&[
                choice(
                    "challenge",
                    "The password comes first, the code answers a challenge.",
                ),
                choice(
                    "after-password",
                    "The code follows the password in the same field.",
                ),
            ]),
            "challenge",
            "How password and code are combined.",
        ),
    ],
};
