//! What holds for every entry and every line. A failing case is printed with the values that make it
//! fail and kept in `properties.proptest-regressions`, which later runs try first.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use cli::render::Zone;
use cli::{Command, Completion, LINE_MAX, Session, Step};
use domain::admin::{Edit, Operation, misfit};
use domain::query::Query;
use domain::schema::{
    ALL, Access, Effect, Field, Key, KeyForm, Kind, LIST_MAX, Object, REFERENCE_MAX, TEXTS_MAX,
    Table, VDOM, Value,
};
use domain::vdom::Vdom;
use proptest::prelude::*;
use proptest::strategy::Union;

mod entries;

/// Entries of every table, with the fields that an administrator sets.
fn entries() -> impl Strategy<Value = Object> {
    // A virtual domain is a place in which others are shown.
    let tables = ALL.iter().copied().filter(|table| *table != &VDOM);
    let settable = |field: &Field| field.access == Access::Administrator;
    Union::new(tables.map(move |table| entries::entries(table, settable)))
}

fn shown(session: &mut Session, line: &str, object: &Object) -> String {
    let Step::Run {
        command: Command::List(mut listing),
        ..
    } = session.feed(line)
    else {
        panic!("{line} lists configuration");
    };
    let query = Query::Entries {
        vdom: Vdom::ROOT,
        table: object.table,
        key: None,
    };
    assert_eq!(listing.query(Vdom::ROOT, object.table), query);
    listing.entry(object) + &listing.end(object.table)
}

/// Types configuration text into a session; what it changes, with every reference taken for granted.
fn typed(text: &str) -> Vec<Operation> {
    let mut session = Session::new(Zone::UTC);
    let mut operations = Vec::new();
    for line in text.lines() {
        let mut step = session.feed(line);
        loop {
            step = match step {
                Step::Run {
                    command: Command::Fetch(place),
                    ..
                } => {
                    let is_opened = line.trim_start().starts_with("edit");
                    session.fetched((!is_opened).then(|| Object::at(&place)))
                }
                Step::Run {
                    command: Command::Configure(operation),
                    ..
                } => {
                    operations.push(operation);
                    session.applied(Ok(()))
                }
                Step::Nothing | Step::Print(_) => break,
                other => panic!("{line:?} led to {other:?}"),
            }
        }
    }
    assert_eq!(session.prompt("gate"), "gate # ");
    operations
}

fn plain(values: Vec<(&'static Field, Value)>) -> Vec<(&'static str, String)> {
    let text = |value| match value {
        Value::Text(text) => text.into_string(),
        Value::List(texts) => texts.join(" "),
        Value::Sealed(sealed) | Value::Foreign(sealed) => format!("sealed {sealed}"),
        Value::Secret(_) => panic!("a secret was typed in clear"),
    };
    let mut plain: Vec<_> = values
        .into_iter()
        .map(|(field, value)| (field.name, text(value)))
        .collect();
    plain.sort_unstable();
    plain
}

fn retyped(text: &str, table: &'static Table) -> Object {
    let mut object = Object::new(table, "");
    for operation in typed(text) {
        let Operation::Configure { place, edits } = operation else {
            panic!("{operation:?} configures nothing");
        };
        assert!(place.table() == table);
        object.key = place.key().into();
        for edit in edits {
            match edit {
                Edit::Set(field, value) => object.set(field, value),
                Edit::Unset(field) => object.unset(field),
                Edit::Children(table, entries) => object.set_children(table, entries),
            }
        }
    }
    object
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_shown_can_be_typed(object in entries(), full in any::<bool>()) {
        let line = format!("show {}{}", if full { "full-configuration " } else { "" }, object.table.path);
        let text = shown(&mut Session::new(Zone::UTC), &line, &object);
        let again = retyped(&text, object.table);
        prop_assert_eq!(&again.key, &object.key);
        prop_assert_eq!(plain(again.into_parts().0), plain(object.into_parts().0));
    }

    #[test]
    fn no_line_panics(lines in proptest::collection::vec(line(), 1..12)) {
        let mut session = Session::new(Zone::UTC);
        for line in lines {
            let cursors = (0..=line.len()).filter(|at| line.is_char_boundary(*at));
            for cursor in cursors {
                let _ = session.help(&line[..cursor]);
                if let Completion::Keys(keys) = session.complete(&line[..cursor]) {
                    let _ = keys.complete(&["FTKMOB83712DC7FE", "anna maria"]);
                }
            }
            let _ = session.is_secret(&line);
            let step = session.feed(&line);
            if let Step::Print(text) | Step::Remark(text) | Step::Refuse(text) = &step {
                prop_assert!(text.ends_with('\n'));
            }
            if let Step::Run { command: Command::Fetch(_), .. } = step {
                let _ = session.fetched(None);
            }
        }
    }
}

/// Noise, and commands with noise in them.
fn line() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => proptest::sample::select(vec![
            "config", "user", "local", "fortitoken", "radius-client", "system", "global", "edit",
            "set", "unset", "passwd", "comments", "status", "lock", "next", "end", "abort", "show",
            "get", "full-configuration", "|", "grep", "-f", "-A", "-vn", "execute",
            "fortitoken-mobile", "import", "import-sn-file", "file", "tftp", "provision", "sync", "diagnose", "debug", "login", "last",
            "application", "fnbamd", "-1", "ENC", "FTKMOB83712DC7FE", "se", "conf", "us",
        ])
        .prop_map(str::to_owned),
        1 => "\\PC{0,12}",
        1 => proptest::sample::select(vec!["\"", "'", "\\", "\t", "#", "?", "", "\u{202e}", "[", "("])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    proptest::collection::vec(word, 0..7).prop_map(|words| words.join(" "))
}

