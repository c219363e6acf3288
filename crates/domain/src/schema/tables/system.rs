//! `config system …`: the unit itself.

use super::{SWITCH, choice, field};
use crate::access::Area;
use crate::schema::{Key, KeyForm, Kind, Scope, Shape, Table};

/// `config system global`.
pub static GLOBAL: Table = Table {
    path: "system global",
    help: "Configure global attributes.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Single,
    fields: &[
        field(
            "hostname",
            Kind::Text(35),
            "symbolon",
            "Name of this unit, shown in the prompt.",
        ),
        field(
            "vdom-mode",
            Kind::Choice(&[
                choice("no-vdom", "Disable split/multiple VDOMs mode."),
                choice("multi-vdom", "Enable multiple VDOMs mode."),
            ]),
            "no-vdom",
            "Enable/disable support for multiple virtual domains (VDOMs).",
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
    children: &[],
};

/// `config vdom`: the virtual domains themselves. Each is a place in which tables of
/// [`Scope::Vdom`] stand, and has no fields of its own.
pub static VDOM: Table = Table {
    path: "vdom",
    help: "Configure virtual domains.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "VDOM name.",
        form: KeyForm::Name(31),
    }),
    fields: &[],
    children: &[],
};

/// `config system admin`. The console trusts who owns its socket; these accounts are for logins that
/// come over a network.
pub static ADMIN: Table = Table {
    path: "system admin",
    help: "Configure admin users.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "User name.",
        form: KeyForm::Name(64),
    }),
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
    children: &[],
};

/// `config system email-server`.
pub static EMAIL_SERVER: Table = Table {
    path: "system email-server",
    help: "Configure the email server used for activation codes.",
    scope: Scope::Global,
    area: Area::System,
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
    children: &[],
};
