//! Local certificates as a unit would tell of them.

use cli::CertificateAction;
use cli::render::{self, Zone};
use domain::certificate::{Details, Enrolment, Held, State};
use domain::time::{Span, Timestamp};

const PEM: &str = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n";

pub(super) fn answered(asked: &CertificateAction, now: Timestamp, zone: Zone) -> String {
    match asked {
        CertificateAction::Details => render::certificates(&held(now), now, zone),
        CertificateAction::Export(_) => PEM.to_owned(),
        CertificateAction::Generate(asked) => {
            let names = asked.names.join(" ");
            format!("{}{:?} for {names}\n{PEM}", render::GENERATING, asked.key)
        }
    }
}

fn held(now: Timestamp) -> Vec<Held> {
    let details = |days| Details {
        subject: "CN=vpn.example.net,O=Example".into(),
        issuer: "CN=Example CA".into(),
        names: vec!["vpn.example.net".into(), "192.0.2.7".into()],
        serial: "0a1b2c".into(),
        key: "EC secp256r1".into(),
        fingerprint: [0xA5; 32],
        not_before: now.before(Span::from_days(100)),
        not_after: now.after(Span::from_days(days)),
        authorities: 1,
    };
    let held = |name: &str, state| Held {
        name: name.into(),
        used_by: (name == "web").then(|| "system global admin-server-cert".into()),
        enrolment: match name {
            "soon" => Some(Enrolment::Failed(
                "vpn.example.net: connection refused; port 443 has to lead here".into(),
                now.after(Span::from_hours(1)),
            )),
            "web" => Some(Enrolment::Waits(now.after(Span::from_days(170)))),
            _ => None,
        },
        state,
    };
    vec![
        held("web", State::Ready(Box::new(details(200)))),
        held("old", State::Ready(Box::new(details(-1)))),
        held("soon", State::Ready(Box::new(details(10)))),
        held("asked", State::Requested),
        held(
            "foreign",
            State::Unusable("the private key was sealed by another unit".into()),
        ),
    ]
}
