//! The commands that act outside of the store.

use std::ops::RangeInclusive;

use super::{Argument, Kind, Node, Verb, command, group, optional, required};
use crate::session::Family;
use crate::tree::certificate::CertificateWord;
use crate::tree::recovery::RecoveryWord;
use domain::schema::RADIUS_CLIENT;
use domain::unit::Ending;

/// Which of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    Time,
    Date,
    Ping(Family),
    PingOption(PingOption),
    PingReset,
    PingSettings,
    Telnet,
    Administrators,
    Sessions,
    EndSession,
    Administrator,
    Performance,
    TokenServerTest,
    End(Ending),
    TimeServers,
    RadiusClients,
    RadiusName,
    ResetAuthenticator,
    VerificationGuesses,
    ForgetGuesses,
    Security,
    Recovery(RecoveryWord),
    Certificate(CertificateWord),
}

/// Something of `execute ping-options`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PingOption {
    RepeatCount,
    DataSize,
    Timeout,
    Interval,
}

impl PingOption {
    /// What it may be. A day of echoes is enough for one command; 65507 octets fill the largest packet.
    pub(crate) fn range(self) -> RangeInclusive<u32> {
        match self {
            Self::RepeatCount => 1..=86_400,
            Self::DataSize => 0..=65_507,
            Self::Timeout | Self::Interval => 1..=60,
        }
    }
}

const fn act(word: &'static str, help: &'static str, act: Act) -> Node {
    command(word, help, Verb::Act(act), &[])
}

const fn option(word: &'static str, help: &'static str, option: PingOption) -> Node {
    command(word, help, Verb::Act(Act::PingOption(option)), NUMBER)
}

static NUMBER: &[super::Argument] = &[required("number", "A number.", Kind::Word)];
static HOST: &[super::Argument] = &[required("host", "Host name or IP address.", Kind::Word)];

pub(super) const DATE: Node = command(
    "date",
    "Show the date.",
    Verb::Act(Act::Date),
    &[optional(
        "date",
        "yyyy-mm-dd; the host sets it.",
        Kind::Word,
    )],
);
pub(super) const TIME: Node = command(
    "time",
    "Show the time.",
    Verb::Act(Act::Time),
    &[optional("time", "hh:mm:ss; the host sets it.", Kind::Word)],
);
pub(super) const PING: Node = command(
    "ping",
    "PING command.",
    Verb::Act(Act::Ping(Family::V4)),
    HOST,
);
pub(super) const PING6: Node = command(
    "ping6",
    "PINGv6 command.",
    Verb::Act(Act::Ping(Family::V6)),
    HOST,
);
pub(super) const PING_OPTIONS: Node = group(
    "ping-options",
    "Ping settings of this session.",
    &[
        option(
            "data-size",
            "Octets of data in each echo.",
            PingOption::DataSize,
        ),
        option("interval", "Seconds between echoes.", PingOption::Interval),
        option(
            "repeat-count",
            "How many echoes are asked for.",
            PingOption::RepeatCount,
        ),
        act("reset", "Put all settings back.", Act::PingReset),
        option(
            "timeout",
            "Seconds to wait for each echo.",
            PingOption::Timeout,
        ),
        act("view-settings", "Show the settings.", Act::PingSettings),
    ],
);
pub(super) const TELNET: Node = command(
    "telnet",
    "Try a TCP connection.",
    Verb::Act(Act::Telnet),
    &[
        required("host", "Host name or IP address.", Kind::Word),
        optional("port", "Port; 23 if none is named.", Kind::Word),
    ],
);

const TESTS: &[Node] = &[
    group(
        "application",
        "Test of a daemon.",
        &[command(
            "forticldd",
            "Connection to the token server.",
            Verb::Act(Act::TokenServerTest),
            &[optional(
                "number",
                "Test to run; all of them are listed without one.",
                Kind::Word,
            )],
        )],
    ),
    super::authserver::AUTHSERVER,
];

pub(super) const TEST: Node = group("test", "Tests of daemons.", TESTS);

pub(super) const FACTORY_RESET: Node = act(
    "factoryreset",
    "Reset to factory default.",
    Act::End(Ending::FactoryReset),
);
pub(super) const REBOOT: Node = command(
    "reboot",
    "Restart this unit.",
    Verb::Act(Act::End(Ending::Reboot)),
    REASON,
);
pub(super) const SHUTDOWN: Node = command(
    "shutdown",
    "Shut down this unit.",
    Verb::Act(Act::End(Ending::Shutdown)),
    REASON,
);
static REASON: &[super::Argument] = &[
    optional("comment", "The word 'comment'.", Kind::Word),
    optional("text", "Why, for the event log.", Kind::Word),
];

pub(super) const SYS: Node = group(
    "sys",
    "System.",
    &[
        group(
            "admin-session",
            "Sessions of administrators.",
            &[
                act("list", "Show who is logged in.", Act::Sessions),
                command(
                    "kill",
                    "End a session.",
                    Verb::Act(Act::EndSession),
                    &[required("number", "Number of the session.", Kind::Word)],
                ),
            ],
        ),
        group(
            "ntp",
            "Time servers.",
            &[command(
                "status",
                "Ask the servers of 'config system ntp' and compare their clocks with this unit's.",
                Verb::Act(Act::TimeServers),
                &[],
            )],
        ),
    ],
);
pub(super) const DISCONNECT: Node = command(
    "disconnect-admin-session",
    "End an administrator's session; without a number, show who is logged in.",
    Verb::Act(Act::EndSession),
    &[optional("number", "Number of the session.", Kind::Word)],
);
pub(super) const RADIUS: Node = group("radius", "RADIUS server.", OF_RADIUS);
const OF_RADIUS: &[Node] = &[
    Node {
        word: "clients",
        help: "Show what RADIUS clients have asked since the start.",
        verb: Some(Verb::Act(Act::RadiusClients)),
        arguments: &[],
        words: &[
            act(
                "list",
                "Show what RADIUS clients have asked since the start.",
                Act::RadiusClients,
            ),
            command(
                "reset-authenticator",
                "Let an address leave the Message-Authenticator out again.",
                Verb::Act(Act::ResetAuthenticator),
                &[required("address", "IP address.", Kind::Word)],
            ),
        ],
    },
    command(
        "name",
        "Show by what name a user is looked up whom a client names so.",
        Verb::Act(Act::RadiusName),
        PRESENTED,
    ),
];
const PRESENTED: &[Argument] = &[
    required("client", "RADIUS client name.", Kind::Entry(&RADIUS_CLIENT)),
    required("name", "User name, as it would be typed.", Kind::Word),
];
pub(super) const VERIFICATION: Node = group(
    "verification",
    "Applications that have logins checked over HTTPS.",
    OF_VERIFICATION,
);
const OF_VERIFICATION: &[Node] = &[
    act(
        "guesses",
        "Show who showed wrong secrets of applications, and who is not heard for it.",
        Act::VerificationGuesses,
    ),
    command(
        "forget",
        "Hear an address again that showed wrong secrets.",
        Verb::Act(Act::ForgetGuesses),
        &[required("address", "IP address.", Kind::Word)],
    ),
];
pub(super) const SECURITY: Node = act(
    "security",
    "Show where this unit falls short of today's standards, and what mends it.",
    Act::Security,
);
