//! `execute vpn certificate local …`.

use domain::schema::CERTIFICATE_LOCAL;

use super::actions::Act;
use super::{Argument, Kind, Node, Verb, command, group, optional, required};

/// Which of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CertificateWord {
    Details,
    Export,
    GenerateRsa,
    GenerateEc,
}

const fn verb(word: CertificateWord) -> Verb {
    Verb::Act(Act::Certificate(word))
}

pub(super) const DETAILS: Verb = verb(CertificateWord::Details);

const NAME: Argument = required("name", "Local certificate name.", Kind::Word);
const HELD: Argument = required(
    "name",
    "Local certificate name.",
    Kind::Entry(&CERTIFICATE_LOCAL),
);
const SUBJECT: Argument = required(
    "subject",
    "Host IP, domain name or e-mail: what the certificate is for.",
    Kind::Word,
);
const COUNTRY: Argument = optional("country", "Country code, such as CA.", Kind::Word);
const STATE: Argument = optional("state", "State or province.", Kind::Word);
const CITY: Argument = optional("city", "City.", Kind::Word);
const ORGANIZATION: Argument = optional("organization", "Organization.", Kind::Word);
const UNITS: Argument = optional(
    "units",
    "Organizational units, with commas between them.",
    Kind::Word,
);
const EMAIL: Argument = optional("email", "E-mail address.", Kind::Word);
const NAMES: Argument = optional(
    "names",
    "Subject alternative names, with commas between them: DNS:vpn.example.net,IP:192.0.2.7.",
    Kind::Word,
);

const fn generate(key: Argument) -> [Argument; 10] {
    [
        NAME,
        key,
        SUBJECT,
        COUNTRY,
        STATE,
        CITY,
        ORGANIZATION,
        UNITS,
        EMAIL,
        NAMES,
    ]
}

const RSA: [Argument; 10] = generate(required("key size", "2048, 3072 or 4096 bits.", Kind::Word));
const EC: [Argument; 10] = generate(required(
    "curve",
    "secp256r1, secp384r1 or secp521r1.",
    Kind::Word,
));

pub(super) const VPN: Node = group(
    "vpn",
    "VPN.",
    &[group(
        "certificate",
        "Certificates.",
        &[group(
            "local",
            "Local certificates.",
            &[
                group(
                    "export",
                    "Export a local certificate, or its signing request.",
                    &[command(
                        "terminal",
                        "Show it as PEM; the private key never leaves this unit.",
                        verb(CertificateWord::Export),
                        &[HELD],
                    )],
                ),
                group(
                    "generate",
                    "Generate a key, and the request to have it certified.",
                    &[
                        command(
                            "ec",
                            "Generate an elliptic curve certificate request.",
                            verb(CertificateWord::GenerateEc),
                            &EC,
                        ),
                        command(
                            "rsa",
                            "Generate an RSA certificate request.",
                            verb(CertificateWord::GenerateRsa),
                            &RSA,
                        ),
                    ],
                ),
            ],
        )],
    )],
);
