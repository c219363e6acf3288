//! `diagnose fortitoken test`: what two codes tell of a token's clock. Nothing is spent or learned.

use cli::TestToken;
use cli::render::Outcome;
use domain::token::ClockTest;

use super::executor::{Executor, Gone, Printer, Ran, refused};
use crate::clock;

impl Executor {
    pub(super) async fn test_token(
        &self,
        asked: &TestToken,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let TestToken { codes, screen } = asked;
        let (token, screen) = (codes.serial, *screen);
        let verifier = match self.verifier(codes.vdom, token).await {
            Ok(Ok(verifier)) => verifier,
            Ok(Err(error)) => return refused(error, printer).await,
            Err(why) => return Ok(why.into()),
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
