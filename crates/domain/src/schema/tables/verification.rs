//! `config user verification-client`.

use super::{choice, field};
use crate::access::Area;
use crate::schema::{Field, Key, KeyForm, Kind, Scope, Shape, Table};

/// How a client combines password and code.
pub(super) const CODE_POSITION: Field = field(
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
        choice(
            "before-password",
            "The code comes before the password in the same field.",
        ),
        choice(
            "separator",
            "The code follows code-separator after the password; without it the code answers a challenge.",
        ),
        choice(
            "code-only",
            "The client checks the password itself and sends the code alone.",
        ),
    ]),
    "challenge",
    "How password and code are combined.",
)
.bounding();

/// What stands between them, if anything.
pub(super) const CODE_SEPARATOR: Field = field(
    "code-separator",
    Kind::Text(1),
    ",",
    "The character between password and code where code-position is separator; the last one counts.",
)
.such_as(";");

/// `config user verification-client`: applications that have logins checked over HTTPS.
pub static VERIFICATION_CLIENT: Table = Table {
    path: "user verification-client",
    help: "Configure the applications that have logins checked over HTTPS.",
    scope: Scope::Vdom,
    area: Area::Authentication,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "Application name.",
        form: KeyForm::Name(35),
    }),
    fields: &[
        field(
            "subnet",
            Kind::Subnet,
            "",
            "Address or network from which the application asks.",
        )
        .such_as("192.0.2.0/24"),
        field(
            "credentials",
            Kind::Choice(&[
                choice("secret", "Its name and its secret."),
                choice(
                    "subnet",
                    "Its name in the path and its address, for plug-ins that send no secret. Not under the security profile strict.",
                ),
            ]),
            "secret",
            "By what the application is known.",
        )
        .bounding(),
        field(
            "secret",
            Kind::Secret(128),
            "",
            "The secret that the application is configured with.",
        ),
        CODE_POSITION,
        CODE_SEPARATOR,
        field(
            "push",
            Kind::Choice(&[
                choice(
                    "on-request",
                    "When the code is asked for and the user answers with none.",
                ),
                choice(
                    "at-once",
                    "As soon as the code would be asked for; for plug-ins that wait for the phone from there.",
                ),
            ]),
            "on-request",
            "When users of plug-ins are asked on the phone, where system ftm-push is enabled.",
        ),
    ],
    children: &[],
};
