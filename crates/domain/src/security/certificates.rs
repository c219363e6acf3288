//! What browsers are shown, and for how long they trust it.

use super::{Deviation, Posture};
use crate::certificate::{Enrolment, Held, State, Validity};

const TRUSTED: &str =
    "OWASP ASVS 5, 12.2.2: services for others show certificates that everybody trusts";

impl Posture<'_> {
    pub(super) fn certificates(&self, all: &mut Vec<Deviation>) {
        let used = self.certificates.iter().filter(|it| it.used_by.is_some());
        for held in used {
            if let Some(what) = self.falls_short(held) {
                all.push(Deviation {
                    what,
                    standard: TRUSTED,
                    mend: mend(held),
                });
            }
        }
    }

    fn falls_short(&self, held: &Held) -> Option<String> {
        let name = &held.name;
        let State::Ready(details) = &held.state else {
            return Some(format!(
                "certificate '{name}' is to be shown, and cannot be"
            ));
        };
        match details.validity(self.now) {
            Validity::NotYet => Some(format!("certificate '{name}' is not valid yet")),
            Validity::Days(_) => None,
            Validity::Ending(days) => Some(format!("certificate '{name}' ends in {days} days")),
            Validity::Ended => Some(format!("certificate '{name}' has ended")),
        }
    }
}

fn mend(held: &Held) -> String {
    match &held.enrolment {
        Some(Enrolment::Failed(why, _)) => why.to_string(),
        Some(Enrolment::Waits(_)) => "the authority is asked for another one by itself".to_owned(),
        None => format!(
            "config certificate local / edit \"{}\" / set certificate and set private-key to another one / end",
            held.name
        ),
    }
}
