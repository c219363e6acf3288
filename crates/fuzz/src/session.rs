//! Sessions: any lines in any order, with Tab and `?` at every place.

use cli::render::Zone;
use cli::{Command, Session, Step};
use domain::schema::{Access, Object, VDOM};

use crate::gateway::{Changes, Gateway, Goes};

/// An administrator who types anything.
pub(crate) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut gateway = Gateway::new();
    for line in text.split('\n').map(typed) {
        gateway.ask_everywhere(line);
        if gateway.line(line, Changes::Various).1 == Goes::Closed {
            return;
        }
    }
    show_again(&gateway);
}

/// Configuration text, as it is pasted or restored.
pub(crate) fn paste(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut gateway = Gateway::new();
    for line in text.lines() {
        if gateway.line(line, Changes::Saved).1 == Goes::Closed {
            return;
        }
    }
    show_again(&gateway);
}

/// What stands behind a prompt, if the line is one of a transcript.
fn typed(line: &str) -> &str {
    line.split_once(" # ").map_or(line, |(_, typed)| typed)
}

/// What was accepted can be shown, and what is shown can be typed and means the same.
fn show_again(gateway: &Gateway) {
    // A virtual domain is a place, with nothing in it to be shown. What the system set is taken over
    // with an entry that is not there yet, and everything is there below.
    let is_typed = |object: &&Object| {
        let mut values = object.values();
        object.table != &VDOM && values.all(|(field, _)| field.access == Access::Administrator)
    };
    for object in gateway.objects().filter(is_typed) {
        let shown = shown(object);
        let mut again = Gateway::full();
        for line in shown.lines() {
            let (said, _) = again.line(line, Changes::Saved);
            let is_taken = said.is_empty() || said.starts_with("new entry ");
            assert!(is_taken, "{line:?} of\n{shown}leads to {said}");
        }
        let retyped = again.objects().map(self::shown).collect::<String>();
        // What is there already and has nothing set is not saved again.
        let is_unchanged = object.values().next().is_none() && retyped.is_empty();
        assert!(retyped == shown || is_unchanged, "{shown}became\n{retyped}");
    }
}

fn shown(object: &Object) -> String {
    let mut session = Session::new(Zone::UTC);
    let line = format!("show {}", object.table.path);
    match session.feed(&line) {
        Step::Run {
            command: Command::List(mut listing),
            ..
        } => listing.entry(object) + &listing.end(object.table),
        other => panic!("{line} leads to {other:?}"),
    }
}
