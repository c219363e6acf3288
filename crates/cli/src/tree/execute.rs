//! `execute`: what is done at once.

use domain::schema::FORTITOKEN;
use ident::TokenKind;

use super::{
    Argument, Keyword, Kind, Need, Node, Verb, actions, certificate, command, group, intake,
    keeping, log, moving, optional, recovery, required,
};

pub(super) static EXECUTE: &[Node] = &[
    log::EXECUTE_LOG,
    keeping::BACKUP,
    actions::DATE,
    actions::DISCONNECT,
    actions::FACTORY_RESET,
    group(
        "fortitoken",
        "FortiToken operation.",
        &[
            command(
                "activate",
                "Activate FortiToken(s) with the token server. Hardware tokens only.",
                Verb::ActivateTokens,
                HARDWARE_SERIALS,
            ),
            intake::IMPORT,
            intake::IMPORT_SEED_FILE,
            intake::IMPORT_SN_FILE,
            command(
                "sync",
                "Synchronize a FortiToken with two codes that follow each other.",
                Verb::Sync,
                &[
                    required(
                        "serial-number",
                        "FortiToken serial number.",
                        Kind::Entry(&FORTITOKEN),
                    ),
                    required("code", "The code that the token shows.", Kind::Word),
                    required("next-code", "The code that it shows next.", Kind::Word),
                ],
            ),
        ],
    ),
    group(
        "fortitoken-mobile",
        "FortiToken Mobile operation.",
        &[
            command(
                "import",
                "Import the mobile tokens of a license from the token server.",
                Verb::Import,
                &[required(
                    "code",
                    "Code on the redemption certificate; 0000-0000-0000-0000-0000 for trial tokens.",
                    Kind::Word,
                )],
            ),
            moving::MOVE,
            command("poll", "Poll mobile token states.", Verb::Poll, &[]),
            command(
                "provision",
                "Provision a mobile token.",
                Verb::Provision,
                &[MOBILE_SERIAL],
            ),
            command(
                "renew",
                "Renew a locked mobile token.",
                Verb::Renew,
                &[MOBILE_SERIAL],
            ),
            command(
                "send-activation",
                "Send the activation code of a mobile token to its user again.",
                Verb::SendActivation,
                &[
                    MOBILE_SERIAL,
                    optional(
                        "method",
                        "email or sms; else as the user's entry says.",
                        Kind::Keyword(METHODS),
                    ),
                ],
            ),
        ],
    ),
    actions::PING,
    actions::PING_OPTIONS,
    actions::PING6,
    actions::REBOOT,
    recovery::CODE,
    recovery::PASS,
    keeping::RESTORE,
    keeping::REVISIONS,
    actions::SHUTDOWN,
    actions::TELNET,
    actions::TIME,
    certificate::VPN,
];

/// By which way a code goes.
pub(crate) const METHODS: &[Keyword] = &[
    Keyword {
        word: "email",
        help: "By mail.",
    },
    Keyword {
        word: "sms",
        help: "By SMS.",
    },
];

const MOBILE_SERIAL: Argument = required(
    "serial-number",
    "MobileToken serial number.",
    Kind::Token(TokenKind::Mobile),
);

const HARDWARE_SERIAL: Argument = optional(
    "serial-number",
    "Hardware token serial number.",
    Kind::Token(TokenKind::Hardware),
);

/// One at least, and as many as one request to the token server takes.
static HARDWARE_SERIALS: &[Argument] = &{
    let mut serials = [const { HARDWARE_SERIAL }; 20];
    serials[0].need = Need::Required;
    serials
};
