//! The commands, declared once. Parsing, abbreviations, completion and `?` all read this tree; the
//! configuration tables in it are those of [`domain::schema`].

use domain::backend;
use domain::schema::{FORTITOKEN, LOCAL, RADIUS_CLIENT, Table};
use ident::TokenKind;

use crate::debug::{Application, Change, Switch};
use crate::render::View;

mod actions;
mod authserver;
pub(crate) mod certificate;
mod intake;
mod keeping;
mod log;
pub(crate) mod recovery;

pub(crate) use actions::{Act, PingOption};
pub(crate) use intake::Intake;
pub(crate) use keeping::{Keeping, Where};
pub(crate) use log::{Device, Log};

/// A word of a command.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) word: &'static str,
    /// One line for `?`.
    pub(crate) help: &'static str,
    /// What runs when the line ends here or after the arguments; none if another word must follow.
    pub(crate) verb: Option<Verb>,
    pub(crate) arguments: &'static [Argument],
    /// The words that may follow.
    pub(crate) words: &'static [Node],
}

/// What follows the words of a command.
#[derive(Debug)]
pub(crate) struct Argument {
    /// As `?` shows it, in `<…>`.
    pub(crate) name: &'static str,
    /// One line for `?`.
    pub(crate) help: &'static str,
    pub(crate) kind: Kind,
    pub(crate) need: Need,
}

/// A word between arguments.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Keyword {
    pub(crate) word: &'static str,
    pub(crate) help: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Need {
    Required,
    Optional,
}

/// What an argument is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The whole path of a table.
    Path,
    /// A path, or only its beginning for all tables below it.
    AnyPath,
    /// Like `AnyPath`, or one of [`REPORTS`].
    PathOrReport,
    /// The key of an entry of the table whose path came before.
    KeyOfPath,
    /// The key of an entry of the table at hand.
    Key,
    /// A field of the table at hand.
    Field,
    /// Such a field that holds a list.
    ListField,
    /// A table inside the entry at hand.
    Child,
    /// One of these words.
    Keyword(&'static [Keyword]),
    /// What the field before takes: all words that are left.
    Value,
    /// The key of an entry of this table.
    Entry(&'static Table),
    /// The serial number of a token of this kind.
    Token(TokenKind),
    /// Anything else: one word.
    Word,
}

/// What a command does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verb {
    Config,
    Child,
    Edit,
    Delete,
    Purge,
    Rename,
    Move,
    Clone,
    Set,
    Unset,
    Append,
    Unselect,
    Next,
    End,
    Abort,
    Exit,
    List(View),
    SystemStatus,
    Import,
    Provision,
    Renew,
    SendActivation,
    Poll,
    Sync,
    TestToken,
    ActivateTokens,
    TakeIn(Intake),
    TestAuthserver(backend::Kind),
    TokenInfo,
    Debug(Change),
    DebugLevel(Application),
    DebugCli,
    DebugInfo,
    LoginsOfAnyone,
    LoginsOfUser,
    LoginsOfClient,
    LastLogins,
    Unlock,
    Outbox,
    Deliveries,
    Act(Act),
    Log(Log),
    Keep(Keeping),
}

impl Verb {
    /// Whether it is about tokens and users, which stand in a virtual domain where there are any.
    pub(crate) fn is_of_a_vdom(self) -> bool {
        matches!(
            self,
            Self::Import
                | Self::Provision
                | Self::Renew
                | Self::SendActivation
                | Self::Sync
                | Self::TestToken
                | Self::ActivateTokens
                | Self::TakeIn(_)
                | Self::TestAuthserver(_)
                | Self::Unlock
                | Self::LoginsOfUser
                | Self::LoginsOfClient
                | Self::Act(Act::Recovery(_))
        )
    }

    /// Whether it prints something that a pipe can filter.
    pub(crate) fn prints(self) -> bool {
        match self {
            Self::Config
            | Self::Child
            | Self::Edit
            | Self::Delete
            | Self::Purge
            | Self::Rename
            | Self::Move
            | Self::Clone
            | Self::Set
            | Self::Unset
            | Self::Append
            | Self::Unselect
            | Self::Next
            | Self::End
            | Self::Abort
            | Self::Exit => false,
            Self::List(_)
            | Self::SystemStatus
            | Self::Import
            | Self::Provision
            | Self::Renew
            | Self::SendActivation
            | Self::Poll
            | Self::Sync
            | Self::TestToken
            | Self::ActivateTokens
            | Self::TakeIn(_)
            | Self::TestAuthserver(_)
            | Self::TokenInfo
            | Self::Debug(_)
            | Self::DebugLevel(_)
            | Self::DebugCli
            | Self::DebugInfo
            | Self::LoginsOfAnyone
            | Self::LoginsOfUser
            | Self::LoginsOfClient
            | Self::LastLogins
            | Self::Unlock
            | Self::Outbox
            | Self::Deliveries
            | Self::Act(_)
            | Self::Keep(_) => true,
            Self::Log(log) => matches!(log, Log::Display | Log::Dump | Log::Verify),
        }
    }
}

