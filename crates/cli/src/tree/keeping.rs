//! The commands that put the configuration away and take it back.

use super::{Argument, Kind, Node, Verb, command, group, optional, required};
use crate::render::View;

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keeping {
    /// `execute backup config`, or `full-config`.
    Backup(View, Where),
    /// `execute restore config`.
    Restore(Where),
    /// `execute revision list config`.
    Revisions,
    /// `execute revision delete config`.
    RemoveRevision,
}

/// Where a configuration is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Where {
    /// On the terminal: it is printed.
    Terminal,
    /// In a file of this unit.
    File,
    /// Among the numbered revisions of this unit.
    Flash,
    /// On a TFTP server.
    Tftp,
}

const fn keep(
    word: &'static str,
    help: &'static str,
    keeping: Keeping,
    arguments: &'static [Argument],
) -> Node {
    command(word, help, Verb::Keep(keeping), arguments)
}

const REVISION: &[Argument] = &[required(
    "revision",
    "Number of the revision; 'execute revision list config' lists them.",
    Kind::Word,
)];
const REVISION_TO_RESTORE: &[Argument] = &[
    required(
        "revision",
        "Number of the revision; 'execute revision list config' lists them.",
        Kind::Word,
    ),
    DRY_RUN,
];
pub(super) const FILE: Argument =
    required("file name", "Name of the file in this unit.", Kind::Word);
pub(super) const REMOTE: Argument =
    required("file name", "Name of the file on the server.", Kind::Word);
pub(super) const SERVER: Argument = required(
    "tftp server",
    "TFTP server IP address or name, with :port if it is not 69.",
    Kind::Word,
);
const PASSWORD: Argument = optional(
    "password",
    "Opens the secrets on another unit; at least 8 characters.",
    Kind::Word,
);
const PASSWORD_OR_DRY_RUN: Argument = optional(
    "password",
    "The password of the backup; or 'dry-run'.",
    Kind::Word,
);
const DRY_RUN: Argument = optional(
    "dry-run",
    "'dry-run' tells what would be done and changes nothing.",
    Kind::Word,
);
const COMMENT: Argument = optional("comment", "What it is for.", Kind::Word);

const fn backup(view: View) -> [Node; 4] {
    [
        keep(
            "file",
            "Backup config file to a file in this unit.",
            Keeping::Backup(view, Where::File),
            &[FILE, PASSWORD],
        ),
        keep(
            "flash",
            "Backup config file as a numbered revision in this unit.",
            Keeping::Backup(view, Where::Flash),
            &[COMMENT],
        ),
        keep(
            "terminal",
            "Show what would be in the file.",
            Keeping::Backup(view, Where::Terminal),
            &[],
        ),
        keep(
            "tftp",
            "Backup config file to tftp server.",
            Keeping::Backup(view, Where::Tftp),
            &[REMOTE, SERVER, PASSWORD],
        ),
    ]
}

pub(super) const BACKUP: Node = group(
    "backup",
    "Backup.",
    &[
        group("config", "Backup config file.", &backup(View::Show)),
        group(
            "full-config",
            "Backup full config file, defaults included.",
            &backup(View::Full),
        ),
    ],
);

pub(super) const RESTORE: Node = group(
    "restore",
    "Restore.",
    &[group(
        "config",
        "Restore config file, from this unit or from a FortiGate.",
        &[
            keep(
                "file",
                "Restore config file from a file in this unit.",
                Keeping::Restore(Where::File),
                &[FILE, PASSWORD_OR_DRY_RUN, DRY_RUN],
            ),
            keep(
                "flash",
                "Restore a numbered revision.",
                Keeping::Restore(Where::Flash),
                REVISION_TO_RESTORE,
            ),
            keep(
                "tftp",
                "Restore config file from tftp server.",
                Keeping::Restore(Where::Tftp),
                &[REMOTE, SERVER, PASSWORD_OR_DRY_RUN, DRY_RUN],
            ),
        ],
    )],
);

pub(super) const REVISIONS: Node = group(
    "revision",
    "Revisions of the configuration in this unit.",
    &[
        group(
            "delete",
            "Delete a revision.",
            &[keep(
                "config",
                "Delete a revision of the config file.",
                Keeping::RemoveRevision,
                REVISION,
            )],
        ),
        group(
            "list",
            "List revisions.",
            &[keep(
                "config",
                "List revisions of the config file.",
                Keeping::Revisions,
                &[],
            )],
        ),
    ],
);
