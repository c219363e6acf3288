//! Clients that check the first factor themselves and ask here for the second alone:
//! `set code-position code-only`.
//!
//! Whoever gets past such a client needs no password here, so nobody without a second factor is let in this
//! way, and wrong codes have a counter of their own, one for each person over all such clients: somebody who
//! may guess codes there must not lock the person out everywhere else, nor guess more with every client.

use crate::login::{CodePosition, Facts};
use crate::name::CanonicalName;
use crate::reason::Reason;

/// Proof that a client which checks first factors itself asks for this person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vouched {
    person: CanonicalName,
    client: Box<str>,
}

impl Vouched {
    /// By the client of that name; nothing if there is no such person, or the client checks no first factor.
    pub fn by(client: &str, facts: &Facts) -> Result<Self, Reason> {
        let person = facts.person.as_ref().ok_or(Reason::UserUnknown)?;
        if facts.position != CodePosition::CodeOnly {
            return Err(Reason::ChangedMeanwhile);
        }
        Ok(Self {
            person: person.name.clone(),
            client: client.into(),
        })
    }

    /// Who it is.
    pub fn person(&self) -> &CanonicalName {
        &self.person
    }

    /// Which client says so, as events name it.
    pub fn client(&self) -> &str {
        &self.client
    }
}
