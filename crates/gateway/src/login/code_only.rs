//! Logins through clients that check the first factor themselves: the code stands alone.

use domain::code_only::Vouched;
use domain::login::{CodePosition, Origin, Proof, Submitted};
use domain::name::CanonicalName;
use domain::password::Presented;
use domain::time::Timestamp;

use super::{Answering, FirstProven, Logins, Progress, refusal_of, refused};

impl Logins {
    /// Judges a code that came without a password; without a code either, one is asked for. An answer to a
    /// challenge that is over is judged like a code that came unasked: nothing but the code was proven by
    /// either, and applications keep a challenge over wrong answers.
    pub(super) fn code_alone(
        &self,
        name: CanonicalName,
        presented: &Presented,
        answer: Option<&Answering<'_>>,
        origin: Origin,
        now: Timestamp,
    ) -> Progress {
        if let Err(refusal) = self.store.listens_to(&name, origin.source.network(), now) {
            return refusal_of(name, origin, refusal, now);
        }
        let facts = match self.store.facts(name.clone(), CodePosition::CodeOnly, now) {
            Ok(facts) => facts,
            Err(why) => return Progress::Undecided(why.into()),
        };
        let vouched = match Vouched::by(&origin.client, &facts) {
            Ok(vouched) => vouched,
            Err(reason) => return refused(name, origin, reason, now),
        };
        let answered = answer.and_then(|answer| self.answer(&facts, answer, &origin, now).ok());
        answered.unwrap_or_else(|| {
            let octets = presented.as_bytes();
            let code = (!octets.is_empty()).then(|| Submitted::new(octets));
            let first = FirstProven::from(Proof::Client(vouched));
            self.second(&facts, first, code, origin, now)
        })
    }
}
