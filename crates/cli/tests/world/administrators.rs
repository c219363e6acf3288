//! Who is logged in.

use domain::access::{Authority, Profile, Realms};
use domain::audit::Actor;
use domain::query::AdminSession;
use domain::schema::{ACCPROFILE, Object};
use domain::time::{Span, Timestamp};
use domain::vdom::Vdom;

pub(super) fn administrators(now: Timestamp) -> [AdminSession; 2] {
    [
        AdminSession {
            number: 7,
            name: "admin".into(),
            protocol: "ssh".into(),
            local: "192.0.2.1:22".into(),
            remote: "192.0.2.77:51204".into(),
            vdom: "root".into(),
            profile: "super_admin".into(),
            since: now.before(Span::from_mins(5)),
            idle: Span::ZERO,
        },
        AdminSession {
            number: 9,
            name: "root".into(),
            protocol: "console".into(),
            local: "console".into(),
            remote: "".into(),
            vdom: "root".into(),
            profile: "super_admin".into(),
            since: now,
            idle: Span::from_secs(61),
        },
    ]
}

/// Who owns the console.
pub(super) fn unlimited() -> Authority {
    Authority::unlimited(Actor {
        name: "admin".into(),
        interface: "console".into(),
    })
}

/// One with a profile of these fields, such as `authgrp=read cli-exec=disable`; with `vdom=NAME,NAME`
/// in these virtual domains alone.
pub(super) fn limited(fields: &str) -> Authority {
    let (mut object, mut realms) = (Object::new(&ACCPROFILE, "limited"), Realms::All);
    for (field, value) in fields
        .split_whitespace()
        .filter_map(|it| it.split_once('='))
    {
        if field == "vdom" {
            let vdoms = value.split(',').map(|name| Vdom::parse(name).unwrap());
            realms = Realms::These(vdoms.collect());
        } else {
            assert!(ACCPROFILE.field(field).is_some(), "{field}");
            object = object.with(field, Some(value));
        }
    }
    Authority {
        profile: Profile::from_object(&object),
        realms,
        ..unlimited()
    }
}
