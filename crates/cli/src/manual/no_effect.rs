//! The fields that do nothing, one by one.

use domain::schema::{Choice, Effect, Field, Kind, Table};

use super::link;
use super::markdown::{code, prose};
use super::tables::every_table;

pub(super) fn text() -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut rows = 0;
    for (parent, table) in every_table() {
        for (field, why) in table.fields.iter().filter_map(without_effect) {
            text += &row(parent, table, field.name, why);
            rows += 1;
        }
    }
    text += &format!("\n{rows} fields in all.\n");
    text += FIXED;
    for (parent, table) in every_table() {
        for (field, why) in table.fields.iter().filter_map(fixed) {
            text += &row(parent, table, field.name, why);
        }
    }
    text += WORDS;
    for (parent, table) in every_table() {
        for field in table.fields {
            for (word, why) in idle_words(&field.kind) {
                let named = format!("{} {word}", field.name);
                text += &row(parent, table, &named, why);
            }
        }
    }
    text
}

fn idle_words(kind: &'static Kind) -> Vec<(&'static str, &'static str)> {
    match kind {
        Kind::List(each) => idle_words(each),
        Kind::Choice(choices) => choices.iter().filter_map(idle_word).collect(),
        _ => Vec::new(),
    }
}

fn idle_word(choice: &'static Choice) -> Option<(&'static str, &'static str)> {
    match choice.effect {
        Effect::None(why) => Some((choice.word, why)),
        Effect::InForce | Effect::Fixed(_) => None,
    }
}

fn without_effect(field: &'static Field) -> Option<(&'static Field, &'static str)> {
    match field.effect {
        Effect::None(why) => Some((field, why)),
        Effect::InForce | Effect::Fixed(_) => None,
    }
}

fn fixed(field: &'static Field) -> Option<(&'static Field, &'static str)> {
    match field.effect {
        Effect::Fixed(why) => Some((field, why)),
        Effect::InForce | Effect::None(_) => None,
    }
}

fn row(parent: &Table, table: &Table, named: &str, why: &str) -> String {
    let child = if parent == table {
        String::new()
    } else {
        format!(" {}", code(&format!("config {}", table.path)))
    };
    format!(
        "| {}{child} | {} | {}. |\n",
        link(parent),
        code(named),
        prose(why)
    )
}

const INTRODUCTION: &str = "\
# Fields without effect

These fields are kept and shown, so that a configuration can be taken over and scripts go on working. They do
nothing, for the reason that stands beside each. None concerns tokens, logins, lockout, delivery or listeners.

| table | field | why |
| --- | --- | --- |
";

const FIXED: &str = "
## Fields of one value

These fields are about listeners and logins. They take their default alone, so that nobody counts on what another
value would mean elsewhere; a restore tells the line and takes the entry without it.

| table | field | why |
| --- | --- | --- |
";

const WORDS: &str = "
## Words without effect

Of these fields some words are in force, and these are not:

| table | word | why |
| --- | --- | --- |
";
