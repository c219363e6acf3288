//! Every command with its arguments.

use super::markdown::{code, prose};
use crate::filter;
use crate::tree::{self, Argument, Kind, Need, Node, REPORTS};

/// Where commands are typed: what the place is called, and its commands.
static PLACES: &[(&str, &[Node])] = &[
    ("At the top", tree::TOP),
    ("In a table", tree::TABLE),
    ("In a table inside an entry", tree::CHILD_TABLE),
    ("In an entry", tree::ENTRY),
    ("In settings", tree::SETTINGS),
    ("After `config global`", tree::GLOBAL),
    ("After `config vdom`", tree::VDOMS),
    ("In a virtual domain", tree::VDOM),
];

pub(super) fn text() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (letters, help) in filter::OPTIONS {
        text += &format!("- {}: {}\n", code(letters), prose(help));
    }
    for (place, nodes) in PLACES {
        text += &format!("\n## {place}\n\n");
        for node in *nodes {
            text += &format!("- {}: {}\n", code(&line(node, "")), prose(node.help));
        }
    }
    text += "\n## get: reports\n\nBesides tables and settings, `get` shows:\n\n";
    for report in REPORTS {
        let line = format!("get {}", report.path);
        text += &format!("- {}: {}\n", code(&line), prose(report.help));
    }
    for word in tree::TOP.iter().filter(|word| word.verb.is_none()) {
        for group in word.words {
            text += &format!("\n## {} {}\n\n", word.word, group.word);
            if group.verb.is_none() {
                text += &format!("{}\n\n", prose(group.help));
            }
            commands(group, word.word, &mut &[][..], &mut text);
        }
    }
    text
}

/// The command of a node, and those that its words lead to. Arguments that were `explained` just before
/// are not explained again.
fn commands(node: &Node, before: &str, explained: &mut &'static [Argument], text: &mut String) {
    if node.verb.is_some() {
        *text += &format!("- {}: {}\n", code(&line(node, before)), prose(node.help));
        if !std::ptr::eq(*explained, node.arguments) {
            text.extend(node.arguments.iter().map(explanation));
        }
        *explained = node.arguments;
    }
    let before = joined(before, node.word);
    for word in node.words {
        commands(word, &before, explained, text);
    }
}

fn line(node: &Node, before: &str) -> String {
    let mut line = joined(before, node.word);
    for argument in node.arguments {
        let name = match argument.kind {
            Kind::Keyword(words) => {
                let words: Vec<&str> = words.iter().map(|word| word.word).collect();
                words.join(" | ")
            }
            _ => format!("<{}>", argument.name),
        };
        line += &match argument.need {
            Need::Required => format!(" {name}"),
            Need::Optional => format!(" [{name}]"),
        };
    }
    line
}

fn joined(before: &str, word: &str) -> String {
    if before.is_empty() {
        word.to_owned()
    } else {
        format!("{before} {word}")
    }
}

fn explanation(argument: &Argument) -> String {
    match argument.kind {
        Kind::Keyword(words) => {
            let words = words.iter();
            let words = words.map(|word| item(word.word, word.help));
            words.collect()
        }
        _ => item(&format!("<{}>", argument.name), argument.help),
    }
}

fn item(name: &str, help: &str) -> String {
    format!("  - {}: {}\n", code(name), prose(help))
}

const INTRODUCTION: &str = r#"# Commands

A line is a command. Every word of it may be abbreviated as long as one word alone begins like it: `conf us
fortit` is `config user fortitoken`. Tab completes a word or shows what fits; `?` shows what may come next, with
its help.

`"…"` keeps blanks in a word and knows `\"` and `\\`; `'…'` keeps everything. Outside of quotes `\` makes a
blank, a quote, `\`, `|` or `#` part of a word. A line that begins with `#` is a comment.

What a command prints can be filtered: `show user fortitoken | grep -f FTKMOB`. The pattern is a regular
expression. Options of `grep`:

"#;
