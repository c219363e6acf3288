//! A gateway in memory for one session: what a shell does, as far as a session can tell.

use std::collections::BTreeMap;

use cli::render::Zone;
use cli::{Command, Completion, Output, Session, Step};
use domain::admin::{AdminError, Edit, Operation};
use domain::query::Query;
use domain::schema::{Field, GLOBAL, Object, Place, Shape, Table, VDOM, Value};
use domain::settings::VdomMode;
use domain::text::printable;
use domain::vdom::Vdom;

/// Steps that one line leads to at most: a list of references is looked up name by name.
const STEPS_MAX: usize = 10_000;

const HOSTNAME: &str = "gate";

pub(crate) struct Gateway {
    pub(crate) session: Session,
    objects: BTreeMap<Key, Object>,
    /// Which entries are there without having been made.
    is_there: fn(&str) -> bool,
    /// How many changes were asked for: every so often one is refused, or not carried out.
    changes: usize,
}

/// Virtual domain, path of the table, key.
type Key = (Vdom, &'static str, Box<str>);

/// Whether the session goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goes {
    On,
    Closed,
}

/// How changes end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    /// All are saved.
    Saved,
    /// Some are refused, of some it is not known.
    Various,
}

impl Gateway {
    /// One in which all names are there that begin with a capital letter.
    pub(crate) fn new() -> Self {
        Self::with(|key| key.starts_with(|c: char| c.is_ascii_uppercase()))
    }

    /// One in which every name is there.
    pub(crate) fn full() -> Self {
        Self::with(|_| true)
    }

    fn with(is_there: fn(&str) -> bool) -> Self {
        Self {
            session: Session::new(Zone::UTC),
            objects: BTreeMap::new(),
            is_there,
            changes: 0,
        }
    }

    /// Feeds a line and does what it leads to; all that is printed is checked.
    pub(crate) fn line(&mut self, line: &str, changes: Changes) -> (String, Goes) {
        self.session.set_vdom_mode(self.vdom_mode());
        let mut printed = String::new();
        let mut step = self.session.feed(line);
        for _ in 0..STEPS_MAX {
            step = match step {
                Step::Nothing => return (printed, Goes::On),
                Step::Print(text) | Step::Remark(text) | Step::Ask(text) => {
                    return (printed + &self.said(text), Goes::On);
                }
                Step::Refuse(text) => {
                    assert_plain(&text);
                    return (printed + &self.said(text), Goes::On);
                }
                Step::Abandon(text) => return (printed + &self.said(text), Goes::Closed),
                Step::Close => return (printed, Goes::Closed),
                Step::Run { command, output } => match command {
                    Command::Fetch(place) => {
                        let found = self.object(&place);
                        self.session.fetched(found)
                    }
                    Command::Configure(operation) => self.configure(operation, changes),
                    Command::List(listing) => {
                        printed += &self.list(listing, output);
                        Step::Nothing
                    }
                    other => {
                        printed += &whole(output, &format!("{other:?}\n"));
                        Step::Nothing
                    }
                },
            };
        }
        panic!("{line:?} leads to more than {STEPS_MAX} steps");
    }

    /// Tab and `?` wherever the cursor may stand in a line.
    pub(crate) fn ask_everywhere(&self, line: &str) {
        // Of a long line every so many characters: the target would be quadratic, not the session.
        let apart = line.len() / 128 + 1;
        let cursors = line.char_indices().map(|(at, _)| at).chain([line.len()]);
        for cursor in cursors.filter(|at| at % apart == 0 || *at == line.len()) {
            let beginning = line.get(..cursor).unwrap_or(line);
            assert_shown(&self.session.help(beginning));
            let completion = match self.session.complete(beginning) {
                Completion::Keys(keys) => keys.complete(&self.keys(keys.tables())),
                other => other,
            };
            match completion {
                Completion::Insert(text) => {
                    assert!(
                        !text.chars().any(char::is_control),
                        "{beginning:?}: {text:?}"
                    );
                }
                Completion::Show(text) => assert_shown(&text),
                Completion::Nothing | Completion::Keys(_) => {}
            }
        }
        let _ = self.session.is_secret(line);
    }

