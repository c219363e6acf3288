//! `diagnose security`.

use domain::security::{Deviation, Profile};

use super::printable;

/// What falls short, each with what mends it.
pub fn security(profile: Profile, deviations: &[Deviation]) -> String {
    let mut text = format!("security profile: {profile}\n");
    for (at, deviation) in deviations.iter().enumerate() {
        let Deviation {
            what,
            standard,
            mend,
        } = deviation;
        text += &format!(
            "\n{}. {}\n   standard: {standard}\n   mend: {}\n",
            at + 1,
            printable(what),
            printable(mend)
        );
    }
    let count = deviations.len();
    let plural = if count == 1 { "" } else { "s" };
    text + &format!("\n{count} deviation{plural} from today's standards\n")
}
