//! What is shown of a whole configuration reads back as that configuration. A failing case is printed
//! with the configuration that makes it fail and kept in `whole.proptest-regressions`, which later runs
//! try first.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use cli::render::{Part, Zone};
use cli::text::{self, Document};
use cli::{Command, Session, Step};
use domain::admin::{Edit, Incoming};
use domain::query::Query;
use domain::schema::{ALL, Object, Place, Scope, Shape, Table, VDOM, Value};
use domain::settings::VdomMode;
use domain::vdom::Vdom;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::strategy::Union;

mod entries;

/// Entries by virtual domain, table and key.
type Entries = BTreeMap<(String, &'static str, String), Object>;

/// A unit's configuration.
#[derive(Debug)]
struct Configuration {
    mode: VdomMode,
    /// Root first.
    vdoms: Vec<Vdom>,
    entries: Entries,
}

/// Many tables at once, in several virtual domains or in none.
fn configurations() -> impl Strategy<Value = Configuration> {
    let tables = ALL.iter().copied().filter(|table| *table != &VDOM);
    let entry = Union::new(tables.map(|table| entries::entries(table, |_| true)));
    let names = btree_set("[A-Za-z0-9_-]{1,31}", 0..3);
    (
        names,
        any::<bool>(),
        vec((entry, any::<prop::sample::Index>()), 0..12),
    )
        .prop_map(|(names, multi, found)| {
            let mode = if multi {
                VdomMode::Multi
            } else {
                VdomMode::None
            };
            let named = names
                .iter()
                .filter(|_| multi)
                .map(|name| Vdom::parse(name).unwrap());
            let mut vdoms = vec![Vdom::ROOT];
            vdoms.extend(named.filter(|vdom| !vdom.is_root()));
            let mut entries = Entries::new();
            for (mut object, vdom) in found {
                if object.table.scope == Scope::Vdom {
                    object.vdom = vdoms[vdom.index(vdoms.len())];
                }
                entries.insert(name(&object.place()), object);
            }
            Configuration {
                mode,
                vdoms,
                entries,
            }
        })
}

fn name(place: &Place) -> (String, &'static str, String) {
    (
        place.vdom().to_string(),
        place.table().path,
        place.key().to_owned(),
    )
}

/// What `show` prints.
fn shown(configuration: &Configuration, line: &str) -> String {
    let mut session = Session::new(Zone::UTC);
    session.set_vdom_mode(configuration.mode);
    let Step::Run {
        command: Command::List(mut listing),
        ..
    } = session.feed(line)
    else {
        panic!("{line} lists configuration");
    };
    let mut text = listing.head("admin");
    for part in listing.parts(&configuration.vdoms) {
        let (vdom, table) = match part {
            Part::Text(part) => {
                text += &part;
                continue;
            }
            Part::Table(vdom, table) => (vdom, table),
        };
        let Query::Entries { vdom, .. } = listing.query(vdom, table) else {
            panic!("entries are asked for");
        };
        for object in in_table(configuration, vdom, table) {
            text += &listing.entry(&object);
        }
        text += &listing.end(table);
    }
    text
}

/// The entries of a table; a single object is always there.
fn in_table(configuration: &Configuration, vdom: Vdom, table: &'static Table) -> Vec<Object> {
    let of_table = |object: &&Object| object.table == table && object.vdom == table.within(vdom);
    let found: Vec<Object> = configuration
        .entries
        .values()
        .filter(of_table)
        .cloned()
        .collect();
    match table.shape {
        Shape::Single if found.is_empty() => vec![Object::at(&Place::new(vdom, table, ""))],
        _ => found,
    }
}

/// What the text says, entry by entry.
fn read_back(mut document: Document) -> Entries {
    assert!(document.findings.is_empty(), "{:?}", document.findings);
    let mut entries = Entries::new();
    for Incoming { place, edits, .. } in document.take_entries() {
        let mut object = Object::at(&place);
        for edit in edits {
            match edit {
                Edit::Set(field, value) => object.set(field, value),
                Edit::Unset(field) => object.unset(field),
                Edit::Children(table, children) => object.set_children(table, children),
            }
        }
        entries.insert(name(&place), object);
    }
    entries
}

/// All that is set in an entry.
fn written(object: &Object) -> Vec<String> {
    let mut lines = Vec::new();
    for (field, value) in object.values() {
        lines.push(match value {
            Value::Sealed(sealed) => format!("{} sealed {sealed}", field.name),
            Value::Secret(_) | Value::Foreign(_) => panic!("{} is open", field.name),
            Value::Text(_) | Value::List(_) => format!("{} {:?}", field.name, value.texts()),
        });
    }
    for table in object.table.children {
        for child in object.children(table) {
            lines.push(format!(
                "{} {:?} {:?}",
                table.path,
                child.key,
                written(child)
            ));
        }
    }
    lines
}

/// What a whole configuration says: an object in which nothing is set says nothing.
fn said(entries: &Entries) -> Vec<(String, Vec<String>)> {
    let said = entries.iter().filter(|(_, object)| {
        let is_vdom = object.table == &VDOM;
        let is_single = matches!(object.table.shape, Shape::Single);
        !(is_vdom || is_single && written(object).is_empty())
    });
    said.map(|(name, object)| (format!("{name:?}"), written(object)))
        .collect()
}

fn check(configuration: &Configuration, line: &str) {
    let text = shown(configuration, line);
    let document = text::read(text.as_bytes(), Vdom::ROOT);
    let document = match document {
        Ok(document) => document,
        // A unit in which nothing is set shows nothing but the head.
        Err(text::TextError::NoConfiguration) => {
            assert!(said(&configuration.entries).is_empty(), "{text}");
            return;
        }
        Err(error) => panic!("{error}:\n{text}"),
    };
    let entries = read_back(document);
    if configuration.mode == VdomMode::Multi {
        let made = entries.keys().filter(|(_, path, _)| *path == VDOM.path);
        assert_eq!(made.count(), configuration.vdoms.len(), "{text}");
    }
    assert_eq!(said(&entries), said(&configuration.entries), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn what_is_shown_reads_back(configuration in configurations()) {
        check(&configuration, "show");
    }
}

proptest! {
    // Each has every field of every settings object: a quarter as many take as long.
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_shown_in_full_reads_back(configuration in configurations()) {
        check(&configuration, "show full-configuration");
    }

    #[test]
    fn no_file_panics(lines in vec(line(), 0..40), tail in vec(any::<u8>(), 0..20)) {
        let mut text = lines.join("\n").into_bytes();
        text.extend(tail);
        let _ = text::read(&text, Vdom::ROOT);
    }
}

/// Lines that are right somewhere, and noise.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => proptest::sample::select(vec![
            "config vdom", "config global", "config user local", "config user fortitoken",
            "config user group", "config match", "config system global", "config firewall policy",
            "edit root", "edit \"anna\"", "edit 1", "set status enable", "set two-factor fortitoken",
            "set passwd ENC abc", "set comments \"open", "set member \"a\" \"b\"", "unset comments",
            "next", "end", "end", "#config-version=FGT", "#backup=1:release=1:at=0:lines=3", "",
        ])
        .prop_map(str::to_owned),
        1 => "\\PC{0,30}",
    ]
}
