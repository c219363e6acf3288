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
use cli::{Command, Completion, Session, Step};
use domain::admin::{Edit, Operation};
use domain::query::Query;
use domain::schema::{
    ALL, Access, Field, Key, KeyForm, Kind, Netmask, Object, Shape, Subnet, Table, VDOM, Value,
};
use domain::vdom::Vdom;
use proptest::prelude::*;

/// Entries of every table, with the fields that an administrator sets.
fn entries() -> impl Strategy<Value = Object> {
    // A virtual domain is a place in which others are shown.
    let tables: Vec<&'static Table> = ALL
        .iter()
        .copied()
        .filter(|table| *table != &VDOM)
        .collect();
    proptest::sample::select(tables).prop_flat_map(|table| {
        let values: Vec<_> = table
            .fields
            .iter()
            .map(|field| proptest::option::of(values(field)))
            .collect();
        (keys(table), values).prop_map(move |(key, values)| {
            let mut object = Object::new(table, &key);
            for (field, value) in table.fields.iter().zip(values) {
                if let Some(value) = value.filter(|_| field.access == Access::Administrator) {
                    object.set(field, kept(field, value));
                }
            }
            object
        })
    })
}

/// Secrets are stored sealed.
fn kept(field: &Field, text: String) -> Value {
    match field.kind {
        Kind::Secret(_) => Value::Sealed(text.into()),
        Kind::List(_) => {
            let mut words: Vec<Box<str>> = text.split(' ').map(Box::from).collect();
            words.retain(|word| !word.is_empty());
            words.sort_unstable();
            words.dedup();
            Value::List(words)
        }
        _ => Value::Text(text.into()),
    }
}

fn keys(table: &Table) -> BoxedStrategy<String> {
    match table.shape {
        Shape::Single => Just(String::new()).boxed(),
        Shape::Keyed(Key {
            form: KeyForm::Name(max),
            ..
        }) => proptest::string::string_regex(&format!("\\PC{{1,{max}}}"))
            .unwrap()
            .boxed(),
        Shape::Keyed(Key {
            form: KeyForm::Number(max),
            ..
        }) => (1..=max).prop_map(|number| number.to_string()).boxed(),
    }
}

fn values(field: &'static Field) -> BoxedStrategy<String> {
    words(&field.kind)
}

fn words(kind: &'static Kind) -> BoxedStrategy<String> {
    match kind {
        Kind::Text(max) => proptest::string::string_regex(&format!("\\PC{{0,{max}}}"))
            .unwrap()
            .boxed(),
        Kind::Choice(words) => (0..words.len())
            .prop_map(|word| words[word].word.to_owned())
            .boxed(),
        Kind::Integer(min, max) => (*min..=*max).prop_map(|number| number.to_string()).boxed(),
        Kind::Moment => any::<u32>().prop_map(|moment| moment.to_string()).boxed(),
        Kind::Secret(_) => "[A-Za-z0-9+/]{4,80}={0,2}".boxed(),
        Kind::Reference(_) => "[A-Z0-9]{1,16}".boxed(),
        Kind::Host(max) => proptest::string::string_regex(&format!("[a-z0-9.]{{1,{max}}}"))
            .unwrap()
            .boxed(),
        Kind::Address => any::<std::net::Ipv4Addr>()
            .prop_map(|address| address.to_string())
            .boxed(),
        Kind::Address6 => any::<std::net::Ipv6Addr>()
            .prop_map(|address| address.to_string())
            .boxed(),
        Kind::DateTime => "20[0-9]{2}-0[1-9]-[0-2][1-9] [01][0-9]:[0-5][0-9]:[0-5][0-9]".boxed(),
        Kind::Netmask => (any::<std::net::Ipv4Addr>(), 0..=32_u8)
            .prop_map(|(address, bits)| {
                Netmask::parse(&format!("{address}/{bits}"))
                    .unwrap()
                    .to_string()
            })
            .boxed(),
        Kind::Prefix6 => (any::<std::net::Ipv6Addr>(), 0..=128_u8)
            .prop_map(|(address, bits)| {
                Subnet::parse(&format!("{address}/{bits}"))
                    .unwrap()
                    .to_string()
            })
            .boxed(),
        Kind::List(kind) => proptest::collection::btree_set(words(kind), 1..4)
            .prop_map(|words| words.into_iter().collect::<Vec<_>>().join(" "))
            .boxed(),
        Kind::Subnet => (any::<std::net::IpAddr>(), 0..=32_u8)
            .prop_map(|(address, bits)| {
                Subnet::parse(&format!("{address}/{bits}"))
                    .unwrap()
                    .to_string()
            })
            .boxed(),
    }
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
            if let Step::Print(text) | Step::Refuse(text) = &step {
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
            "fortitoken-mobile", "import", "provision", "sync", "diagnose", "debug", "login", "last",
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
    ] {
        assert!(session.is_secret(line), "{line}");
    }
    for line in [
        "show user local",
        "edit passwd",
        "set email-to a@example.com",
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
        "Virtual domain configuration",
        "Current HA mode",
        "Branch point",
        "Release Version Information",
        "System time",
        "Last reboot reason",
    ];
    let status = domain::query::SystemStatus {
        serial: ident::ProductSerial::parse("FGT3HD3915801656").unwrap(),
        hostname: "gate".into(),
        release: "0.1.0".into(),
        now: domain::time::Timestamp::from_secs(0),
        vdom_mode: domain::settings::VdomMode::None,
        last_end: None,
    };
    let text = cli::render::system_status(&status, Zone::UTC);
    for line in text.lines() {
        let (key, value) = line.split_once(": ").unwrap();
        assert!(known.contains(&key) && !value.is_empty(), "{line}");
        assert!(!line.contains(['#', '$']), "{line} looks like a prompt");
    }
}
