//! `execute recovery-code` and `execute recovery-pass`.

use cli::{Recovery, RecoveryStep, render};
use domain::admin::{AdminError, Operation};
use domain::name::CanonicalName;
use domain::recovery::{CODES, Held, Kind, RecoveryCode};
use domain::schema::LOCAL;
use domain::time::Span;
use store::{Failure, Undecided};

use super::super::executor::{Executor, Gone, Printer, Ran, printed};
use super::super::sessions::LoggedIn;
use crate::clock::{self, NoEntropy};

impl Executor {
    pub(super) async fn recovery(
        &self,
        asked: Recovery,
        who: &LoggedIn,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let Recovery { person, step } = asked;
        let done = match step {
            RecoveryStep::List => self.list_recovery(&person),
            RecoveryStep::Generate => self.generate(&person, who).await,
            RecoveryStep::Issue(lasts) => self.issue(&person, lasts, who).await,
            RecoveryStep::Revoke => self.revoke(&person, Kind::Code, who).await,
            RecoveryStep::RevokePass => self.revoke(&person, Kind::Pass, who).await,
        };
        printed(done, printer).await
    }

    fn list_recovery(&self, person: &CanonicalName) -> Result<String, Failure<AdminError>> {
        if !self.store.has_record(person)? {
            return Err(Failure::Refused(AdminError::NotFound {
                table: &LOCAL,
                key: person.bare().into(),
            }));
        }
        let held = self.store.recovery(person);
        Ok(render::recovery_list(
            person,
            &held,
            clock::now(),
            self.zone,
        ))
    }

    async fn generate(
        &self,
        person: &CanonicalName,
        who: &LoggedIn,
    ) -> Result<String, Failure<AdminError>> {
        let codes: Result<Vec<_>, _> = (0..CODES).map(|_| code()).collect();
        let codes = codes?;
        let held = codes
            .iter()
            .map(|code| Held::new(Kind::Code, code.digest(), None));
        self.hold(person, Kind::Code, held.collect(), who).await?;
        Ok(render::recovery_codes(person, &codes))
    }

    async fn issue(
        &self,
        person: &CanonicalName,
        lasts: Span,
        who: &LoggedIn,
    ) -> Result<String, Failure<AdminError>> {
        let (code, ends) = (code()?, clock::now().after(lasts));
        let held = Held::new(Kind::Pass, code.digest(), Some(ends));
        self.hold(person, Kind::Pass, vec![held], who).await?;
        Ok(render::recovery_pass(person, &code, ends, self.zone))
    }

    async fn revoke(
        &self,
        person: &CanonicalName,
        kind: Kind,
        who: &LoggedIn,
    ) -> Result<String, Failure<AdminError>> {
        self.hold(person, kind, Vec::new(), who).await?;
        Ok(render::recovery_revoked(person, kind))
    }

    async fn hold(
        &self,
        person: &CanonicalName,
        kind: Kind,
        held: Vec<Held>,
        who: &LoggedIn,
    ) -> Result<(), Failure<AdminError>> {
        let person = person.clone();
        let operation = Operation::Recovery { person, kind, held };
        self.administer(operation, who).await.map(drop)
    }
}

fn code() -> Result<RecoveryCode, Undecided> {
    let octets = clock::random();
    octets
        .map(RecoveryCode::from_random)
        .map_err(|error: NoEntropy| Undecided::Unavailable(error.to_string().into()))
}
