//! Logins of people without a record, whom a directory or RADIUS server knows.

use domain::login::{self, CodePosition, Facts, Origin};
use domain::name::CanonicalName;
use domain::remote::{RemoteCheck, RemoteVerified};
use domain::time::Timestamp;
use store::gateway::{ClockSteppedBack, Decision, PasswordOutcome};

use super::backends::CheckedSources;
use super::{Begun, Judged, Logins, Progress, refusal_of, refused_with};
use crate::clock;

impl Logins {
    /// What a decision reads, with who may vouch for somebody without a record.
    pub(super) fn facts(
        &self,
        origin: &Origin,
        name: CanonicalName,
        position: CodePosition,
        now: Timestamp,
    ) -> Result<Facts, ClockSteppedBack> {
        let facts = self.store.facts(name, position, now)?;
        let sources = match facts.person {
            Some(_) => Vec::new(),
            None => self.store.sources(&facts.name, &origin.client),
        };
        Ok(Facts { sources, ..facts })
    }

    pub(super) async fn ask_sources(&self, check: RemoteCheck, begun: Begun) -> Progress {
        let checked = self.backends.check_sources(&check, &begun.password).await;
        let now = clock::now();
        match checked {
            CheckedSources::Vouched(verified) => self.vouched(begun, verified, now),
            CheckedSources::Known(reason, evidence) => {
                self.settle(&begun.name, &begun.origin, PasswordOutcome::Right);
                refused_with(begun, reason, evidence, now)
            }
            CheckedSources::Wrong(reason, evidence) => refused_with(begun, reason, evidence, now),
            // Silence for whom the silent server may know. But a guess that one has judged counts: else the
            // others could be guessed at without end while one is away.
            CheckedSources::WrongToSome(evidence) => {
                self.store
                    .failed_from(&begun.name, &begun.origin.source, now);
                self.silent(begun, evidence, now).await
            }
            CheckedSources::Undecided(evidence) => self.unreachable(begun, evidence, now).await,
        }
    }

    /// A server vouched just now. Whether there is still no record, and all else as it was, is asked again.
    fn vouched(&self, begun: Begun, verified: RemoteVerified, now: Timestamp) -> Progress {
        let Begun {
            name,
            origin,
            position,
            ..
        } = begun;
        // Guesses that were under way when the blackout began tell nothing.
        if let Err(refusal) = self.store.listens_to(&name, &origin.source, now) {
            return refusal_of(name, origin, refusal, now);
        }
        self.settle(&name, &origin, PasswordOutcome::Right);
        let facts = match self.facts(&origin, name.clone(), position, now) {
            Ok(facts) => facts,
            Err(stepped_back) => return Progress::Undecided(stepped_back.into()),
        };
        match login::remote(&facts, verified, now) {
            Ok(consume) => Progress::Record(Decision::Grant(consume, origin), Judged::default()),
            Err(refusal) => refusal_of(name, origin, refusal, now),
        }
    }
}
