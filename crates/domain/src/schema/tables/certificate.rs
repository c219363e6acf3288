//! `config certificate local`: certificates that this unit shows to others, with their keys.

use super::field;
use crate::access::Area;
use crate::schema::{Key, KeyForm, Kind, Scope, Shape, Table};

/// Five certificates with the longest keys stay below it.
const CHAIN_MAX: u16 = 16_384;
/// An RSA key of 8,192 bits has some 6,400 characters.
const KEY_MAX: u16 = 8_192;

/// `config certificate local`.
pub static CERTIFICATE_LOCAL: Table = Table {
    path: "certificate local",
    help: "Local keys and certificates.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "Name.",
        form: KeyForm::Name(35),
    }),
    fields: &[
        field(
            "password",
            Kind::Secret(128),
            "",
            "Password that opens a private key in encrypted PEM.",
        ),
        field("comments", Kind::Text(511), "", "Comment."),
        field(
            "private-key",
            Kind::SecretPem(KEY_MAX),
            "",
            "PEM format key; 'execute vpn certificate local generate' makes one that never leaves this unit.",
        ),
        field(
            "certificate",
            Kind::Pem(CHAIN_MAX),
            "",
            "PEM format certificate, with those of the authorities between it and the root behind it.",
        ),
        field(
            "csr",
            Kind::Pem(KEY_MAX),
            "",
            "Certificate Signing Request of 'execute vpn certificate local generate'.",
        ),
    ],
    children: &[],
};
