//! Who is logged in.

use domain::query::AdminSession;
use domain::time::{Span, Timestamp};

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
