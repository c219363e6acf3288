//! `diagnose fortitoken test`: what two codes tell of a token's clock. Nothing is spent or learned.

use cli::TestToken;
use cli::render::{self, Outcome};
use domain::admin::AdminError;
use domain::schema::FORTITOKEN;
use domain::token::ClockTest;

use super::executor::{Executor, Gone, Printer, Ran};
use crate::clock;

impl Executor {
    pub(super) async fn test_token(
        &self,
        asked: &TestToken,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let TestToken { codes, screen } = asked;
        let (token, screen) = (codes.serial, *screen);
        let is_here = match self.token_of(codes.vdom, token).await {
            Ok(owned) => owned.is_some(),
            Err(why) => return Ok(why.into()),
        };
        let Some(verifier) = is_here.then(|| self.store.verifier(token)).flatten() else {
            let missing = AdminError::NotFound {
                table: &FORTITOKEN,
                key: token.as_str().into(),
            };
            printer.print(render::refusal(missing)).await?;
            return Ok(Ran::Failed);
        };
        let outcome =
            match ClockTest::find(&verifier, &codes.first, &codes.second, screen, clock::now()) {
                Ok(found) => Outcome::Tested {
                    token,
                    screen,
                    found,
                },
                Err(error) => Outcome::NotTested { token, error },
            };
        printer.print(outcome.render(self.zone)).await?;
        Ok(if outcome.is_failure() {
            Ran::Failed
        } else {
            Ran::Printed
        })
    }
}
