//! `docs/cli` is what the declarations say.
//!
//! `MANUAL=write cargo test -p cli --test manual` writes it down, as `symbolon manual docs/cli` does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test fails by panicking, and this one writes the manual when asked to"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cli::manual::{self, Page};
use cli::render::Zone;
use cli::{Command, Session, Step};
use domain::schema::Object;
use domain::settings::VdomMode;
use softtoken::ServerError;

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli");

fn pages() -> Vec<Page> {
    let error = |error: ServerError| manual::ServerError {
        number: error.gateway_code(),
        cause: error.cause(),
        next_step: error.next_step(),
    };
    manual::pages(&ServerError::all().map(error).collect::<Vec<_>>())
}

#[test]
fn the_manual_is_current() {
    let is_asked_to_write = std::env::var_os("MANUAL").is_some_and(|mode| mode == "write");
    let mut files = BTreeSet::new();
    for Page { file, text } in pages() {
        let path = Path::new(DIRECTORY).join(&file);
        if is_asked_to_write {
            fs::write(&path, &text).unwrap();
        }
        let is_current = fs::read_to_string(&path).is_ok_and(|current| current == text);
        assert!(
            is_current,
            "docs/cli/{file} is stale: MANUAL=write cargo test -p cli --test manual"
        );
        files.insert(file);
    }
    for entry in fs::read_dir(DIRECTORY).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            files.contains(&name),
            "docs/cli/{name} is no page: delete it"
        );
    }
}

/// Each section opens its table; the examples of its fields and its example of an entry are typed there.
#[test]
fn every_example_can_be_typed() {
    let mut session = Session::new(Zone::UTC);
    let mut typed = 0;
    for line in pages().iter().flat_map(|page| page.text.lines()) {
        let example = line
            .strip_suffix("` |")
            .and_then(|row| row.rsplit_once(" | `set "));
        if let Some(heading) = line.strip_prefix("## ") {
            type_line(&mut session, "abort");
            open(&mut session, heading);
        } else if let Some(heading) = line.strip_prefix("### ") {
            type_line(&mut session, "abort");
            heading
                .split(": ")
                .for_each(|path| open(&mut session, path));
        } else if let Some((_, example)) = example {
            type_line(
                &mut session,
                &format!("set {}", example.replace("\\|", "|")),
            );
            typed += 1;
        }
    }
    assert!(typed > 50, "only {typed} fields have an example");
}

#[test]
fn every_block_can_be_typed() {
    let mut session = Session::new(Zone::UTC);
    for page in pages() {
        let blocks = page.text.split("```\n").skip(1).step_by(2);
        for line in blocks
            .filter(|block| block.starts_with("config"))
            .flat_map(str::lines)
        {
            if line == "config vdom" {
                session.set_vdom_mode(VdomMode::Multi);
            }
            type_line(&mut session, line);
        }
        session.set_vdom_mode(VdomMode::None);
    }
    assert_eq!(session.prompt("gate"), "gate # ");
}

fn open(session: &mut Session, path: &str) {
    if !path.starts_with("config") {
        return;
    }
    // Virtual domains are configured where there are any.
    session.set_vdom_mode(match path {
        "config vdom" => VdomMode::Multi,
        _ => VdomMode::None,
    });
    type_line(session, path);
    if session.help("").contains("edit ") {
        type_line(session, "edit 1");
    }
}

/// Types a line; whatever it refers to is there, and whatever it changes is saved.
fn type_line(session: &mut Session, line: &str) {
    let mut step = session.feed(line);
    loop {
        step = match step {
            Step::Run {
                command: Command::Fetch(place),
                ..
            } => session.fetched(Some(Object::at(&place))),
            Step::Run {
                command: Command::Configure(_),
                ..
            } => session.applied(Ok(())),
            Step::Nothing | Step::Print(_) => return,
            Step::Refuse(_) if line == "abort" => return,
            other => panic!("{line:?} led to {other:?}"),
        };
    }
}
