//! `config user group`: who belongs together, as clients are told of it.

use super::{SWITCH, choice, field, without_effect};
use crate::access::Area;
use crate::schema::{Key, KeyForm, Kind, Scope, Shape, Table};

const NO_SESSIONS: &str =
    "the client that asked keeps the session; this unit hears nothing of it after its answer";

/// `config user group`.
pub static GROUP: Table = Table {
    path: "user group",
    help: "Configure user groups.",
    scope: Scope::Vdom,
    area: Area::Authentication,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "Group name.",
        form: KeyForm::Name(35),
    }),
    fields: &[
        without_effect(
            "a number for other units' use; here a group is known by its name",
            field("id", Kind::Integer(0, 4_294_967_295), "0", "Group ID."),
        ),
        field(
            "group-type",
            Kind::Choice(&[
                choice(
                    "firewall",
                    "Firewall: clients are told that a user is in it.",
                ),
                choice(
                    "fsso-service",
                    "Fortinet Single Sign-On Service: kept only.",
                ),
                choice("rsso", "RADIUS based Single Sign-On Service: kept only."),
            ]),
            "firewall",
            "Set the group to be for firewall authentication, FSSO or RSSO.",
        ),
        without_effect(
            NO_SESSIONS,
            field(
                "authtimeout",
                Kind::Integer(0, 43_200),
                "0",
                "Authentication timeout in minutes for this user group. 0 to use the global user setting auth-timeout.",
            ),
        ),
        without_effect(
            NO_SESSIONS,
            field(
                "auth-concurrent-override",
                SWITCH,
                "disable",
                "Enable/disable overriding the global number of concurrent authentication sessions for this user group.",
            ),
        ),
        without_effect(
            NO_SESSIONS,
            field(
                "auth-concurrent-value",
                Kind::Integer(0, 100),
                "0",
                "Maximum number of concurrent authenticated connections per user (0 - 100).",
            ),
        ),
        without_effect(
            "nobody logs in over HTTP digest here",
            field(
                "http-digest-realm",
                Kind::Text(35),
                "",
                "Realm attribute for MD5-digest authentication.",
            ),
        ),
        without_effect(
            "there is no single sign-on by accounting messages",
            field(
                "sso-attribute-value",
                Kind::Text(511),
                "",
                "RADIUS attribute value.",
            ),
        ),
        field(
            "member",
            Kind::List(&Kind::Reference(&[
                "user local",
                "user ldap",
                "user radius",
            ])),
            "",
            "Names of users and of LDAP and RADIUS servers to add to the user group. Of a server's users those belong to it who have no entry under config user local: all of them, unless config match says which.",
        ),
    ],
    children: &[&GROUP_MATCH],
};

/// `config match` in `config user group`.
pub static GROUP_MATCH: Table = Table {
    path: "match",
    help: "Group matches: which of a server's users belong to the user group.",
    scope: Scope::Vdom,
    area: Area::Authentication,
    shape: Shape::Keyed(Key {
        name: "id",
        help: "ID.",
        form: KeyForm::Number(4_294_967_295),
    }),
    fields: &[
        field(
            "server-name",
            Kind::Reference(&["user ldap", "user radius"]),
            "",
            "Name of the LDAP or RADIUS server.",
        )
        .bounding(),
        field(
            "group-name",
            Kind::Text(511),
            "",
            "Group as the server calls it: its distinguished name in a directory, a Fortinet-Group-Name of a RADIUS server.",
        )
        .such_as("cn=vpn,ou=groups,dc=example,dc=net")
        .bounding(),
    ],
    children: &[],
};
