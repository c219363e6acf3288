//! Recovery codes and passes: what is asked for.

use domain::name::CanonicalName;
use domain::recovery::{PASS_DEFAULT, PASS_MAX};
use domain::time::Span;
use domain::vdom::Vdom;

use super::arguments;
use crate::complaint::Complaint;
use crate::tree::recovery::RecoveryWord;

/// What to do about somebody's recovery codes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovery {
    /// Whose.
    pub person: CanonicalName,
    /// What.
    pub step: RecoveryStep,
}

/// One thing to do about them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecoveryStep {
    /// Make codes.
    Generate,
    /// Show what there is.
    List,
    /// Take the codes back.
    Revoke,
    /// Make a pass that is good for so long.
    Issue(Span),
    /// Take the pass back.
    RevokePass,
}

/// The action of a line with these words.
pub(super) fn asked(
    vdom: Vdom,
    word: RecoveryWord,
    words: &[String],
) -> Result<Recovery, Complaint> {
    let name = words.first().map(String::as_str).unwrap_or_default();
    Ok(Recovery {
        person: arguments::person(vdom, name)?,
        step: match word {
            RecoveryWord::Generate => RecoveryStep::Generate,
            RecoveryWord::List => RecoveryStep::List,
            RecoveryWord::Revoke => RecoveryStep::Revoke,
            RecoveryWord::RevokePass => RecoveryStep::RevokePass,
            RecoveryWord::Issue => RecoveryStep::Issue(lasts(words.get(1))?),
        },
    })
}

fn lasts(hours: Option<&String>) -> Result<Span, Complaint> {
    let Some(hours) = hours else {
        return Ok(PASS_DEFAULT);
    };
    let max = PASS_MAX.secs_rounded_up() / Span::from_hours(1).secs_rounded_up();
    let number = hours.parse().ok().filter(|it| (1..=max).contains(it));
    number
        .map(Span::from_hours)
        .ok_or_else(|| Complaint::value(hours, format!("a number of hours from 1 to {max}")))
}
