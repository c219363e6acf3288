//! `diagnose test authserver`.

use cli::TestAuthserver;
use cli::render::{self, Remote, Tested};
use domain::backend::BackendName;
use domain::login::CodePosition;
use domain::name::{CanonicalName, Realm};
use domain::password::{Credential, Presented};
use domain::reason::Reason;
use domain::remote::{RemoteCheck, RemoteVerified, Source};
use zeroize::Zeroizing;

use super::executor::{Executor, Gone, Printer, Ran};
use crate::clock;
use crate::login::{Answer, Credentials, Said, vouched_for_nobody};

/// Whom a login would ask the server about.
enum Asked {
    /// A name that no login asks of it, or that of an entry here.
    Name(Box<str>),
    /// Somebody without an entry, who may be in groups by the server's word.
    Remote(RemoteCheck),
}

impl Asked {
    fn login(&self) -> &str {
        match self {
            Self::Name(login) => login,
            Self::Remote(check) => check.login(),
        }
    }

    /// Who may be in which groups, of somebody without an entry.
    fn remote(&self) -> Option<(&RemoteCheck, &Source)> {
        match self {
            Self::Name(_) => None,
            Self::Remote(check) => Some((check, check.sources().first()?)),
        }
    }
}

impl Executor {
    /// Asks as a login does; nothing is counted, and nobody is let in.
    pub(super) async fn test_authserver(
        &self,
        test: TestAuthserver,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let TestAuthserver {
            server,
            user,
            password,
        } = test;
        let password = Presented::new(Zeroizing::new(password.as_bytes().to_vec()));
        let asked = self.asked(&server, &user);
        let answer = self.answer(&server, &asked, &password).await;
        let vouched = self.vouched(&answer, &asked);
        let tested = tested(&answer, vouched.as_ref());
        printer
            .print(render::authserver(&server, &user, &tested))
            .await?;
        Ok(match tested {
            Tested::Taken { .. } => Ran::Printed,
            Tested::Refused { .. } | Tested::Undecided(_) => Ran::Failed,
        })
    }

    fn asked(&self, server: &BackendName, user: &str) -> Asked {
        let typed = || Asked::Name(user.into());
        let Ok(name) = CanonicalName::within(Realm::Vdom(server.vdom), user) else {
            return typed();
        };
        let facts = self
            .store
            .facts(name.clone(), CodePosition::Challenge, clock::now());
        let Ok(facts) = facts else {
            return typed();
        };
        match (facts.person, self.store.source(server)) {
            (Some(person), _) => match person.password {
                Some(Credential::Backend(account)) if account.backend == *server => {
                    Asked::Name(account.login)
                }
                _ => typed(),
            },
            (None, Some(source)) => Asked::Remote(RemoteCheck::new(name, vec![source])),
            (None, None) => typed(),
        }
    }

    async fn answer(&self, server: &BackendName, asked: &Asked, password: &Presented) -> Answer {
        let Some(credentials) = Credentials::new(asked.login(), password) else {
            return Answer::None("an empty password is asked of no server".to_owned());
        };
        let decisive = asked.remote().map(|(_, source)| source.asked());
        let credentials = match &decisive {
            Some(groups) => credentials.with_groups(groups),
            None => credentials,
        };
        let patience = self.backends.patience(server.vdom);
        self.backends.ask(server, &credentials, patience).await
    }

    /// What a login would make of a right password of somebody without an entry.
    fn vouched(&self, answer: &Answer, asked: &Asked) -> Option<Result<RemoteVerified, Reason>> {
        let (check, source) = asked.remote()?;
        let Answer::Said {
            said: Said::Right(told),
            ..
        } = answer
        else {
            return None;
        };
        // Who may have a record is treated as one who has.
        let has_record = |name: &CanonicalName| self.store.has_record(name).unwrap_or(true);
        Some(check.confirmed(source, told, has_record))
    }
}

fn tested<'a>(
    answer: &'a Answer,
    vouched: Option<&'a Result<RemoteVerified, Reason>>,
) -> Tested<'a> {
    let (said, by, took) = match answer {
        Answer::Said { said, server, took } => (said, server, took),
        Answer::None(why) => return Tested::Undecided(why),
    };
    let took_ms = took.as_millis();
    let why = match said {
        Said::Right(told) => {
            let remote = match vouched {
                None => Remote::Unasked,
                Some(Ok(verified)) => Remote::In(verified.groups()),
                Some(Err(reason)) if told.names.is_empty() => {
                    Remote::Refused(*reason, vouched_for_nobody(told))
                }
                Some(Err(reason @ Reason::GroupMissing)) => {
                    let why = told.unread.as_deref();
                    Remote::Refused(*reason, why.unwrap_or_else(|| reason.cause()))
                }
                Some(Err(reason)) => Remote::Refused(*reason, reason.cause()),
            };
            return Tested::Taken {
                by,
                took_ms,
                remote,
            };
        }
        Said::Expired(why) | Said::Wrong(why) | Said::Nobody(why) | Said::Held(_, why) => why,
        Said::Challenge => "Access-Challenge: it asks for more than the password",
    };
    Tested::Refused { by, took_ms, why }
}