    /// The entries that were saved, whose table and key are a place to show.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.values()
    }

    fn keys(&self, tables: &[&'static Table]) -> Vec<&str> {
        let entries = self.objects.keys();
        let theirs = entries.filter(|(_, path, _)| tables.iter().any(|table| table.path == *path));
        theirs
            .map(|(.., key)| &**key)
            .chain(["FTKMOB83712DC7FE", "anna maria", "it's\"\\"])
            .collect()
    }

    fn object(&self, place: &Place) -> Option<Object> {
        let saved = self.objects.get(&key(place)).map(copied);
        let is_single = matches!(place.table().shape, Shape::Single);
        let is_there = is_single || (self.is_there)(place.key());
        saved.or_else(|| is_there.then(|| Object::new(place.table(), place.key())))
    }

    fn configure(&mut self, operation: Operation, changes: Changes) -> Step {
        self.changes += 1;
        if changes == Changes::Various && self.changes.is_multiple_of(5) {
            return self.session.failed("the store\u{1b}[2J does not answer");
        }
        if changes == Changes::Various && self.changes.is_multiple_of(3) {
            let error = AdminError::NotFound {
                table: &GLOBAL,
                key: "\u{1b}[2J".into(),
            };
            return self.session.applied(Err(error));
        }
        self.apply(operation);
        self.session.applied(Ok(()))
    }

    fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Configure { place, edits } => {
                let saved = self.objects.entry(key(&place));
                let object = saved.or_insert_with(|| Object::new(place.table(), place.key()));
                for edit in edits {
                    match edit {
                        Edit::Set(field, value) => object.set(field, sealed(value)),
                        Edit::Unset(field) => object.unset(field),
                        Edit::Children(table, entries) => object.set_children(table, entries),
                    }
                }
            }
            Operation::Remove { place } => {
                self.objects.remove(&key(&place));
            }
            Operation::Purge { vdom, table } => {
                let vdom = table.within(vdom);
                self.objects
                    .retain(|(at, path, _), _| (*at, *path) != (vdom, table.path));
            }
            _ => {}
        }
    }

    fn list(&self, mut listing: cli::render::Listing, output: Output) -> String {
        let mut text = listing.head("admin\u{1b}");
        for part in listing.parts(&self.vdoms()) {
            let (vdom, table) = match part {
                cli::render::Part::Text(part) => {
                    text += &part;
                    continue;
                }
                cli::render::Part::Table(vdom, table) => (vdom, table),
            };
            let Query::Entries { vdom, key, .. } = listing.query(vdom, table) else {
                panic!("a listing asks for entries");
            };
            for ((at, path, name), object) in &self.objects {
                let is_asked_for = key.as_ref().is_none_or(|key| key == name);
                if (*at, *path) == (vdom, table.path) && is_asked_for {
                    text += &listing.entry(object);
                }
            }
            text += &listing.end(table);
        }
        whole(output, &text)
    }

    fn vdom_mode(&self) -> VdomMode {
        let global = self.objects.get(&key(&Place::of_unit(&GLOBAL)));
        match global.map(|global| global.text("vdom-mode")) {
            Some("multi-vdom") => VdomMode::Multi,
            _ => VdomMode::None,
        }
    }

    fn vdoms(&self) -> Vec<Vdom> {
        let made = self
            .objects
            .keys()
            .filter(|(_, path, _)| *path == VDOM.path);
        let made = made.filter_map(|(.., name)| Vdom::parse(name).ok());
        std::iter::once(Vdom::ROOT).chain(made).collect()
    }

    fn said(&self, text: String) -> String {
        assert_shown(&text);
        self.assert_prompt();
        text
    }

    /// Automation waits for `HOST # ` or `HOST (word) # `.
    fn assert_prompt(&self) {
        let prompt = self.session.prompt(HOSTNAME);
        if self.session.awaits_answer() {
            return;
        }
        let place = prompt
            .strip_prefix(HOSTNAME)
            .and_then(|rest| rest.strip_suffix(" # "));
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let is_known = match place {
            Some("") => true,
            Some(place) => place
                .strip_prefix(" (")
                .and_then(|place| place.strip_suffix(')'))
                .is_some_and(|word| !word.is_empty() && word.chars().all(is_word)),
            None => false,
        };
        assert!(is_known, "{prompt:?}");
    }
}

/// What is printed is whole lines, and nothing in it is obeyed by a terminal.
pub(crate) fn assert_shown(text: &str) {
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let is_obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    assert!(!text.contains(is_obeyed), "{text:?}");
}

/// What was typed is repeated without marks that turn the direction of writing.
fn assert_plain(text: &str) {
    for part in text.split(['\n', '\t']) {
        assert_eq!(printable(part), part);
    }
}

fn key(place: &Place) -> Key {
    (place.vdom(), place.table().path, place.key().into())
}

fn whole(mut output: Output, text: &str) -> String {
    output.push(text) + &output.finish()
}

/// The store seals secrets.
fn sealed(value: Value) -> Value {
    match value {
        Value::Secret(_) => Value::Sealed("c2VhbGVk".into()),
        other => other,
    }
}

fn copied(object: &Object) -> Object {
    let mut copy = Object::new(object.table, &object.key);
    for (field, value) in object.values() {
        copy.set(field, copied_value(field, value));
    }
    for table in object.table.children {
        copy.set_children(table, object.children(table).map(copied).collect());
    }
    copy
}

fn copied_value(field: &Field, value: &Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(text.clone()),
        Value::List(texts) => Value::List(texts.clone()),
        Value::Sealed(text) | Value::Foreign(text) => Value::Sealed(text.clone()),
        Value::Secret(_) => panic!("{} is kept open", field.name),
    }
}