#[test]
fn passwords_stay_out_of_the_history() {
    let mut session = Session::new(Zone::UTC);
    for line in [
        "set passwd x",
        "  se  passw 'a b'",
        "set \"passwd\" x",
        "set pa\"sswd\" \"x",
        "diagnose test authserver ldap corp alice secret",
        "diag te auth radius hq pap alice 'a b'",
        "execute fortitoken import tokens.xml secret",
        "exec fortitoken import-seed file tokens.xml a b c",
        "exec fortitoken import tftp tokens.xml 192.0.2.69 secret",
    ] {
        assert!(session.is_secret(line), "{line}");
    }
    for line in [
        "show user local",
        "edit passwd",
        "set email-to a@example.com",
        "execute fortitoken import file tokens.csv",
        "execute fortitoken import-sn-file tftp serials.txt 192.0.2.69",
        "set",
        "",
    ] {
        assert!(!session.is_secret(line), "{line}");
    }
    let _ = session.feed("config user fortitoken");
    let _ = session.feed("edit FTK2000BHV1KRZCC");
    let _ = session.fetched(None);
    assert!(session.is_secret("set seed ENC abc"));
    assert!(!session.is_secret("set comments x"));
}

#[test]
fn status_lines_are_those_that_clients_know() {
    let known = [
        "Version",
        "Serial-Number",
        "Log hard disk",
        "Hostname",
        "Operation Mode",
        "Current virtual domain",
        "Max number of virtual domains",
        "Virtual domains status",
        "Virtual domain configuration",
        "Current HA mode",
        "Branch point",
        "Release Version Information",
        "System time",
        "Last reboot reason",
    ];
    let status = domain::query::SystemStatus {
        vdom: Vdom::ROOT,
        serial: ident::ProductSerial::parse("FGT3HD3915801656").unwrap(),
        hostname: "gate".into(),
        release: "0.1.0".into(),
        now: domain::time::Timestamp::from_secs(0),
        vdom_mode: domain::settings::VdomMode::None,
        vdoms: 1,
        last_end: None,
    };
    let text = cli::render::system_status(&status, Zone::UTC);
    for line in text.lines() {
        let (key, value) = line.split_once(": ").unwrap();
        assert!(known.contains(&key) && !value.is_empty(), "{line}");
        assert!(!line.contains(['#', '$']), "{line} looks like a prompt");
    }
}

