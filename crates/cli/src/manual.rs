//! The reference manual, made from the declarations of commands and tables. What stands in `docs/cli` is
//! what [`pages`] returns, and a test holds the two together.

use domain::schema::{ALL, Table};

use crate::tree::GROUPS;

mod commands;
mod errors;
mod markdown;
mod no_effect;
mod tables;

use markdown::{anchor, code, prose};

/// A page of the manual, in Markdown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// Its file name.
    pub file: String,
    /// What stands on it; it ends in LF.
    pub text: String,
}

/// An error of the token server, as the command line shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerError {
    /// Its number.
    pub number: i32,
    /// What is wrong.
    pub cause: &'static str,
    /// What to do.
    pub next_step: &'static str,
}

/// Every page. The first is the index, and no two have the same name.
pub fn pages(token_server: &[ServerError]) -> Vec<Page> {
    let mut pages = vec![
        page("README", index()),
        page("commands", commands::text()),
        page("errors", errors::text(token_server)),
        page("no-effect", no_effect::text()),
    ];
    pages.extend(groups().map(|group| page(group, tables::text(group))));
    pages
}

fn page(name: &str, text: String) -> Page {
    let file = format!("{name}.md");
    Page { file, text }
}

/// The first words of the tables' paths, in the order of a full configuration.
fn groups() -> impl Iterator<Item = &'static str> {
    let first = |at: usize| ALL.get(at).map(|table| group_of(table));
    let is_new = move |at: &usize| (0..*at).all(|before| first(before) != first(*at));
    (0..ALL.len()).filter(is_new).filter_map(first)
}

fn group_of(table: &Table) -> &'static str {
    table.path.split(' ').next().unwrap_or(table.path)
}

/// The tables of a group, in the order of a full configuration.
fn of_group(group: &str) -> impl Iterator<Item = &'static Table> {
    ALL.iter()
        .copied()
        .filter(move |table| group_of(table) == group)
}

/// What a group is about, where its name alone is no table.
fn about(group: &str) -> &'static str {
    let declared = GROUPS.iter().find(|(word, _)| *word == group);
    let table = Table::at(group).map(|table| table.help);
    declared.map(|(_, help)| *help).or(table).unwrap_or("")
}

/// A table as a link to where it is described.
fn link(table: &Table) -> String {
    let title = title(table);
    let (page, anchor) = (group_of(table), anchor(&title));
    format!("[{}]({page}.md#{anchor})", code(&title))
}

fn title(table: &Table) -> String {
    format!("config {}", table.path)
}

fn index() -> String {
    let mut text = INTRODUCTION.to_owned();
    for group in groups() {
        text += &format!("\n## {}\n\n{}\n\n", code(group), prose(about(group)));
        for table in of_group(group) {
            text += &format!("- {}: {}\n", link(table), prose(table.help));
        }
    }
    text
}

const INTRODUCTION: &str = "\
# The command line

These pages are written by `symbolon manual` from what the program itself reads: its commands, its tables
and their fields.

- [Commands](commands.md): every command with its arguments, and how lines are typed.
- [Errors](errors.md): what is said to a line that is refused, and the return codes.
- [Fields without effect](no-effect.md): what is kept and shown so that configurations carry over, and does
  nothing.

The tables of the configuration:
";
