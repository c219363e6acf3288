//! `execute log` and `diagnose log`.

use domain::event_log::Key;

use super::{Argument, Kind, Node, Verb, command, group, optional, required};

/// What such a command does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Log {
    Category,
    Device(Device),
    Field(Key),
    FreeStyle,
    StartLine,
    ViewLines,
    MaxCheckLines,
    Reset,
    Dump,
    Display,
    Delete,
    DeleteAll,
    Verify,
}

/// Where FortiOS keeps logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Device {
    Memory,
    #[default]
    Disk,
}

const fn log(word: &'static str, help: &'static str, log: Log) -> Node {
    command(word, help, Verb::Log(log), &[])
}

const fn number(word: &'static str, help: &'static str, log: Log) -> Node {
    command(word, help, Verb::Log(log), NUMBER)
}

static NUMBER: &[Argument] = &[required("number", "A number.", Kind::Word)];

static VALUES: &[Argument] = &[optional(
    "value",
    "Values of which it is one, or 'not' and values of which it is none; '*' stands for anything. Without: any.",
    Kind::Value,
)];

/// The fields of a line that `execute log display` shows, each as a command.
static FIELDS: [Node; FIELD_COUNT] = fields();

/// All but those for syslog servers.
const FIELD_COUNT: usize = Key::ALL.len() - 2;

const fn fields() -> [Node; FIELD_COUNT] {
    let mut fields = [const { log("", "", Log::Dump) }; FIELD_COUNT];
    let (mut from, mut to) = (0, 0);
    while from < Key::ALL.len() {
        let key = Key::ALL[from];
        if !matches!(key, Key::DevName | Key::DevId) {
            fields[to] = command(
                key.word(),
                key.meaning(),
                Verb::Log(Log::Field(key)),
                VALUES,
            );
            to += 1;
        }
        from += 1;
    }
    fields
}

pub(super) const EXECUTE_LOG: Node = group("log", "Event log.", EXECUTE);

static EXECUTE: &[Node] = &[
    log("delete", "Delete the event log.", Log::Delete),
    log("delete-all", "Delete all local logs.", Log::DeleteAll),
    log(
        "display",
        "Show what the filter lets through.",
        Log::Display,
    ),
    group("filter", "What 'display' shows.", FILTER),
];

static FILTER: &[Node] = &[
    group(
        "category",
        "Kind of log.",
        &[
            log("event", "Events: the one kind there is.", Log::Category),
            log("1", "The same by its number.", Log::Category),
        ],
    ),
    group(
        "device",
        "Where the log is kept: each shows the same one.",
        &[
            log("disk", "Disk.", Log::Device(Device::Disk)),
            log("memory", "Memory.", Log::Device(Device::Memory)),
            log("0", "Memory.", Log::Device(Device::Memory)),
            log("1", "Disk.", Log::Device(Device::Disk)),
        ],
    ),
    log("dump", "Show the filter.", Log::Dump),
    group("field", "What a field has to be.", &FIELDS),
    command(
        "free-style",
        "Conditions put together by words.",
        Verb::Log(Log::FreeStyle),
        &[required(
            "expression",
            "Such as \"(user alice) or (level alert and not status success)\"; \"\" for none.",
            Kind::Word,
        )],
    ),
    number(
        "max-checklines",
        "How many lines are looked at, the newest first (100 - 1000000); 0 for 100000.",
        Log::MaxCheckLines,
    ),
    log("reset", "Forget the filter.", Log::Reset),
    number(
        "start-line",
        "The first line that is shown.",
        Log::StartLine,
    ),
    number(
        "view-lines",
        "How many lines are shown (5 - 1000).",
        Log::ViewLines,
    ),
];

pub(super) const DIAGNOSE_LOG: Node = group(
    "log",
    "Event log.",
    &[log(
        "verify",
        "Follow the hash chain of all events that are kept.",
        Log::Verify,
    )],
);
