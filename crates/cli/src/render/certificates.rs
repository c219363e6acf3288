//! `get vpn certificate local details`.

use domain::certificate::{Details, Enrolment, Held, State, Validity};
use domain::time::Timestamp;

use super::{Zone, printable};

/// What is printed while a key is made.
pub const GENERATING: &str = "Generating key and certificate request, please wait...\n";

const OWN: &str = "The HTTPS listeners show certificates that this unit made itself, which browsers and phones do \
                   not trust.\n'set admin-server-cert' in 'config system global' names the one to show instead.\n";

/// Every entry of `config certificate local` as what it holds.
pub fn certificates(held: &[Held], now: Timestamp, zone: Zone) -> String {
    let entries: String = held.iter().map(|held| entry(held, now, zone)).collect();
    if held.iter().any(|held| held.used_by.is_some()) {
        return entries;
    }
    entries + OWN
}

fn entry(held: &Held, now: Timestamp, zone: Zone) -> String {
    let mut text = format!("== [ {} ]\n", printable(&held.name));
    match &held.state {
        State::Ready(details) => text += &of(details, now, zone),
        State::Requested => {
            text += "Status:         waits for its certificate: have its request signed ('execute vpn certificate \
                     local export'), then 'set certificate'\n";
        }
        State::Empty => text += "Status:         nothing in it yet\n",
        State::Unusable(why) => text += &format!("Status:         unusable: {}\n", printable(why)),
    }
    match &held.enrolment {
        Some(Enrolment::Waits(next)) => {
            text += &format!("ACME:           asked next {}\n", zone.long(*next));
        }
        Some(Enrolment::Failed(why, next)) => {
            let (why, next) = (printable(why), zone.long(*next));
            text += &format!("ACME:           failed: {why}\n                asked again {next}\n");
        }
        None => {}
    }
    let used_by = held.used_by.as_deref().unwrap_or("nobody");
    text + &format!("Used by:        {}\n\n", printable(used_by))
}

fn of(details: &Details, now: Timestamp, zone: Zone) -> String {
    let names: Vec<&str> = details.names.iter().map(AsRef::as_ref).collect();
    let fingerprint = details.fingerprint.map(|octet| format!("{octet:02X}"));
    format!(
        "Status:         {}\n\
         Subject:        {}\n\
         Issuer:         {}\n\
         Names:          {}\n\
         Valid from:     {}\n\
         Valid to:       {}\n\
         Serial number:  {}\n\
         Key:            {}\n\
         Fingerprint:    SHA-256 {}\n\
         Authorities:    {} behind it\n",
        status(details.validity(now)),
        printable(&details.subject),
        printable(&details.issuer),
        printable(&names.join(", ")),
        zone.long(details.not_before),
        zone.long(details.not_after),
        details.serial,
        printable(&details.key),
        fingerprint.join(":"),
        details.authorities,
    )
}

fn status(validity: Validity) -> String {
    match validity {
        Validity::NotYet => "not valid yet".to_owned(),
        Validity::Days(left) => format!("valid, {left} days left"),
        Validity::Ending(left) => format!("valid, {left} days left: have it renewed"),
        Validity::Ended => "expired".to_owned(),
    }
}
