//! The words that may be typed, by where one stands: at the top, in tables, in entries.

use super::diagnose::DIAGNOSE;
use super::execute::EXECUTE;
use super::{Argument, Keyword, Kind, Node, Verb, command, group, optional, required};
use crate::render::View;

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
