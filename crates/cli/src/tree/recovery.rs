//! `execute recovery-code` and `execute recovery-pass`.

use super::actions::Act;
use super::{Argument, Kind, Node, Verb, command, group, optional, required};
use domain::schema::LOCAL;

/// Which of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RecoveryWord {
    Generate,
    List,
    Revoke,
    Issue,
    RevokePass,
}

const NAME: Argument = required("name", "User name.", Kind::Entry(&LOCAL));

const fn verb(word: RecoveryWord) -> Verb {
    Verb::Act(Act::Recovery(word))
}

pub(super) const CODE: Node = group(
    "recovery-code",
    "Codes that a user keeps for the day on which the token is out of reach.",
    &[
        command(
            "generate",
            "Make ten codes and show them, this once. Those that the user had are no more.",
            verb(RecoveryWord::Generate),
            &[NAME],
        ),
        command(
            "list",
            "Show how many codes a user has left, which were used, and until when a pass is good.",
            verb(RecoveryWord::List),
            &[NAME],
        ),
        command(
            "revoke",
            "Take all codes of a user back.",
            verb(RecoveryWord::Revoke),
            &[NAME],
        ),
    ],
);

pub(super) const PASS: Node = group(
    "recovery-pass",
    "A code of the help desk for one user and one login, until a moment.",
    &[
        command(
            "issue",
            "Make a pass and show it, this once. One that the user had is no more.",
            verb(RecoveryWord::Issue),
            &[
                NAME,
                optional(
                    "hours",
                    "How long it is good (1 - 72); 24 if nothing is said.",
                    Kind::Word,
                ),
            ],
        ),
        command(
            "revoke",
            "Take the pass of a user back.",
            verb(RecoveryWord::RevokePass),
            &[NAME],
        ),
    ],
);
