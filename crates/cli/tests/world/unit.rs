//! How the unit is doing.

use std::time::Duration;

use domain::time::{Span, Timestamp};
use domain::unit::{
    Certificate, Exchange, Memory, Own, Performance, Processor, Renewal, ServerRole, Shown,
    TimeAnswer, TimeServer, TimeServers, TokenServer, TokenServerStatus,
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
    let registry = TokenServer {
        url: "https://registry.example:8443".into(),
        role: ServerRole::Direct,
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
    };
    let manager = TokenServer {
        url: "https://192.0.2.9:8890".into(),
        role: ServerRole::Manager,
        addresses: Ok(vec!["192.0.2.9".parse().unwrap()]),
        answered: Err("https://192.0.2.9:8890 was not reached: connection refused".into()),
        shown: Shown::default(),
    };
    TokenServerStatus {
        servers: vec![manager, registry],
        proxy: None,
        own: Own {
            certificate: Certificate {
                subject: "CN=FGT3HD3915801656".into(),
                issuer: "CN=Symbolon token server".into(),
                not_before: now.before(Span::from_days(245)),
                not_after: now.after(Span::from_days(120)),
            },
            renewal: Some(now.after(Span::from_mins(4))),
            latest: Some(Renewal {
                at: now.before(Span::from_mins(4)),
                failure: Some("https://registry.example:8443 was not reached: timed out".into()),
            }),
        },
        last: Some(Exchange {
            at: now.before(Span::from_mins(3)),
            what: "PollingRequest",
            server: Some("https://registry.example:8443".into()),
            result: Err("https://registry.example:8443 was not reached: timed out".into()),
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
