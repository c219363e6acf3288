//! `config user password-policy`.

use super::{SWITCH, field};
use crate::access::Area;
use crate::schema::{Key, KeyForm, Kind, Scope, Shape, Table};

/// `config user password-policy`.
pub static PASSWORD_POLICY: Table = Table {
    path: "user password-policy",
    help: "Configure user password policy.",
    scope: Scope::Vdom,
    area: Area::Authentication,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "Password policy name.",
        form: KeyForm::Name(35),
    }),
    fields: &[
        field(
            "expire-status",
            SWITCH,
            "disable",
            "Enable/disable password expiration.",
        ).bounding(),
        field(
            "expire-days",
            Kind::Integer(0, 999),
            "180",
            "Time in days before the user's password expires (0 - 999); 0 for never.",
        ).bounding(),
        field(
            "warn-days",
            Kind::Integer(0, 30),
            "15",
            "Time in days before expiration from when on the user is warned at each login (0 - 30).",
        ).bounding(),
        field(
            "expired-password-renewal",
            SWITCH,
            "disable",
            "Enable/disable renewal of a password that already is expired: its owner sets another one at the login.",
        ).bounding(),
        field(
            "minimum-length",
            Kind::Integer(8, 128),
            "8",
            "Minimum password length (8 - 128).",
        ).bounding(),
        field(
            "min-lower-case-letter",
            Kind::Integer(0, 128),
            "0",
            "Minimum number of lowercase characters in password (0 - 128).",
        ).bounding(),
        field(
            "min-upper-case-letter",
            Kind::Integer(0, 128),
            "0",
            "Minimum number of uppercase characters in password (0 - 128).",
        ).bounding(),
        field(
            "min-non-alphanumeric",
            Kind::Integer(0, 128),
            "0",
            "Minimum number of non-alphanumeric characters in password (0 - 128).",
        ).bounding(),
        field(
            "min-number",
            Kind::Integer(0, 128),
            "0",
            "Minimum number of numeric characters in password (0 - 128).",
        ).bounding(),
        field(
            "min-change-characters",
            Kind::Integer(0, 128),
            "0",
            "Minimum number of changed characters (0 - 128). Passwords are kept as hashes: from 1 on, a new one must be another than the one so far.",
        ).bounding(),
        field(
            "reuse-password",
            SWITCH,
            "enable",
            "Enable/disable reuse of password: the current one and the four before it.",
        ).bounding(),
        field(
            "reuse-password-limit",
            Kind::Integer(0, 20),
            "0",
            "Number of times passwords can be reused (0 - 20); 0 for any number.",
        ).bounding(),
    ],
    children: &[],
};
