//! Applications whose secrets somebody guesses.

use std::net::IpAddr;

use cli::render::{self, Zone};
use domain::time::{Span, Timestamp};
use domain::vdom::Vdom;
use domain::verification::{ApplicationName, Guesses};

const GUESSER: &str = "198.51.100.7";

fn guessed(now: Timestamp) -> Guesses {
    let mut guesses = Guesses::default();
    let portal = ApplicationName {
        vdom: Vdom::ROOT,
        name: "portal".into(),
    };
    for _ in 0..5 {
        guesses.failed(GUESSER.parse().unwrap(), Some(&portal), now);
    }
    let mistyped = now.before(Span::from_mins(5));
    guesses.failed("192.0.2.7".parse().unwrap(), Some(&portal), mistyped);
    guesses
}

pub(super) fn guesses(now: Timestamp, zone: Zone) -> String {
    let portal = guessed(now).rows(Some(Vdom::ROOT), now);
    render::guesses(&portal, zone)
}

pub(super) fn forgotten(address: IpAddr) -> String {
    match address.to_string().as_str() {
        GUESSER => render::guesses_forgotten(address),
        _ => render::guesses_unknown(address),
    }
}
