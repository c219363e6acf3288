//! Sessions as text: every line that begins with the prompt is typed, what follows is what is printed.
//!
//! A line `! EVENT` lets something happen around the session, `; TEXT` is a remark. A typed line that
//! ends in `?` asks for help, one that ends in `<Tab>` for completion, where `|` is the cursor after it.
//!
//! `TRANSCRIPTS=write cargo test -p cli --test transcripts` writes down what is printed now: read the
//! difference before you keep it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test fails by panicking, and this one writes its transcripts when asked to"
)]

use std::collections::BTreeSet;

use domain::schema::{ALL, Access, Field, Table};
use world::{Goes, Seen, World};

mod world;

macro_rules! transcripts {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name), include_str!(concat!("transcripts/", stringify!($name), ".txt")));
        })+

        /// Each by its name.
        const TRANSCRIPTS: &[(&str, &str)] =
            &[$((stringify!($name), include_str!(concat!("transcripts/", stringify!($name), ".txt")))),+];
    };
}

transcripts! {
    access_profiles
    backup_and_restore
    backup_rights
    from_a_fortigate
    administrators
    configure_passwords
    configure_unit
    configure_users
    configure_groups
    group_matches
    configure_interfaces
    configure_mail
    configure_sms
    configure_settings
    authservers
    configure_applications
    configure_clients
    clock
    delivery
    diagnose_debug
    diagnose_logins
    diagnose_radius
    diagnose_security
    endings
    entries_put_back
    errors
    event_log
    every_command
    event_log_vdoms
    hardware_tokens
    hardware_token_files
    grammar
    grammar_of_vdoms
    vdoms_of_an_administrator
    help_everywhere
    help_and_completion
    network
    show_and_get
    radius_legacy
    refused_in_an_entry
    rename_clone_purge
    rights_withdrawn
    servers
    settings_put_back
    store_fails
    system_performance
    system_status
    token_server
    token_test
    tokens
    vdoms
}

/// What is declared is typed somewhere, so that its output is known.
#[test]
fn every_command_and_every_table_is_typed_somewhere() {
    let mut seen = Seen::new();
    let mut lines: Vec<Vec<String>> = Vec::new();
    for (_, text) in TRANSCRIPTS {
        let mut world = World::new();
        session(&mut world, text, |typed, printed| {
            if !NOT_UNDERSTOOD
                .iter()
                .any(|refusal| printed.contains(refusal))
            {
                lines.push(typed.split_whitespace().map(str::to_owned).collect());
            }
        });
        seen.append(&mut world.seen);
    }
    let tables = ALL.iter().flat_map(|table| uses(table));
    let unused = tables.filter(|it| !seen.contains(it));
    let commands = commands();
    assert!(commands.len() > 100, "{commands:?}");
    let untyped = commands
        .into_iter()
        .filter(|command| !lines.iter().any(|line| is_typed(command, line)));
    let missing: Vec<String> = unused.chain(untyped).collect();
    assert!(
        missing.is_empty(),
        "no transcript has:\n{}",
        missing.join("\n")
    );
}

/// How a line is refused that is no command.
const NOT_UNDERSTOOD: [&str; 4] = [
    "Unknown action",
    "command parse error",
    "ambiguous command",
    "incomplete command",
];

/// What can be done with a table.
fn uses(table: &Table) -> Vec<String> {
    let is_settable = |field: &Field| field.access == Access::Administrator;
    let mut verbs = vec!["show", "get"];
    if table.fields.iter().any(is_settable) {
        verbs.extend(["set", "unset"]);
    }
    if table.key().is_some() {
        verbs.push("delete");
    }
    let child = |child: &&Table| format!("config {} / config {}", table.path, child.path);
    let children = table.children.iter().map(child);
    let uses = verbs.iter().map(|verb| format!("{verb} {}", table.path));
    uses.chain(children).collect()
}

/// The commands of the manual.
fn commands() -> BTreeSet<String> {
    let pages = cli::manual::pages(&[]);
    let page = pages
        .iter()
        .find(|page| page.file == "commands.md")
        .unwrap();
    let commands = page.text.split_once("\n## ").unwrap().1.lines();
    let commands = commands.filter_map(|line| line.strip_prefix("- `")?.split('`').next());
    commands.map(str::to_owned).collect()
}

/// Whether a line is this command, abbreviated or not, with at least the arguments that it needs.
fn is_typed(command: &str, line: &[String]) -> bool {
    let needed = command.split(" [").next().unwrap_or(command);
    let mut in_argument = false;
    let one_word_each = |c: char| {
        in_argument = (in_argument || c == '<') && c != '>';
        if in_argument && c == ' ' { '-' } else { c }
    };
    let words: String = needed
        .replace(" \\| ", "|")
        .chars()
        .map(one_word_each)
        .collect();
    let words: Vec<&str> = words.split(' ').collect();
    let fits = |(word, typed): (&&str, &String)| {
        word.starts_with('<') || word.split('|').any(|word| word.starts_with(typed))
    };
    line.len() >= words.len() && words.iter().zip(line).all(fits)
}

fn replay(name: &str, expected: &str) {
    let actual = session(&mut World::new(), expected, |_, _| {});
    if std::env::var_os("TRANSCRIPTS").is_some_and(|mode| mode == "write") {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts");
        std::fs::write(format!("{directory}/{name}.txt"), &actual).unwrap();
        return;
    }
    assert!(actual == expected, "the session went like this:\n{actual}");
}

/// Types the lines of a transcript. What is typed, and what is printed then, is told to `typed`.
fn session(world: &mut World, expected: &str, mut typed: impl FnMut(&str, &str)) -> String {
    let mut actual = String::new();
    let mut goes = Goes::On;
    for line in expected.lines() {
        let printed = if let Some(text) = line.strip_prefix(&world.prompt()) {
            assert!(goes == Goes::On, "the session ended before {line:?}");
            let printed;
            (printed, goes) = typing(world, text);
            typed(text, &printed);
            printed
        } else if let Some(event) = line.strip_prefix("! ") {
            world.happen(event)
        } else if line.starts_with(';') {
            String::new()
        } else {
            continue;
        };
        for part in [line, "\n", &printed] {
            actual.push_str(part);
        }
    }
    actual
}

fn typing(world: &mut World, typed: &str) -> (String, Goes) {
    match (typed.strip_suffix('?'), typed.strip_suffix("<Tab>")) {
        (Some(line), _) => (world.help(line), Goes::On),
        (_, Some(line)) => (world.tab(line), Goes::On),
        (None, None) => world.line(typed),
    }
}
