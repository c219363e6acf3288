//! `diagnose test authserver`.

use std::sync::Arc;

use cli::TestAuthserver;
use cli::render::{self, Tested};
use domain::password::Presented;
use domain::remote::Source;
use zeroize::Zeroizing;

use super::executor::{Executor, Gone, Printer, Ran};
use crate::login::{Answer, Credentials, Said};

impl Executor {
    /// Asks as a login does; nothing is counted, and nobody is let in.
    pub(super) async fn test_authserver(
        &self,
        asked: TestAuthserver,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let TestAuthserver {
            server,
            user,
            password,
        } = asked;
        let password = Presented::new(Zeroizing::new(password.as_bytes().to_vec()));
        let source = self.store.source(&server);
        let decisive = source.as_ref().map(Source::asked).unwrap_or_default();
        let answer = match Credentials::new(&user, &password) {
            Some(credentials) => {
                let credentials = if decisive.is_empty() {
                    credentials
                } else {
                    credentials.with_groups(&decisive)
                };
                let patience = self.backends.patience(server.vdom);
                self.backends.ask(&server, &credentials, patience).await
            }
            None => Answer::None("an empty password is asked of no server".to_owned()),
        };
        let groups = groups(&answer, source.as_ref());
        let tested = tested(&answer, &groups);
        printer
            .print(render::authserver(&server, &user, &tested))
            .await?;
        Ok(match tested {
            Tested::Taken { .. } => Ran::Printed,
            Tested::Refused { .. } | Tested::Undecided(_) => Ran::Failed,
        })
    }
}

/// The groups to which the user belongs, if there is no entry of this name here.
fn groups(answer: &Answer, source: Option<&Source>) -> Box<[Arc<str>]> {
    match (answer, source) {
        (
            Answer::Said {
                said: Said::Right(told),
                ..
            },
            Some(source),
        ) => source.taking_in(&told.groups),
        _ => Box::default(),
    }
}

fn tested<'a>(answer: &'a Answer, groups: &'a [Arc<str>]) -> Tested<'a> {
    let (said, by, took) = match answer {
        Answer::Said { said, server, took } => (said, server, took),
        Answer::None(why) => return Tested::Undecided(why),
    };
    let took_ms = took.as_millis();
    let why = match said {
        Said::Right(_) => {
            return Tested::Taken {
                by,
                took_ms,
                groups,
            };
        }
        Said::Wrong(why) => why,
        Said::Challenge => "Access-Challenge: it asks for more than the password",
    };
    Tested::Refused { by, took_ms, why }
}
