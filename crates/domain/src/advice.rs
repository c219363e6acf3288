//! What is the matter with a token, and what to do: below its line in `diagnose fortitoken info`.

use crate::time::Timestamp;
use crate::token::{ActivationFailure, Stage, Token, TokenStatus};

/// How a token that came with another unit's backup goes on with its phone.
pub(crate) const IN_ITS_PLACE: &str = "put this unit in that one's place: symbolon desk replace-unit (or move-licence); \
                                       then: execute fortitoken-mobile poll";

/// Cause and next step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advice {
    /// What is the matter.
    pub cause: &'static str,
    /// What to do.
    pub next_step: String,
}

impl Advice {
    /// What is said of a token as it stands at `now`; nothing if nothing is the matter.
    pub fn of(token: &Token, now: Timestamp) -> Option<Self> {
        let serial = token.serial;
        let (cause, next_step) = match (token.status, &token.stage) {
            (TokenStatus::Lock, _) => (
                "an administrator locked it, or it was locked while it moved between units",
                unlock(token),
            ),
            (_, Stage::Provisioning(waiting)) if waiting.expires <= now => (
                "nobody activated it before its activation code expired",
                format!("execute fortitoken-mobile provision {serial}"),
            ),
            (_, Stage::Requested) if !token.is_mobile() => (
                "the token server was asked for its seed and has not answered yet",
                "diagnose test application forticldd 7; the request is sent again by itself, see \
                 diagnose outbox list"
                    .to_owned(),
            ),
            (_, Stage::Withheld(_)) => (
                "it came with another unit's backup, and is that unit's by the token server's word",
                IN_ITS_PLACE.to_owned(),
            ),
            (_, Stage::Failed(failure)) => failed(token, failure),
            (_, Stage::New) if !token.is_mobile() => (
                "it has no seed",
                format!("execute fortitoken activate {serial}"),
            ),
            _ => return None,
        };
        Some(Self { cause, next_step })
    }
}

fn unlock(token: &Token) -> String {
    let serial = token.serial;
    let renew = if token.is_mobile() {
        format!("; if it stays locked: execute fortitoken-mobile renew {serial}")
    } else {
        String::new()
    };
    format!("config user fortitoken / edit {serial} / set status active / end{renew}")
}

fn failed(token: &Token, failure: &ActivationFailure) -> (&'static str, String) {
    let serial = token.serial;
    match failure {
        ActivationFailure::AlreadyActivated => (
            "its seed was given out before, here or to another unit, and is given once",
            format!(
                "have customer service reset its activation flag, then: execute fortitoken activate {serial}"
            ),
        ),
        ActivationFailure::Unknown => (
            "the token server does not know it",
            format!(
                "compare the serial with the token's back; if it is right, give customer service \
                 the token's serial and this unit's, then: execute fortitoken activate {serial}"
            ),
        ),
        ActivationFailure::Foreign(_) => (
            "its seed was taken over with the configuration of another unit and opens there only",
            format!(
                "delete it and add it again, which activates it: config user fortitoken / \
                 delete {serial} / edit {serial} / end"
            ),
        ),
    }
}
