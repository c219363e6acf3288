//! `diagnose login test`.

use cli::TestLogin;
use cli::render::{self, LoginTest, Password, TriesLeft};
use domain::audit::Actor;
use domain::login::Submitted;
use domain::login::trial::Tried;
use domain::password::Presented;
use zeroize::Zeroizing;

use super::executor::{Executor, Gone, Printer, Ran};
use crate::login::Trial;

impl Executor {
    pub(super) async fn test_login(
        &self,
        asked: TestLogin,
        actor: &Actor,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let TestLogin {
            typed,
            person,
            password,
            code,
        } = asked;
        let trial = Trial {
            person: person.clone(),
            password: Presented::new(Zeroizing::new(password.as_bytes().to_vec())),
            code: code.map(|code| Submitted::new(code.as_bytes())),
        };
        let run = self.trials.run(trial, actor, &self.store, &self.backends);
        let outcome = match run.await {
            Ok(outcome) => outcome,
            Err(why) => return Ok(Ran::Undecided(why.to_string())),
        };
        let tried = &outcome.tried;
        let test = LoginTest {
            typed: &typed,
            person: &person,
            standing: outcome.standing.as_ref(),
            password: match outcome.password {
                Some(true) => Password::Right,
                Some(false) => Password::NotProven,
                None => Password::NotLookedAt,
            },
            tried,
            left: match outcome.left {
                _ if tried.of_later_time().is_some() => TriesLeft::OfLaterTime,
                Some(left) => TriesLeft::Free(left),
                None => TriesLeft::None,
            },
        };
        printer.print(render::login_test(&test)).await?;
        Ok(match tried {
            Tried::LetIn(_) | Tried::CodeAsked | Tried::CodeSent(_) => Ran::Printed,
            Tried::NextAsked(_) | Tried::Refused(_) | Tried::Undecided(_) => Ran::Failed,
        })
    }
}