/// What stands between `get` and the tables: a path that no table has.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) path: &'static str,
    pub(crate) help: &'static str,
    pub(crate) verb: Verb,
}

pub(crate) static REPORTS: &[Report] = &[
    Report {
        path: "system admin list",
        help: "Show the administrators who are logged in.",
        verb: Verb::Act(Act::Administrators),
    },
    Report {
        path: "system admin status",
        help: "Show this administrator's session.",
        verb: Verb::Act(Act::Administrator),
    },
    Report {
        path: "system performance status",
        help: "Show processor and memory use.",
        verb: Verb::Act(Act::Performance),
    },
    Report {
        path: "system status",
        help: "Show system status.",
        verb: Verb::SystemStatus,
    },
    Report {
        path: "vpn certificate local details",
        help: "Show local certificates: whose, for which names, for how long, and who uses them.",
        verb: certificate::DETAILS,
    },
];

/// The first words of the tables' paths, for `?`.
pub(crate) static GROUPS: &[(&str, &str)] = &[
    ("certificate", "Certificates."),
    ("log", "Event log."),
    ("system", "System operation."),
    ("user", "Users and authentication."),
    ("vpn", "VPN."),
];

const fn group(word: &'static str, help: &'static str, words: &'static [Node]) -> Node {
    Node {
        word,
        help,
        verb: None,
        arguments: &[],
        words,
    }
}

const fn command(
    word: &'static str,
    help: &'static str,
    verb: Verb,
    arguments: &'static [Argument],
) -> Node {
    Node {
        word,
        help,
        verb: Some(verb),
        arguments,
        words: &[],
    }
}

const fn required(name: &'static str, help: &'static str, kind: Kind) -> Argument {
    Argument {
        name,
        help,
        kind,
        need: Need::Required,
    }
}

const fn optional(name: &'static str, help: &'static str, kind: Kind) -> Argument {
    Argument {
        name,
        help,
        kind,
        need: Need::Optional,
    }
}

/// At the top.
pub(crate) static TOP: &[Node] = &[CONFIG, GET, SHOW, DIAG, EXEC, EXIT, QUIT];

/// After `config global`.
pub(crate) static GLOBAL: &[Node] = &[CONFIG, GET, SHOW, DIAG, EXEC, LEAVE, ABORT];

/// After `config vdom`, where entries are places.
pub(crate) static VDOMS: &[Node] = &[EDIT, DELETE, SHOW_HERE, GET_HERE, LEAVE, ABORT];

/// In a VDOM.
pub(crate) static VDOM: &[Node] = &[
    CONFIG,
    GET,
    SHOW,
    DIAG,
    EXEC,
    command("next", "Go on with another VDOM.", Verb::Next, &[]),
    LEAVE,
    ABORT,
    EXIT,
    QUIT,
];

const CONFIG: Node = command(
    "config",
    "Configure object.",
    Verb::Config,
    &[required("path", "Table or settings.", Kind::Path)],
);
const GET: Node = command(
    "get",
    "Get dynamic and system information.",
    Verb::List(View::Get),
    PATH_OR_REPORT,
);
const SHOW: Node = Node {
    word: "show",
    help: "Show configuration.",
    verb: Some(Verb::List(View::Show)),
    arguments: ANY_PATH,
    words: &[command(
        "full-configuration",
        "Show full configuration, defaults included.",
        Verb::List(View::Full),
        ANY_PATH,
    )],
};
const DIAG: Node = group("diagnose", "Diagnose facility.", DIAGNOSE);
const EXEC: Node = group("execute", "Execute static commands.", EXECUTE);
const EXIT: Node = command("exit", "Exit the CLI.", Verb::Exit, &[]);
const QUIT: Node = command("quit", "Exit the CLI.", Verb::Exit, &[]);
const LEAVE: Node = command("end", "Go back to the top.", Verb::End, &[]);

static ANY_PATH: &[Argument] = &[
    optional("path", "Table or settings.", Kind::AnyPath),
    optional("key", "One entry only.", Kind::KeyOfPath),
];

static PATH_OR_REPORT: &[Argument] = &[
    optional("path", "Table, settings or report.", Kind::PathOrReport),
    optional("key", "One entry only.", Kind::KeyOfPath),
];

const SHOW_HERE: Node = show(&[], const { &[full(&[])] });
const GET_HERE: Node = get(&[]);
const SHOW_IN_TABLE: Node = show(ANY_KEY, const { &[full(ANY_KEY)] });
const GET_IN_TABLE: Node = get(ANY_KEY);

static ANY_KEY: &[Argument] = &[optional("key", "One entry only.", Kind::Key)];

const fn show(arguments: &'static [Argument], words: &'static [Node]) -> Node {
    Node {
        word: "show",
        help: "Show configuration.",
        verb: Some(Verb::List(View::Show)),
        arguments,
        words,
    }
}

