//! `diagnose`: what is looked at, and what is shown while it happens.

use domain::schema::{FORTITOKEN, LOCAL, RADIUS_CLIENT, VDOM};

use super::{Argument, Kind, Node, Verb, actions, command, group, log, optional, required};
use crate::debug::{Application, Change, Switch};

pub(super) static DIAGNOSE: &[Node] = &[
    log::DIAGNOSE_LOG,
    actions::SYS,
    group("debug", "Debug facility.", DEBUG),
    group(
        "fortitoken",
        "FortiToken.",
        &[
            command(
                "info",
                "Show current drift and status for each FortiToken.",
                Verb::TokenInfo,
                &[optional(
                    "serial-number",
                    "One token only.",
                    Kind::Entry(&FORTITOKEN),
                )],
            ),
            command(
                "test",
                "Test FortiToken with screen setting for drift of internal clock.",
                Verb::TestToken,
                &[
                    required(
                        "serial-number",
                        "FortiToken serial number.",
                        Kind::Entry(&FORTITOKEN),
                    ),
                    required("code", "The code that the token shows.", Kind::Word),
                    required("next-code", "The code that it shows next.", Kind::Word),
                    required(
                        "screen-size",
                        "Screen size for drift of internal clock: steps to either side.",
                        Kind::Word,
                    ),
                ],
            ),
            group(
                "debug",
                "Debug output of token operations.",
                &switch(
                    Change::Fortitoken(Switch::Enable),
                    Change::Fortitoken(Switch::Disable),
                ),
            ),
        ],
    ),
    group(
        "login",
        "Logins and their refusals.",
        &[
            Node {
                word: "show",
                help: "Show the latest logins, and why those that were refused were.",
                verb: Some(Verb::LoginsOfAnyone),
                arguments: &[],
                words: &[
                    command(
                        "user",
                        "Logins with one name.",
                        Verb::LoginsOfUser,
                        &[required("name", "User name.", Kind::Entry(&LOCAL))],
                    ),
                    command(
                        "client",
                        "Logins through one RADIUS client.",
                        Verb::LoginsOfClient,
                        &[required(
                            "name",
                            "RADIUS client name.",
                            Kind::Entry(&RADIUS_CLIENT),
                        )],
                    ),
                    command(
                        "last",
                        "The latest logins.",
                        Verb::LastLogins,
                        &[required("number", "How many (1 - 1000).", Kind::Word)],
                    ),
                ],
            },
            command(
                "test",
                "Try a login out: how each stage is decided, and why. Nothing is spent.",
                Verb::TestLogin,
                &[
                    required(
                        "name",
                        "User name, as the user types it.",
                        Kind::Entry(&LOCAL),
                    ),
                    optional(
                        "password",
                        "Password; asked for where it is left out.",
                        Kind::Word,
                    ),
                    optional(
                        "code",
                        "Token code; asked for where it is left out.",
                        Kind::Word,
                    ),
                ],
            ),
            command(
                "check",
                "Whether a user could log in now, and what would stop that. Nothing is tried or counted.",
                Verb::CheckLogin,
                &[
                    required(
                        "name",
                        "User name, as the user types it.",
                        Kind::Entry(&LOCAL),
                    ),
                    optional(
                        "vdom",
                        "Virtual domain of the user; this one where it is left out.",
                        Kind::Entry(&VDOM),
                    ),
                ],
            ),
            command(
                "unlock",
                "Forget the wrong codes and passwords of a user.",
                Verb::Unlock,
                &[required("name", "User name.", Kind::Entry(&LOCAL))],
            ),
        ],
    ),
    group(
        "outbox",
        "What waits to be sent.",
        &[
            command(
                "list",
                "Show requests and messages that wait.",
                Verb::Outbox,
                &[],
            ),
            command(
                "history",
                "Show what became of the latest messages to people.",
                Verb::Deliveries,
                &[optional("number", "How many (1 - 1000).", Kind::Word)],
            ),
        ],
    ),
    actions::RADIUS,
    actions::SECURITY,
    actions::TEST,
    actions::VERIFICATION,
];

static DEBUG: &[Node] = &[
    command(
        "enable",
        "Enable debug output.",
        Verb::Debug(Change::Output(Switch::Enable)),
        &[],
    ),
    command(
        "disable",
        "Disable debug output.",
        Verb::Debug(Change::Output(Switch::Disable)),
        &[],
    ),
    command(
        "reset",
        "Reset all debug levels to default.",
        Verb::Debug(Change::Reset),
        &[],
    ),
    command(
        "info",
        "Show active debug level settings.",
        Verb::DebugInfo,
        &[],
    ),
    group(
        "application",
        "Debug level of a daemon.",
        &[
            level("alertmail", "Mails.", Application::Alertmail),
            level("authd", "Policy authentication.", Application::Authd),
            level("fnbamd", "Logins.", Application::Fnbamd),
            level(
                "forticldd",
                "Connections to the token server.",
                Application::Forticldd,
            ),
            level("ftm-push", "FortiToken Mobile push.", Application::FtmPush),
            level("httpsd", "Web pages.", Application::Httpsd),
            level("radiusd", "RADIUS.", Application::Radiusd),
            level("sshd", "SSH.", Application::Sshd),
            level("sslvpn", "SSL VPN.", Application::Sslvpn),
        ],
    ),
    command(
        "cli",
        "Debug level of the command line: what changes in the configuration.",
        Verb::DebugCli,
        &[required(
            "level",
            "0 - 8; 3 is usual, 8 shows changes.",
            Kind::Word,
        )],
    ),
    group(
        "console",
        "Console.",
        &[
            group(
                "timestamp",
                "Timestamps before debug lines.",
                &switch(
                    Change::Timestamp(Switch::Enable),
                    Change::Timestamp(Switch::Disable),
                ),
            ),
            group(
                "no-user-log-msg",
                "No user log messages on the console.",
                &switch(
                    Change::NoUserLog(Switch::Enable),
                    Change::NoUserLog(Switch::Disable),
                ),
            ),
        ],
    ),
];

const fn switch(enable: Change, disable: Change) -> [Node; 2] {
    [
        command("enable", "Enable.", Verb::Debug(enable), &[]),
        command("disable", "Disable.", Verb::Debug(disable), &[]),
    ]
}

static LEVEL: &[Argument] = &[required(
    "level",
    "0 for no lines, any other number for all; -1 is usual.",
    Kind::Word,
)];

const fn level(word: &'static str, help: &'static str, application: Application) -> Node {
    command(word, help, Verb::DebugLevel(application), LEVEL)
}
