//! Whatever comes in, nothing panics: one function for each way in, to be called with any octets.
//!
//! Each asserts what must hold of the answer, too: no text obeys a terminal, a prompt is one that
//! automation knows, what was accepted can be shown and typed again. `tests/replay.rs` feeds them what is
//! kept in `fuzz/corpus`; `./soak fuzz` lets libFuzzer look for more, led by coverage.

#![allow(clippy::panic, reason = "a target says what it found by panicking")]

mod eap;
mod editor;
mod file;
mod filter;
mod gateway;
mod line;
mod login;
mod seed_file;
mod session;
mod texts;
mod token_server;
mod wire;

/// A way in.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its directory in `fuzz/corpus`.
    pub name: &'static str,
    /// Directories of the workspace with more inputs: tests of other crates.
    pub seeds: &'static [&'static str],
    /// The longest input that is tried: long enough for all there is to find, and no slower than that.
    pub max_bytes: usize,
    /// How much of a run's time it gets, in parts of all targets' sum.
    pub parts: u64,
    /// Takes an input; panics if something does not hold.
    pub run: fn(&[u8]),
}

const TRANSCRIPTS: &str = "crates/cli/tests/transcripts";

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "session",
        seeds: &[TRANSCRIPTS],
        max_bytes: 600,
        parts: 4,
        run: session::run,
    },
    Target {
        name: "configuration",
        seeds: &["crates/cli/tests/golden"],
        max_bytes: 4_000,
        parts: 3,
        run: session::paste,
    },
    Target {
        name: "file",
        seeds: &["crates/cli/tests/golden", "fuzz/corpus/configuration"],
        max_bytes: 4_000,
        parts: 3,
        run: file::run,
    },
    Target {
        name: "line",
        seeds: &[],
        max_bytes: 500,
        parts: 1,
        run: line::run,
    },
    Target {
        name: "filter",
        seeds: &[],
        max_bytes: 3_000,
        parts: 2,
        run: filter::run,
    },
    Target {
        name: "editor",
        seeds: &[TRANSCRIPTS],
        max_bytes: 2_000,
        parts: 2,
        run: editor::run,
    },
    Target {
        name: "texts",
        seeds: &[],
        max_bytes: 3_000,
        parts: 1,
        run: texts::run,
    },
    Target {
        name: "softtoken",
        seeds: &[
            "crates/softtoken/tests/messages",
            "crates/softtoken/tests/golden",
        ],
        max_bytes: 6_000,
        parts: 1,
        run: wire::softtoken,
    },
    Target {
        name: "pskc",
        seeds: &["crates/otp/tests/pskc"],
        max_bytes: 4_000,
        parts: 2,
        run: seed_file::container,
    },
    Target {
        name: "seed-table",
        seeds: &[],
        max_bytes: 2_000,
        parts: 1,
        run: seed_file::table,
    },
    Target {
        name: "enrolment",
        seeds: &[],
        max_bytes: 3_000,
        parts: 1,
        run: token_server::enrolment,
    },
    Target {
        name: "reserve",
        seeds: &[],
        max_bytes: 3_000,
        parts: 1,
        run: token_server::reserve,
    },
    Target {
        name: "radius",
        seeds: &[],
        max_bytes: 4_096,
        parts: 1,
        run: wire::radius,
    },
    Target {
        name: "logincheck",
        seeds: &[],
        max_bytes: 4_096,
        parts: 1,
        run: login::logincheck,
    },
    Target {
        name: "state",
        seeds: &[],
        max_bytes: 2_000,
        parts: 1,
        run: login::states,
    },
    Target {
        name: "eap",
        seeds: &[],
        max_bytes: 3_000,
        parts: 2,
        run: eap::run,
    },
];

impl Target {
    /// The target of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }
}
