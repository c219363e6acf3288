//! Logins of people without a record, whom a directory or RADIUS server knows.

use domain::login::{self, CodePosition, Facts, Origin, Refusal};
use domain::name::CanonicalName;
use domain::password::Presented;
use domain::remote::{RemoteCheck, RemoteVerified};
use domain::throttle::Charge;
use domain::time::Timestamp;
use store::gateway::{Decision, NoFacts};

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
    ) -> Result<Facts, NoFacts> {
        let facts = self.store.facts(name, position, now)?;
        let sources = match facts.person {
            Some(_) => Vec::new(),
            None => self.store.sources(&facts.name, &origin.client)?,
        };
        Ok(Facts { sources, ..facts })
    }

    /// Counts a password that several servers may know before any is asked.
    pub(super) fn reserve_guess(
        &self,
        name: &CanonicalName,
        password: &Presented,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Charge, Refusal> {
        let guess = self.remembered().guess(name, password);
        self.store
            .reserve_guess(name, origin.source.network(), &guess, now)
    }

    pub(super) async fn ask_sources(&self, check: RemoteCheck, begun: Begun) -> Progress {
        let checked = self.backends.check_sources(&check, &begun.password).await;
        let now = clock::now();
        match checked {
            CheckedSources::Vouched(verified) => self.vouched(begun, verified, now),
            CheckedSources::Known(reason, evidence) => {
                self.guessed_right(&begun, now);
                refused_with(begun, reason, evidence, now)
            }
            CheckedSources::Held(held, evidence) => {
                self.settle(&begun, held.outcome(), now);
                refused_with(begun, held.reason(), evidence, now)
            }
            CheckedSources::Wrong(reason, evidence) => refused_with(begun, reason, evidence, now),
            // Silence for whom the silent server may know, and who comes again for want of an answer. But a guess
            // that one has judged counts, once: else the others could be guessed at without end while one is away.
            CheckedSources::WrongToSome(evidence) => {
                let guess = self.remembered().guess(&begun.name, &begun.password);
                let source = begun.origin.source.network();
                self.store
                    .keep_open(&begun.name, source, guess, begun.charge, now);
                self.silent(&begun, evidence, now).await
            }
            CheckedSources::Undecided(evidence) => self.unreachable(begun, evidence, now).await,
        }
    }

    /// A server vouched just now. Whether there is still no record, and all else as it was, is asked again.
    fn vouched(&self, begun: Begun, verified: RemoteVerified, now: Timestamp) -> Progress {
        // Guesses that were under way when the blackout began tell nothing.
        if let Err(refusal) = self
            .store
            .listens_to(&begun.name, begun.origin.source.network(), now)
        {
            return refusal_of(begun.name, begun.origin, refusal, now);
        }
        self.guessed_right(&begun, now);
        let Begun {
            name,
            origin,
            position,
            ..
        } = begun;
        let facts = match self.facts(&origin, name.clone(), position, now) {
            Ok(facts) => facts,
            Err(why) => return Progress::Undecided(why.into()),
        };
        match login::remote(&facts, verified, now) {
            Ok(consume) => Progress::Record(Decision::Grant(consume, origin), Judged::default()),
            Err(refusal) => refusal_of(name, origin, refusal, now),
        }
    }

    fn guessed_right(&self, begun: &Begun, now: Timestamp) {
        let guess = self.remembered().guess(&begun.name, &begun.password);
        let source = begun.origin.source.network();
        self.store
            .settle_guess(&begun.name, source, &guess, begun.charge, now);
    }
}
