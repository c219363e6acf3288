//! `config certificate local`: certificates that this unit shows to others, with their keys.

use super::{Access, choice, field};
use crate::access::Area;
use crate::schema::{Field, Key, KeyForm, Kind, Scope, Shape, Table};

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
        field(
            "enroll-protocol",
            Kind::Choice(&[
                choice("none", "None: the certificate is put in by hand."),
                choice(
                    "acme2",
                    "Automated Certificate Management Environment Version 2: the authority's terms of service are agreed to.",
                ),
            ]),
            "none",
            "Certificate enrollment protocol.",
        ),
        field(
            "acme-ca-url",
            Kind::Text(255),
            "https://acme-v02.api.letsencrypt.org/directory",
            "The URL for the ACME CA server.",
        )
        .such_as("https://acme.example.net/directory"),
        field(
            "acme-domain",
            Kind::List(&Kind::Host(255)),
            "",
            "Names of this unit in the public DNS, for which the certificate is.",
        )
        .such_as("tokens.example.net"),
        field(
            "acme-email",
            Kind::Text(255),
            "",
            "Contact email address that is required by some CAs, such as Let's Encrypt.",
        )
        .such_as("admin@example.net"),
        field(
            "acme-renew-window",
            Kind::Integer(1, 60),
            "30",
            "Beginning of the renewal window, in days before certificate expiration (1 - 60); never before the last third of its life.",
        ),
        field(
            "acme-ca-cert",
            Kind::Text(79),
            "",
            "File among this unit's certificates that vouches for the ACME server; whom the system trusts, unless set.",
        )
        .such_as("company-ca.pem"),
        Field {
            access: Access::Restored,
            ..field(
                "acme-account",
                Kind::Secret(4_096),
                "",
                "The account at the ACME CA server, which this unit makes.",
            )
        },
    ],
    children: &[],
};
