//! `diagnose test authserver`.

use domain::backend;
use domain::schema::{LDAP, RADIUS};

use super::{Argument, Kind, Node, Verb, command, group, required};

const USER: Argument = required("user", "User name, as the server knows it.", Kind::Word);
const PASSWORD: Argument = required("password", "Password.", Kind::Word);

const OF_LDAP: &[Argument] = &[
    required("name", "LDAP server entry name.", Kind::Entry(&LDAP)),
    USER,
    PASSWORD,
];
const OF_RADIUS: &[Argument] = &[
    required("name", "RADIUS server entry name.", Kind::Entry(&RADIUS)),
    required("scheme", "Authentication scheme: pap.", Kind::Word),
    USER,
    PASSWORD,
];
const KINDS: &[Node] = &[
    command(
        "ldap",
        "Test an LDAP server.",
        Verb::TestAuthserver(backend::Kind::Ldap),
        OF_LDAP,
    ),
    command(
        "radius",
        "Test a RADIUS server.",
        Verb::TestAuthserver(backend::Kind::Radius),
        OF_RADIUS,
    ),
];

pub(super) const AUTHSERVER: Node = group(
    "authserver",
    "Test of a server that knows passwords.",
    KINDS,
);
