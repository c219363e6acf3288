//! The commands that take hardware tokens in from a file.

use super::keeping::{FILE, REMOTE, SERVER, Where};
use super::{Argument, Kind, Node, Verb, command, optional, required};

/// What a file tells of hardware tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Intake {
    /// Serials with seeds.
    Seeds(Where),
    /// Serials alone.
    Serials(Where),
}

const KEY: Argument = optional(
    "key",
    "Key of an encrypted key container (RFC 6030): its password, or its shared key in hexadecimal.",
    Kind::Word,
);

const SEEDS_FILE: &[Argument] = &[
    required("seeds file", "Name of the file in this unit.", Kind::Word),
    KEY,
];

const SEEDS_FROM: &[Node] = &[
    command(
        "file",
        "Import FortiToken seeds from a file in this unit.",
        Verb::TakeIn(Intake::Seeds(Where::File)),
        &[FILE, KEY],
    ),
    command(
        "tftp",
        "Import FortiToken seeds from an encrypted file on a tftp server.",
        Verb::TakeIn(Intake::Seeds(Where::Tftp)),
        &[REMOTE, SERVER, KEY],
    ),
];

/// The described system takes the name of the file and its key without a word before them, too.
const fn seeds(word: &'static str) -> Node {
    Node {
        word,
        help: "Import FortiToken seeds.",
        verb: Some(Verb::TakeIn(Intake::Seeds(Where::File))),
        arguments: SEEDS_FILE,
        words: SEEDS_FROM,
    }
}

pub(super) const IMPORT: Node = seeds("import");

pub(super) const IMPORT_SEED_FILE: Node = seeds("import-seed-file");

pub(super) const IMPORT_SN_FILE: Node = Node {
    word: "import-sn-file",
    help: "Import FortiToken serial numbers, one a line, and activate them.",
    verb: Some(Verb::TakeIn(Intake::Serials(Where::File))),
    arguments: &[FILE],
    words: &[
        command(
            "file",
            "Import FortiToken serial numbers from a file in this unit.",
            Verb::TakeIn(Intake::Serials(Where::File)),
            &[FILE],
        ),
        command(
            "tftp",
            "Import FortiToken serial numbers from a tftp server.",
            Verb::TakeIn(Intake::Serials(Where::Tftp)),
            &[REMOTE, SERVER],
        ),
    ],
};
