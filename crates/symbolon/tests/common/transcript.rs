//! What people type and read, compared with `tests/transcripts`. `TRANSCRIPTS=write` writes the files anew.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use regex::{Captures, Regex};

use super::Said;
use super::phone::Phone;

/// What differs from one run to the next, and what stands for it. `#` is a number that is
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
    (r"\S*/\.tmp\w{6}/", "(directory)/"),
    (r"--approve \d\d", "--approve (number)"),
    (r"open for \d+ s", "open for (time left)"),
    (r"within (59|60) minutes", "within (an hour)"),
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

/// Text and commands of one or several people, in the order in which they came.
#[derive(Default)]
pub(crate) struct Transcript(String);

impl Transcript {
    /// Says what happens besides.
    pub(crate) fn tells(&mut self, what: &str) {
        writeln!(self.0, "; {what}").unwrap();
    }

    /// A command of the app on this phone, in this directory.
    pub(crate) fn app_in(&mut self, directory: &Path, phone: &Phone, words: &[&str]) {
        let said = phone.app_in(directory, words);
        self.said(words, &said);
    }

    /// A command of the app on this phone.
    pub(crate) fn app(&mut self, phone: &Phone, words: &[&str]) -> String {
        let said = phone.app(words);
        self.said(words, &said);
        said.out
    }

    fn said(&mut self, words: &[&str], said: &Said) {
        let words = words.join(" ");
        writeln!(self.0, "$ symbolon app {words}\n{}{}", said.out, said.err).unwrap();
    }

    /// Compares it with the file of this name.
    pub(crate) fn compare(self, name: &str) {
        compare(name, &self.0);
    }
}

/// Compares what was shown with the file of this name.
pub(crate) fn compare(name: &str, shown: &str) {
    let shown = masked(shown);
    let path = format!(
        "{}/tests/transcripts/{name}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    if std::env::var_os("TRANSCRIPTS").is_some_and(|mode| mode == "write") {
        fs::write(path, &shown).unwrap();
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if shown != expected {
        let kept = format!("{}/{name}.txt", env!("CARGO_TARGET_TMPDIR"));
        fs::write(&kept, &shown).unwrap();
        panic!(
            "not as in transcripts/{name}.txt; {kept} is what was shown:\n{}",
            difference(&expected, &shown)
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
