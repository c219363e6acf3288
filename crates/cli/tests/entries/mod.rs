//! Random entries of the declared tables.

use domain::admin::misfit;
use domain::schema::{
    Effect, Field, Key, KeyForm, Kind, Netmask, Object, Place, Shape, Subnet, Table, Value,
};
use domain::vdom::Vdom;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::string::string_regex;

/// Entries of one table, in the root, with those of its fields that are wanted.
pub(crate) fn entries(table: &'static Table, wanted: fn(&Field) -> bool) -> BoxedStrategy<Object> {
    let settable = table.fields.iter().filter(move |field| wanted(field));
    let values: Vec<_> = settable
        .map(|field| proptest::option::of(values(field)).prop_map(move |value| (field, value)))
        .collect();
    let tables: Vec<_> = table.children.iter().map(|table| children(table)).collect();
    (keys(table), values, tables)
        .prop_map(move |(key, values, tables)| {
            let mut object = Object::at(&Place::new(Vdom::ROOT, table, key));
            for (field, value) in values {
                // What no line can set no entry holds.
                if let Some(value) = value.filter(|it| misfit(table, field, it).is_none()) {
                    object.set(field, value);
                }
            }
            for (child, entries) in table.children.iter().zip(tables) {
                object.set_children(child, entries);
            }
            object
        })
        .boxed()
}

/// Child entries; no two have the same key.
fn children(table: &'static Table) -> BoxedStrategy<Vec<Object>> {
    vec(entries(table, |_| true), 0..3)
        .prop_map(|mut entries| {
            entries.sort_by(|a, b| a.key.cmp(&b.key));
            entries.dedup_by(|a, b| a.key == b.key);
            entries
        })
        .boxed()
}

fn keys(table: &Table) -> BoxedStrategy<String> {
    match table.shape {
        Shape::Single => Just(String::new()).boxed(),
        Shape::Keyed(Key {
            form: KeyForm::Name(max),
            ..
        }) => text(1, max),
        Shape::Keyed(Key {
            form: KeyForm::Number(max),
            ..
        }) => (1..=max).prop_map(|number| number.to_string()).boxed(),
    }
}

fn values(field: &'static Field) -> BoxedStrategy<Value> {
    if let Effect::Fixed(_) = field.effect {
        return Just(field.default_value()).boxed();
    }
    match &field.kind {
        // Secrets are stored sealed.
        Kind::Secret(_) | Kind::SecretPem(_) => "[A-Za-z0-9+/]{4,80}={0,2}"
            .prop_map(|sealed| Value::Sealed(sealed.into()))
            .boxed(),
        Kind::List(kind) => btree_set(words(kind, 1), 1..4)
            .prop_map(|words| Value::List(words.into_iter().map(Into::into).collect()))
            .boxed(),
        kind => words(kind, 0)
            .prop_map(|word| Value::Text(word.into()))
            .boxed(),
    }
}

/// Text without control characters, often with those that quoting is about.
fn text(min: u16, max: u16) -> BoxedStrategy<String> {
    let max = max.min(80);
    prop_oneof![
        string_regex(&format!("[^\\p{{Cc}}]{{{min},{max}}}")).unwrap(),
        string_regex(&format!("[\"'\\\\ |#?$%a-c]{{{min},{max}}}")).unwrap(),
    ]
    .boxed()
}

fn words(kind: &'static Kind, min: u16) -> BoxedStrategy<String> {
    match kind {
        Kind::Text(max) => text(min, *max),
        Kind::Choice(words) => (0..words.len())
            .prop_map(|word| words[word].word.to_owned())
            .boxed(),
        Kind::Integer(min, max) => (*min..=*max).prop_map(|number| number.to_string()).boxed(),
        Kind::Moment => any::<u32>().prop_map(|moment| moment.to_string()).boxed(),
        Kind::Reference(_) => "[A-Z0-9]{1,16}".boxed(),
        Kind::Host(max) => string_regex(&format!("[a-z0-9.]{{1,{max}}}"))
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
        Kind::Subnet => (any::<std::net::IpAddr>(), 0..=32_u8)
            .prop_map(|(address, bits)| {
                Subnet::parse(&format!("{address}/{bits}"))
                    .unwrap()
                    .to_string()
            })
            .boxed(),
        Kind::Pem(_) => {
            "-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/]{4,64}\n-----END CERTIFICATE-----".boxed()
        }
        Kind::Secret(_) | Kind::SecretPem(_) | Kind::List(_) => {
            unreachable!("neither stands in a list")
        }
    }
}
