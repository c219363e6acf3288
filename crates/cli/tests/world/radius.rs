//! RADIUS clients after a day's work.

use std::net::IpAddr;

use cli::render::{self, Zone};
use domain::client::Requirement;
use domain::name::{Preview, Realm};
use domain::schema::Subnet;
use domain::time::{Span, Timestamp};
use domain::traffic::{ClientRow, Dropped, Stranger, Traffic};
use domain::vdom::Vdom;

const LEARNED: &str = "192.0.2.10";

pub(super) fn clients(now: Timestamp, zone: Zone) -> String {
    let busy = ClientRow {
        vdom: Vdom::ROOT,
        name: "vpn1".into(),
        subnet: Subnet::parse("192.0.2.0/24").unwrap(),
        requirement: Requirement::Auto,
        learned: vec![LEARNED.parse().unwrap()],
        traffic: Traffic {
            requests: 1_024,
            accepted: 990,
            rejected: 12,
            challenged: 22,
            repeated: 3,
            dropped: Dropped {
                wrong_authenticator: 4,
                malformed: 1,
                ..Dropped::default()
            },
            last: Some(now.before(Span::from_secs(7))),
        },
    };
    let idle = ClientRow {
        vdom: Vdom::parse("branch").unwrap(),
        name: "ssh".into(),
        subnet: Subnet::parse("2001:db8::/32").unwrap(),
        requirement: Requirement::Enable,
        learned: Vec::new(),
        traffic: Traffic::default(),
    };
    let stranger = Stranger {
        address: IpAddr::from([203, 0, 113, 9]),
        datagrams: 31,
        last: now,
    };
    render::radius_head()
        + &render::radius_client(&busy, zone)
        + &render::radius_client(&idle, zone)
        + &render::radius_strangers(&[stranger], zone)
}

pub(super) fn name(presented: &str) -> String {
    match Preview::of(Realm::ROOT, presented) {
        Ok(preview) => render::name_preview(presented, &preview, None),
        Err(why) => render::name_impossible(presented, why),
    }
}

pub(super) fn reset(address: IpAddr) -> String {
    if address.to_string() == LEARNED {
        render::authenticator_reset(address)
    } else {
        render::authenticator_unknown(address)
    }
}
