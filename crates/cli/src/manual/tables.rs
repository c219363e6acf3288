//! One page of tables.

use domain::access::Area;
use domain::schema::{ALL, Access, Choice, Effect, Field, Key, KeyForm, Kind, Scope, Shape, Table};

use super::markdown::{code, prose};
use super::{about, link, of_group, title};
use crate::complete::shape;
use crate::render::typed;
use crate::words::quoted;

pub(super) fn text(group: &str) -> String {
    let mut text = format!("# {}\n\n{}\n", code(group), prose(about(group)));
    for table in of_group(group) {
        text += &section(table);
    }
    text
}

fn section(table: &'static Table) -> String {
    let mut text = format!("\n## {}\n\n{}\n\n", title(table), prose(table.help));
    for fact in facts(table) {
        text += &format!("- {fact}\n");
    }
    text += &fields(table);
    text += &example(table);
    for child in table.children {
        text += &format!(
            "\n### {}: config {}\n\n{}\n\n",
            title(table),
            child.path,
            prose(child.help)
        );
        text += &format!("- Stands in {}.\n", inside(table));
        text += &child
            .key()
            .map_or_else(String::new, |key| format!("- {}\n", entries(key)));
        text += &fields(child);
    }
    text
}

fn inside(table: &Table) -> String {
    match table.shape {
        Shape::Single => "these settings and is saved with them".to_owned(),
        Shape::Keyed(_) => "each entry and is saved with it".to_owned(),
    }
}

fn facts(table: &'static Table) -> Vec<String> {
    let key = table.key().map(entries);
    let mut facts: Vec<String> = key.into_iter().collect();
    facts.push(match table.scope {
        Scope::Global => "Once in the unit; with virtual domains under `config global`.".to_owned(),
        Scope::Vdom => "Once in each virtual domain, where there are any.".to_owned(),
    });
    facts.push(format!(
        "Access profiles grant it as {}.",
        code(granted_as(table.area))
    ));
    let referring = references_to(table);
    if !referring.is_empty() {
        facts.push(format!(
            "Referred to by {}. An entry in use cannot be deleted.",
            referring.join(", ")
        ));
    }
    facts
}

fn entries(key: &Key) -> String {
    let form = match key.form {
        KeyForm::Name(max) => format!("at most {max} characters"),
        KeyForm::Number(max) => {
            format!("a number from 1 to {max}; `edit 0` takes the next free one")
        }
    };
    format!(
        "Entries by {} ({form}): {}",
        code(key.name),
        prose(key.help)
    )
}

fn granted_as(area: Area) -> &'static str {
    match area {
        Area::Authentication => "authgrp",
        Area::System => "sysgrp",
        Area::Log => "loggrp",
        Area::Administrators => "sysgrp to look at; only super_admin changes it",
    }
}

/// The fields that name entries of this table, with where they are.
fn references_to(table: &Table) -> Vec<String> {
    let mut referring = Vec::new();
    for (parent, holder) in every_table() {
        let fields = holder.fields.iter();
        let names_it = |field: &&Field| field.kind.references().contains(&table.path);
        for field in fields.filter(names_it) {
            let child = (parent != holder).then(|| format!(" {}", code(&title(holder))));
            referring.push(format!(
                "{}{} {}",
                link(parent),
                child.unwrap_or_default(),
                code(field.name)
            ));
        }
    }
    referring
}

/// Tables of the top, each before those inside it: the first of a pair is where the second stands.
pub(super) fn every_table() -> impl Iterator<Item = (&'static Table, &'static Table)> {
    ALL.iter()
        .flat_map(|table| table.with_children().map(move |held| (*table, held)))
}

fn fields(table: &'static Table) -> String {
    if table.fields.is_empty() {
        return String::new();
    }
    let rows: String = table.fields.iter().map(row).collect();
    format!(
        "\n| field | what it is | takes | default | example |\n| --- | --- | --- | --- | --- |\n{rows}"
    )
}

fn row(field: &'static Field) -> String {
    let default = match field.default {
        "" => String::new(),
        default => code(default),
    };
    let example = match field.access {
        Access::Administrator => code(&set_line(field)),
        Access::System | Access::Restored => String::new(),
    };
    let cells = [
        code(field.name),
        described(field),
        takes(field),
        default,
        example,
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// The help, and what it does not say: who sets the field, what it refers to, what its words mean.
fn described(field: &'static Field) -> String {
    let mut parts = vec![prose(field.help)];
    if field.access != Access::Administrator {
        parts.push("Set by the system.".to_owned());
    }
    match field.effect {
        Effect::InForce => {}
        Effect::None(why) => parts.push(format!("**Without effect**: {}.", prose(why))),
        Effect::Fixed(why) => parts.push(format!("**No other value**: {}.", prose(why))),
    }
    let named = field.kind.references().iter();
    let named: Vec<String> = named.filter_map(|path| Table::at(path)).map(link).collect();
    if !named.is_empty() {
        parts.push(format!("Names an entry of {}.", named.join(" or ")));
    }
    let words = choices(&field.kind);
    if words.iter().any(says_more) {
        let words = words.iter();
        parts.extend(words.map(|word| format!("{}: {}", code(word.word), prose(word.help))));
    }
    parts.join("<br>")
}

fn choices(kind: &'static Kind) -> &'static [Choice] {
    match kind {
        Kind::Choice(words) => words,
        Kind::List(kind) => choices(kind),
        _ => &[],
    }
}

/// `Enable setting.` tells nothing of `enable`.
fn says_more(choice: &Choice) -> bool {
    let help = choice.help.to_lowercase();
    help.split_whitespace().count() > 2 || !help.starts_with(choice.word)
}

fn takes(field: &'static Field) -> String {
    let words = choices(&field.kind);
    if words.is_empty() {
        return code(&shape(&field.kind));
    }
    let words: Vec<String> = words.iter().map(|choice| code(choice.word)).collect();
    let several = match field.kind {
        Kind::List(_) => "any of ",
        _ => "",
    };
    format!("{several}{}", words.join(", "))
}

/// How the example of a field is typed.
fn set_line(field: &'static Field) -> String {
    format!("set {} {}", field.name, typed(field, &field.example()))
}

/// An entry with the fields for which a sample is declared.
fn example(table: &'static Table) -> String {
    let typical = table.fields.iter().filter(|field| !field.sample.is_empty());
    let lines: Vec<String> = typical.map(set_line).collect();
    if lines.is_empty() {
        return String::new();
    }
    let block = match table.key().map(|key| key.form) {
        None => format!("    {}", lines.join("\n    ")),
        Some(form) => {
            let key = match form {
                KeyForm::Name(_) => quoted(&table.example_key()),
                KeyForm::Number(_) => table.example_key(),
            };
            let lines = lines.join("\n        ");
            format!("    edit {key}\n        {lines}\n    next")
        }
    };
    format!("\n```\n{}\n{block}\nend\n```\n", title(table))
}
