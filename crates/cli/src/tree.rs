//! The commands, declared once. Parsing, abbreviations, completion and `?` all read this tree; the
//! configuration tables in it are those of [`domain::schema`].

use domain::backend;
use domain::schema::Table;
use ident::TokenKind;

use crate::debug::{Application, Change};
use crate::render::View;

mod actions;
mod authserver;
pub(crate) mod certificate;
mod diagnose;
mod execute;
mod intake;
mod keeping;
mod log;
mod moving;
mod places;
pub(crate) mod recovery;

pub(crate) use actions::{Act, PingOption};
pub(crate) use execute::METHODS;
pub(crate) use intake::Intake;
pub(crate) use keeping::{Keeping, Where};
pub(crate) use log::{Device, Log};
pub(crate) use moving::Moving;
pub(crate) use places::{
    BEFORE_OR_AFTER, CHILD_TABLE, ENTRY, GLOBAL, SETTINGS, TABLE, TOP, VDOM, VDOMS,
};

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
    TestLogin,
    CheckLogin,
    ActivateTokens,
    TakeIn(Intake),
    MoveTokens(Moving),
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
                | Self::TestLogin
                | Self::ActivateTokens
                | Self::TakeIn(_)
                | Self::MoveTokens(_)
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
            | Self::TestLogin
            | Self::CheckLogin
            | Self::ActivateTokens
            | Self::TakeIn(_)
            | Self::MoveTokens(_)
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
