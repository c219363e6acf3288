//! Recovery codes as a unit shows them.

use cli::render::{self, Zone};
use cli::{Recovery, RecoveryStep};
use domain::explain::FirstUse;
use domain::recovery::{Held, Kind, RecoveryCode};
use domain::time::{Span, Timestamp};

pub(super) fn answered(asked: &Recovery, now: Timestamp, zone: Zone) -> String {
    let Recovery { person, step } = asked;
    let codes = [7, 8].map(|octet| RecoveryCode::from_random([octet; 10]));
    match step {
        RecoveryStep::Generate => render::recovery_codes(person, &codes),
        RecoveryStep::Issue(lasts) => {
            render::recovery_pass(person, &codes[0], now.after(*lasts), zone)
        }
        RecoveryStep::Revoke => render::recovery_revoked(person, Kind::Code),
        RecoveryStep::RevokePass => render::recovery_revoked(person, Kind::Pass),
        RecoveryStep::List => {
            let mut held = codes.map(|code| Held::new(Kind::Code, code.digest(), None));
            held[0].used = Some(FirstUse {
                at: now.before(Span::from_hours(3)),
                client: "vpn1".into(),
                source: "192.0.2.7".into(),
            });
            let ends = now.after(Span::from_hours(1));
            let pass = Held::new(Kind::Pass, held[0].digest, Some(ends));
            let [used, open] = held;
            render::recovery_list(person, &[used, open, pass], now, zone)
        }
    }
}
