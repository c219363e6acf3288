//! `symbolon demo --once`, the README's first command.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one runs the program"
)]

mod common;

use std::collections::HashMap;

use regex::{Captures, Regex};

use common::{run, symbolon, tool};

/// What differs from one demonstration to the next, and what stands for it. `#` is a number that is
/// the same wherever the same text stands.
const MASKS: &[(&str, &str)] = &[
    (r"\x1b\[[0-9;]*m", ""),
    (r"[█▀▄ ]*[█▀▄]{8}[█▀▄ ]*\n(?:[█▀▄ ]*\n)+", "(QR code)\n"),
    (
        r"symbolon://activate\?v=1&c=(\S{16})&k=[A-Z2-7]{26}&s=https://127\.0\.0\.1:\d+&p=[\w-]{43}",
        "symbolon://activate?v=1&c=$1&k=(secret)&s=https://127.0.0.1:(port)&p=(pin)",
    ),
    // The code alone is masked below, so that it is the same number everywhere.
    (
        r"#activate/symbolon%3A%2F%2Factivate%3Fv%3D1%26c%3D(\w{16})%26\S+",
        "(link with $1)",
    ),
    (r"SYMBVM\d{10}", "SYMBVM000000000#"),
    (r"FTKMOB[0-9A-F]{10}", "FTKMOB000000000#"),
    (r"[0-9A-F]{4}(?:-[0-9A-F]{4}){4}", "(licence code #)"),
    (r"\bEEI[A-Z2-7]{13}", "(activation code #)"),
    (r#"reg-id "[0-9a-f]{64}""#, r#"reg-id "(registration)""#),
    (r"[0-9a-f]{32}\.secret", "(random).secret"),
    (r"\S*symbolon-demo-\w+", "(directory)"),
    (r"(https://127\.0\.0\.1|port)([: ])\d+", "$1$2(port)"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "(moment)"),
    (
        r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}",
        "(moment)",
    ),
    (r"activation-expire \d+", "activation-expire (moment)"),
    (r"step \d{8}", "step (step)"),
    (r"(?m)^\d+  \(moment\)", "(number)  (moment)"),
    (r"\d{6}  [━·]{10}  [ \d]\d s", "(code)  (time left)"),
    (r"\(code: \d{6}\)", "(code: (code))"),
    (r"is 1[456] steps slow", "is (about 15) steps slow"),
    (r"drift -1[3456]", "drift (about -15)"),
    (r"-1[2345]    provisioned", "(-15)  provisioned"),
    (r"\(\d+ octets\)", "(some octets)"),
];

#[test]
fn every_step_is_shown_as_its_user_sees_it() {
    // The transcript names it: without it the demonstration would use a client of its own.
    drop(tool("radclient", "freeradius-utils"));
    let shown = run(symbolon().args(["demo", "--once"]), "").ok();
    let shown = masked(&shown);
    let expected = include_str!("transcripts/demo.txt");
    if shown != expected {
        let kept = concat!(env!("CARGO_TARGET_TMPDIR"), "/demo.txt");
        std::fs::write(kept, &shown).unwrap();
        panic!(
            "not as in transcripts/demo.txt; {kept} is what was shown:\n{}",
            difference(expected, &shown)
        );
    }
}

fn masked(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, mask) in MASKS {
        let pattern = Regex::new(pattern).unwrap();
        let mut known = HashMap::new();
        text = pattern
            .replace_all(&text, |found: &Captures<'_>| {
                let next = known.len() + 1;
                let number = *known.entry(found[0].to_owned()).or_insert(next);
                let mut replaced = String::new();
                found.expand(mask, &mut replaced);
                replaced.replace('#', &number.to_string())
            })
            .into_owned();
    }
    text
}

/// The lines that differ, with those around the first of them.
fn difference(expected: &str, shown: &str) -> String {
    let (expected, shown): (Vec<_>, Vec<_>) = (expected.lines().collect(), shown.lines().collect());
    let lines = expected.len().max(shown.len());
    let first = (0..lines)
        .find(|at| expected.get(*at) != shown.get(*at))
        .unwrap_or(lines);
    let from = first.saturating_sub(3);
    let excerpt = |lines: &[&str]| {
        lines
            .iter()
            .skip(from)
            .take(8)
            .copied()
            .collect::<Vec<_>>()
            .join("\n")
    };
    format!(
        "line {}\n--- expected\n{}\n--- shown\n{}",
        first + 1,
        excerpt(&expected),
        excerpt(&shown)
    )
}
