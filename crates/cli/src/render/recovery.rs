//! `execute recovery-code` and `execute recovery-pass`.

use domain::name::CanonicalName;
use domain::recovery::{Held, Kind, RecoveryCode};
use domain::time::Timestamp;

use super::{Zone, printable};

/// Codes that were just made: the only time that they are shown.
pub fn recovery_codes(person: &CanonicalName, codes: &[RecoveryCode]) -> String {
    let mut text = format!(
        "Recovery codes of {}, each good once in the place of a token's code. They are not shown again:\n",
        printable(person.bare())
    );
    for code in codes {
        text.push_str(&format!("    {}\n", *code.grouped()));
    }
    text
}

/// A pass that was just made.
pub fn recovery_pass(
    person: &CanonicalName,
    code: &RecoveryCode,
    ends: Timestamp,
    zone: Zone,
) -> String {
    format!(
        "Pass of {}, good once in the place of a token's code until {}. It is not shown again:\n    {}\n",
        printable(person.bare()),
        zone.date_time(ends),
        *code.grouped()
    )
}

/// Nothing of this kind is good any more.
pub fn recovery_revoked(person: &CanonicalName, kind: Kind) -> String {
    let what = match kind {
        Kind::Code => "recovery codes",
        Kind::Pass => "pass",
    };
    format!("{} has no {what} any more\n", printable(person.bare()))
}

/// What a person has.
pub fn recovery_list(person: &CanonicalName, held: &[Held], now: Timestamp, zone: Zone) -> String {
    let codes: Vec<&Held> = held.iter().filter(|it| it.kind == Kind::Code).collect();
    let open = codes.iter().filter(|it| it.is_open(now)).count();
    let mut text = format!(
        "{}: {open} of {} recovery codes left\n",
        printable(person.bare()),
        codes.len()
    );
    for pass in held.iter().filter(|it| it.kind == Kind::Pass) {
        let ends = pass
            .ends
            .map_or_else(String::new, |ends| zone.date_time(ends));
        let is = match (pass.is_open(now), &pass.used) {
            (true, _) => "good until",
            (false, Some(_)) => "used; was good until",
            (false, None) => "over; was good until",
        };
        text.push_str(&format!("pass {is} {ends}\n"));
    }
    let mut used: Vec<_> = held.iter().filter_map(|it| it.used.as_ref()).collect();
    used.sort_by_key(|used| used.at);
    for used in used {
        let (client, source) = (printable(&used.client), printable(&used.source));
        let at = zone.date_time(used.at);
        text.push_str(&format!(
            "used at {at} through client {client} from {source}\n"
        ));
    }
    text
}
