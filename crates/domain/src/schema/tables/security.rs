//! `config system security`: what this system adds to the described one.

use super::{choice, field};
use crate::access::Area;
use crate::schema::{Kind, Scope, Shape, Table};

/// `config system security`.
pub static SECURITY: Table = Table {
    path: "system security",
    help: "Choose between the described system's defaults and today's standards.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Single,
    fields: &[field(
        "profile",
        Kind::Choice(&[
            choice("compatible", "Defaults of the described system."),
            choice(
                "strict",
                "What NIST SP 800-63B-4 and OWASP ASVS 5 ask for, where it can be decided here.",
            ),
        ]),
        "compatible",
        "Security profile; 'diagnose security' lists what deviates from today's standards.",
    )],
    children: &[],
};
