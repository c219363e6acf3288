//! Outputs of the described system, byte for byte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use cli::render::{self, Part, Zone};
use cli::{Command, Session, Step};
use domain::query::{ServerReach, TokenRow, TokenTotals};
use domain::schema::{FORTITOKEN, Object};
use domain::vdom::Vdom;
use ident::TokenSerial;
use otp::Drift;

fn shown(line: &str, objects: &[Object]) -> String {
    let Step::Run {
        command: Command::List(mut listing),
        mut output,
    } = Session::new(Zone::UTC).feed(line)
    else {
        panic!("{line} lists configuration");
    };
    let mut text = output.push(&listing.head("admin"));
    for part in listing.parts(&[Vdom::ROOT]) {
        let Part::Table(_, table) = part else {
            panic!("a table is listed");
        };
        for object in objects.iter().filter(|object| object.table == table) {
            text += &output.push(&listing.entry(object));
        }
        text += &output.push(&listing.end(table));
    }
    text + &output.finish()
}

fn token(key: &str, fields: &[(&str, &str)]) -> Object {
    let set = |object: Object, (name, value): &(&str, &str)| object.with(name, Some(value));
    fields.iter().fold(Object::new(&FORTITOKEN, key), set)
}

#[test]
fn two_tokens_on_one_phone() {
    let phone = [
        ("license", "FTMTRIAL02062407"),
        (
            "reg-id",
            "fa0678e8f9e35f6a251cea691e4d56ed6fe9169ad03d2d26fe6dede6c8985a90",
        ),
        ("os-ver", "5.4.2_IOS"),
    ];
    let on_phone = |key, code, expire| {
        let own = [("activation-code", code), ("activation-expire", expire)];
        token(key, &[&phone[..], &own].concat())
    };
    let tokens = [
        on_phone("FTKMOB83712DC7FE", "EEIOHIDHBXN5QLXV", "1665947817"),
        on_phone("FTKMOB83F91CD33B", "EEIMCUO6X6DF4BL3", "1665950284"),
    ];
    assert_eq!(
        shown("show user fortitoken", &tokens),
        include_str!("golden/show-user-fortitoken.two-on-one-phone.conf")
    );
}

#[test]
fn a_locked_token() {
    let tokens = [
        token("FTKMOB26B6XXXXXX3", &[("status", "lock")]),
        token("FTKMOB0000000000", &[]),
    ];
    assert_eq!(
        shown("show user fortitoken | grep -f lock", &tokens).replace(" <---", ""),
        include_str!("golden/show-user-fortitoken.locked.conf")
    );
    assert_eq!(
        shown("sh us fortit", &tokens[..1]),
        include_str!("golden/show-user-fortitoken.locked.conf")
    );
}

#[test]
fn drift_and_status() {
    let row = |serial| TokenRow {
        serial: TokenSerial::parse(serial).unwrap(),
        drift: Drift(0),
        status: "new",
    };
    let totals = TokenTotals {
        activated: 0,
        activated_global: 0,
        server: ServerReach::Reachable,
    };
    let text = render::token_head()
        + &render::token(&row("FTK200XXXXXXXXXX"))
        + &render::token(&row("FTKMOBXXXXXXXXXX"))
        + &render::token_totals(&totals);
    assert_eq!(
        text,
        include_str!("golden/diagnose-fortitoken-info.new.txt")
    );
}