/// As long as a field takes.
fn pem(max: u16) -> String {
    let (begin, end) = (
        "-----BEGIN CERTIFICATE-----\n",
        "\n-----END CERTIFICATE-----",
    );
    let body = "A".repeat(usize::from(max) - begin.len() - end.len());
    format!("{begin}{body}{end}")
}

/// The longest value of a field that is text, by its declaration; none for short ones.
fn longest(field: &Field) -> Option<Value> {
    if let Effect::Fixed(_) = field.effect {
        return None;
    }
    let long = |max: u16| "\u{10330}".repeat(max.into());
    let list = |count: usize, max: u16| {
        let names = (0..count).map(|number| format!("{number:04}{}", long(max - 4)).into());
        Value::List(names.collect())
    };
    Some(match field.kind {
        Kind::Text(max) => Value::Text(long(max).into()),
        Kind::Reference(_) => Value::Text(long(REFERENCE_MAX).into()),
        Kind::Pem(max) => Value::Text(pem(max).into()),
        Kind::Secret(_) | Kind::SecretPem(_) => Value::Sealed("A".repeat(u16::MAX.into()).into()),
        Kind::List(&Kind::Text(max)) => list(TEXTS_MAX, max),
        Kind::List(Kind::Reference(_)) => list(LIST_MAX, REFERENCE_MAX),
        _ => return None,
    })
}

#[test]
fn the_longest_line_that_is_shown_can_be_typed() {
    let mut longest_line = 0;
    for table in ALL.iter().filter(|table| **table != &VDOM) {
        let settable = |field: &&Field| field.access == Access::Administrator;
        for field in table.fields.iter().filter(settable) {
            let Some(value) = longest(field).filter(|it| misfit(table, field, it).is_none()) else {
                continue;
            };
            let mut object = Object::new(table, "");
            if let Some(Key { form, .. }) = table.key() {
                object.key = match form {
                    KeyForm::Name(_) => "x".into(),
                    KeyForm::Number(_) => "1".into(),
                };
            }
            object.set(field, value);
            let line = format!("show {}", table.path);
            let text = shown(&mut Session::new(Zone::UTC), &line, &object);
            let octets = text.lines().map(str::len).max().unwrap_or(0);
            longest_line = longest_line.max(octets);
            assert!(octets <= LINE_MAX, "{} {}", table.path, field.name);
            let again = retyped(&text, table);
            assert!(
                again
                    .value(field.name)
                    .is_some_and(|value| again.is_set_to(field, value))
            );
            assert_eq!(plain(again.into_parts().0), plain(object.into_parts().0));
        }
    }
    assert!(longest_line > LINE_MAX / 2, "{longest_line}");
}

#[test]
fn a_line_that_outgrows_the_limit_ends_the_session_with_what_is_open() {
    let mut session = Session::new(Zone::UTC);
    let _ = session.feed("config system admin");
    let _ = session.feed("edit eve");
    let _ = session.fetched(None);
    let _ = session.feed("set vdom \"");
    let Step::Abandon(said) = session.feed(&"x".repeat(LINE_MAX)) else {
        panic!("a line of more than {LINE_MAX} octets was taken");
    };
    assert!(said.contains("Command fail. Return code -61\n"), "{said}");
    assert_eq!(session.prompt("gate"), "gate # ");
}

#[test]
fn what_follows_a_line_that_outgrew_the_limit_answers_no_question() {
    let mut session = Session::new(Zone::UTC);
    assert!(matches!(session.feed("execute factoryreset"), Step::Ask(_)));
    let _ = session.too_long();
    assert!(!session.is_asking());
    assert!(matches!(session.feed("y"), Step::Refuse(_)));
}

#[test]
fn a_line_that_outgrew_the_limit_closes_the_block_that_was_passed_over() {
    let mut session = Session::new(Zone::UTC);
    let _ = session.feed("config user group");
    let _ = session.feed("config nowhere");
    let _ = session.feed("edit 1");
    let _ = session.too_long();
    let step = session.feed("config system global");
    assert!(matches!(step, Step::Run { .. }), "{step:?}");
}