const fn full(arguments: &'static [Argument]) -> Node {
    command(
        "full-configuration",
        "Show full configuration, defaults included.",
        Verb::List(View::Full),
        arguments,
    )
}

const fn get(arguments: &'static [Argument]) -> Node {
    command(
        "get",
        "Get what is configured, defaults included.",
        Verb::List(View::Get),
        arguments,
    )
}
const ABORT: Node = command(
    "abort",
    "Exit all levels without saving what is open.",
    Verb::Abort,
    &[],
);
const SET: Node = command(
    "set",
    "Modify value.",
    Verb::Set,
    &[
        required("field", "Field to set.", Kind::Field),
        required("value", "Its value.", Kind::Value),
    ],
);
const UNSET: Node = command(
    "unset",
    "Set to default value.",
    Verb::Unset,
    &[required(
        "field",
        "Field to put back to its default.",
        Kind::Field,
    )],
);

const APPEND: Node = command(
    "append",
    "Add values to a list.",
    Verb::Append,
    &[
        required("field", "List to add to.", Kind::ListField),
        required("value", "What to add.", Kind::Value),
    ],
);
const UNSELECT: Node = command(
    "unselect",
    "Take values out of a list.",
    Verb::Unselect,
    &[
        required("field", "List to take out of.", Kind::ListField),
        required("value", "What to take out.", Kind::Value),
    ],
);
const CHILD: Node = command(
    "config",
    "Configure a table inside this one.",
    Verb::Child,
    &[required("table", "Table inside this one.", Kind::Child)],
);
const EDIT: Node = command(
    "edit",
    "Add or edit an entry.",
    Verb::Edit,
    &[required("key", "Entry to add or to edit.", Kind::Key)],
);
const DELETE: Node = command(
    "delete",
    "Delete an entry.",
    Verb::Delete,
    &[required("key", "Entry to delete.", Kind::Key)],
);
const PURGE: Node = command("purge", "Clear all entries.", Verb::Purge, &[]);
const RENAME: Node = command(
    "rename",
    "Rename an entry.",
    Verb::Rename,
    &[
        required("key", "Entry to rename.", Kind::Key),
        required("to", "Keyword.", Kind::Keyword(TO)),
        required("new key", "Its new name.", Kind::Word),
    ],
);
const CLONE: Node = command(
    "clone",
    "Copy an entry.",
    Verb::Clone,
    &[
        required("key", "Entry to copy.", Kind::Key),
        required("to", "Keyword.", Kind::Keyword(TO)),
        required("new key", "Name of the copy.", Kind::Word),
    ],
);
const MOVE: Node = command(
    "move",
    "Move an entry to another place.",
    Verb::Move,
    &[
        required("key", "Entry to move.", Kind::Key),
        required("where", "Keyword.", Kind::Keyword(BEFORE_OR_AFTER)),
        required(
            "other key",
            "Entry before or after which it goes.",
            Kind::Key,
        ),
    ],
);

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
const TO: &[Keyword] = &[Keyword {
    word: "to",
    help: "Its new name follows.",
}];
pub(crate) const BEFORE_OR_AFTER: &[Keyword] = &[
    Keyword {
        word: "before",
        help: "Before another entry.",
    },
    Keyword {
        word: "after",
        help: "After another entry.",
    },
];

/// In a table.
pub(crate) static TABLE: &[Node] = &[
    EDIT,
    DELETE,
    PURGE,
    RENAME,
    CLONE,
    SHOW_IN_TABLE,
    GET_IN_TABLE,
    command("end", "Leave the table.", Verb::End, &[]),
    ABORT,
];

/// In a table inside an entry: its entries are in the order in which they were added.
pub(crate) static CHILD_TABLE: &[Node] = &[
    EDIT,
    DELETE,
    PURGE,
    RENAME,
    MOVE,
    CLONE,
    SHOW_IN_TABLE,
    GET_IN_TABLE,
    command("end", "Go back to the entry.", Verb::End, &[]),
    ABORT,
];

/// In an entry of a table.
pub(crate) static ENTRY: &[Node] = &[
    CHILD,
    SET,
    UNSET,
    APPEND,
    UNSELECT,
    SHOW_HERE,
    GET_HERE,
    command(
        "next",
        "Save the entry and go on with the table.",
        Verb::Next,
        &[],
    ),
    command("end", "Save the entry and leave the table.", Verb::End, &[]),
    ABORT,
];

/// In a single object.
pub(crate) static SETTINGS: &[Node] = &[
    CHILD,
    SET,
    UNSET,
    APPEND,
    UNSELECT,
    SHOW_HERE,
    GET_HERE,
    command("end", "Save and leave.", Verb::End, &[]),
    ABORT,
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

static EXECUTE: &[Node] = &[
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

static DIAGNOSE: &[Node] = &[
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
                "unlock",
                "Forget the wrong codes of a user.",
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
