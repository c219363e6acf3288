//! The commands that move mobile tokens to another gateway.

use super::keeping::FILE;
use super::{Kind, Node, Verb, command, group, required};

/// A step of a move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moving {
    /// On the gateway that gets the tokens, first.
    Request,
    /// On the one that has them.
    Export,
    /// On the one that gets them.
    Import,
}

pub(super) const MOVE: Node = group(
    "move",
    "Move mobile tokens to another gateway; their users keep their phones.",
    &[
        command(
            "request",
            "Show what another gateway has to be told to give its tokens to this one.",
            Verb::MoveTokens(Moving::Request),
            &[],
        ),
        command(
            "export",
            "Give a license's tokens to another gateway, in a file that it alone opens. They are out of use here.",
            Verb::MoveTokens(Moving::Export),
            &[
                required("license", "Serial number of the license.", Kind::Word),
                required(
                    "serial-number",
                    "Serial number of the gateway that gets them.",
                    Kind::Word,
                ),
                required(
                    "request",
                    "What 'execute fortitoken-mobile move request' shows there.",
                    Kind::Word,
                ),
                FILE,
            ],
        ),
        command(
            "import",
            "Take in the tokens that another gateway gave to this one.",
            Verb::MoveTokens(Moving::Import),
            &[
                required(
                    "serial-number",
                    "Serial number of the gateway that gave them.",
                    Kind::Word,
                ),
                FILE,
            ],
        ),
    ],
);
