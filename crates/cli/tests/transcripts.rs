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
    certificates
    clock
    delivery
    diagnose_debug
    diagnose_logins
    login_check
    diagnose_radius
    diagnose_security
    diagnose_verification
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
    login_test
    network
    show_and_get
    radius_legacy
    recovery_codes
    refused_changes
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

/// A refusal that nobody has read in its place may be one that nobody understands.
#[test]
fn every_kind_of_refusal_is_read_somewhere() {
    let mut seen = Seen::new();
    let mut printed = Vec::new();
    for (_, text) in TRANSCRIPTS {
        let mut world = World::new();
        session(&mut world, text, |_, said| printed.push(said.to_owned()));
        seen.append(&mut world.seen);
    }
    let kinds = refusals();
    assert!(kinds.len() > 40, "{kinds:?}");
    let elsewhere = |kind: &&String| ELSEWHERE.iter().any(|(it, _)| it == kind);
    let unread = kinds
        .iter()
        .filter(|kind| !seen.contains(&format!("refused {kind}")) && !elsewhere(kind));
    let forms = complaints();
    assert!(forms.len() > 10, "{forms:?}");
    let is_read = |form: &[String]| {
        let mut printed = printed.iter();
        printed.any(|said| form.iter().all(|part| said.contains(part)))
    };
    let unsaid = forms.iter().filter(|form| !is_read(form));
    let missing: Vec<String> = unread
        .cloned()
        .chain(unsaid.map(|form| form.join(" / ")))
        .collect();
    assert!(
        missing.is_empty(),
        "no transcript has:\n{}",
        missing.join("\n")
    );
    for (kind, why) in ELSEWHERE {
        assert!(
            !seen.contains(&format!("refused {kind}")),
            "not any more: {kind}, {why}"
        );
    }
}

/// Before a change is asked for, a session refuses by itself what could only be asked for in another way.
const BEFORE: &str =
    "refused by the session; other ways to change are shown by the tests of 'domain'";

/// Only a gateway has a host.
const OF_THE_HOST: &str =
    "shown by the tests of the gateway's host: its ports, interfaces and seeds";

/// Refusals that no session here meets, with the reason.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "ChangedMeanwhile",
        "a phone changes between the sealing of a file and its export",
    ),
    ("KeyTooLong", BEFORE),
    ("KeyNumber", BEFORE),
    ("Password", BEFORE),
    ("Denied", BEFORE),
    ("SeedsStay", BEFORE),
    ("NoReference", BEFORE),
    ("NoVdom", BEFORE),
    ("VdomName", BEFORE),
    ("VdomsOff", BEFORE),
    (
        "OfAnotherUnit",
        "the token server says so of a restored token: e2e_replaced_unit.rs",
    ),
    (
        "LastSuperAdmin",
        "only a store counts them: its tests of administrators",
    ),
    ("NoSeed", OF_THE_HOST),
    ("HostInterface", OF_THE_HOST),
    ("NoInterface", OF_THE_HOST),
    ("Unbindable", OF_THE_HOST),
    (
        "NotMoved",
        "phones ask for it through the token server, and read the cause: domain/tests/transfers.rs",
    ),
];

/// The kinds of a change's refusals, as they are declared.
fn refusals() -> Vec<String> {
    let declared = include_str!("../../domain/src/admin/error.rs");
    let (_, body) = declared.split_once("pub enum AdminError {\n").unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let kinds = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    let kinds = kinds.filter_map(|line| line.split(|c: char| !c.is_alphanumeric()).next());
    kinds.map(str::to_owned).collect()
}

/// What the manual has of lines that are not understood: of each refusal the beginnings of its lines, up to the
/// word that is repeated.
fn complaints() -> Vec<Vec<String>> {
    let pages = cli::manual::pages(&[]);
    let page = pages.iter().find(|page| page.file == "errors.md").unwrap();
    let (_, chapter) = page
        .text
        .split_once("\n## Lines that are not understood\n")
        .unwrap();
    let (chapter, _) = chapter.split_once("\n## ").unwrap();
    let rows = chapter.lines().filter_map(|line| line.strip_prefix("| `"));
    let form = |row: &str| -> Vec<String> {
        let (form, _) = row.split_once("` |").unwrap();
        let parts = form.split("`<br>`");
        let parts = parts.map(|part| part.split(['\'', '-']).next().unwrap_or(part));
        parts
            .map(|part| part.split(" for ").next().unwrap_or(part).to_owned())
            .collect()
    };
    rows.map(form).collect()
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
