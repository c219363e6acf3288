//! How the unit is doing.

use std::time::Duration;

use domain::time::{Span, Timestamp};
use domain::unit::{
    Certificate, Exchange, Memory, Performance, Processor, Shown, TimeAnswer, TimeServer,
    TimeServers, TokenServerStatus,
};

pub(super) fn performance() -> Performance {
    let busy = Processor {
        user: 30,
        system: 10,
        idle: 59,
        iowait: 1,
        ..Processor::default()
    };
    let idle = Processor {
        idle: 100,
        ..Processor::default()
    };
    Performance {
        processors: vec![busy, idle],
        memory: Some(Memory {
            total: 2_061_904,
            free: 791_388,
            freeable: 255_888,
        }),
        uptime: Duration::from_secs(86_400 + 2 * 3_600 + 15 * 60 + 59),
    }
}

pub(super) fn token_server(now: Timestamp) -> TokenServerStatus {
    TokenServerStatus {
        url: "https://registry.example:8443".into(),
        addresses: Ok(vec![
            "192.0.2.5".parse().unwrap(),
            "2001:db8::5".parse().unwrap(),
        ]),
        answered: Ok(Duration::from_millis(12)),
        shown: Shown {
            certificate: Some(Certificate {
                subject: "CN=registry.example".into(),
                issuer: "CN=Symbolon token server".into(),
                not_before: now.before(Span::from_days(5)),
                not_after: now.after(Span::from_days(360)),
            }),
            clock_ahead: Some(Span::from_secs(-7)),
        },
        last: Some(Exchange {
            at: now.before(Span::from_mins(3)),
            what: "PollingRequest",
            result: Err(
                "the token server https://registry.example:8443 was not reached: timed out".into(),
            ),
        }),
    }
}

pub(super) fn time_servers() -> TimeServers {
    TimeServers {
        compared: true,
        servers: vec![
            TimeServer {
                name: "ntp1.example.org".into(),
                answer: Ok(TimeAnswer {
                    address: "192.0.2.123".parse().unwrap(),
                    stratum: 2,
                    ahead: Span::from_millis(-17),
                    round_trip: Span::from_millis(4),
                }),
            },
            TimeServer {
                name: "ntp2.example.org".into(),
                answer: Err("the name has no address".into()),
            },
        ],
    }
}
