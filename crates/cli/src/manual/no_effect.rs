//! The fields that do nothing, one by one.

use domain::schema::{Effect, Field, Table};

use super::link;
use super::markdown::{code, prose};
use super::tables::every_table;

pub(super) fn text() -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut rows = 0;
    for (parent, table) in every_table() {
        for (field, why) in table.fields.iter().filter_map(without_effect) {
            text += &row(parent, table, field, why);
            rows += 1;
        }
    }
    text + &format!("\n{rows} fields in all.\n")
}

fn without_effect(field: &'static Field) -> Option<(&'static Field, &'static str)> {
    match field.effect {
        Effect::None(why) => Some((field, why)),
        Effect::InForce => None,
    }
}

fn row(parent: &Table, table: &Table, field: &Field, why: &str) -> String {
    let child = if parent == table {
        String::new()
    } else {
        format!(" {}", code(&format!("config {}", table.path)))
    };
    format!(
        "| {}{child} | {} | {}. |\n",
        link(parent),
        code(field.name),
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
