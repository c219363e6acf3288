//! `execute fortitoken-mobile move`: tokens that go to another gateway, and come from one.

use cli::render::{self, MovedIn, MovedOut};
use cli::{FileName, MoveStep, MoveTokens, RestoreSource};
use domain::admin::{AdminError, Operation, Remark};
use domain::vdom::Vdom;
use ident::ProductSerial;
use softtoken::moving::MOVE_FILE_MAX;
use store::Failure;

use super::executor::{Executor, Gone, Printer, Ran};
use super::keeping::{Cut, Fetch, told};
use super::sessions::LoggedIn;
use crate::shelf::Item;
use crate::supply::{MoveError, Outgoing};

/// How a move ends early.
enum Stopped {
    Cut(Cut),
    Move(MoveError),
    Admin(AdminError),
}

impl<E: Into<Cut>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Cut(error.into())
    }
}

impl From<MoveError> for Stopped {
    fn from(error: MoveError) -> Self {
        Self::Move(error)
    }
}

impl From<Failure<AdminError>> for Stopped {
    fn from(failure: Failure<AdminError>) -> Self {
        match failure {
            Failure::Refused(error) => Self::Admin(error),
            Failure::Undecided(why) => Self::Cut(Cut::Undecided(why.into())),
        }
    }
}

impl Executor {
    pub(super) async fn move_tokens(
        &self,
        asked: MoveTokens,
        who: &LoggedIn,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let MoveTokens { vdom, step } = asked;
        let moved = match step {
            MoveStep::Request => self.request(printer).await,
            MoveStep::Export {
                licence,
                to,
                request,
                file,
            } => {
                let outgoing = self.supply.outgoing(vdom, licence, to, &request);
                match outgoing.await {
                    Ok(outgoing) => self.give(outgoing, file, who, printer).await,
                    Err(why) => Err(why.into()),
                }
            }
            MoveStep::Import { from, file } => self.take(vdom, from, file, who, printer).await,
        };
        let why = match moved {
            Ok(()) => return Ok(Ran::Printed),
            Err(Stopped::Cut(cut)) => return told(Err(cut), printer).await,
            Err(Stopped::Move(why)) => render::not_kept(&why.to_string()),
            Err(Stopped::Admin(error)) => render::refusal(error),
        };
        printer.print(why).await?;
        Ok(Ran::Failed)
    }

    async fn request(&self, printer: &Printer) -> Result<(), Stopped> {
        let request = self.supply.move_request()?;
        let text = render::move_request(&request.to_string());
        Ok(printer.print(text).await?)
    }

    /// The file is on the disk before the tokens are out of use: whatever breaks off, one of the two gateways
    /// has them. It takes the place of no other, which may be all that is left of tokens.
    async fn give(
        &self,
        outgoing: Outgoing,
        name: FileName,
        who: &LoggedIn,
        printer: &Printer,
    ) -> Result<(), Stopped> {
        let Outgoing {
            from,
            file,
            moved,
            staying,
        } = outgoing;
        let mut draft = self.unit.shelf.draft().await?;
        draft.write(&file.to_string()).await?;
        draft.close().await?.name_new(&name).await?;
        let (to, tokens) = (moved.to, moved.tokens.len());
        let applied = printer.apply();
        let done = self.administer(Operation::MoveOut(moved), who).await;
        drop(applied);
        if let Err(Failure::Refused(_)) = &done {
            self.unit.shelf.remove(&Item::File(name.clone())).await?;
        }
        done?;
        let text = render::moved_out(&MovedOut {
            from,
            to,
            tokens,
            staying,
            file: name.as_str(),
        });
        Ok(printer.print(text).await?)
    }

    async fn take(
        &self,
        vdom: Vdom,
        from: ProductSerial,
        name: FileName,
        who: &LoggedIn,
        printer: &Printer,
    ) -> Result<(), Stopped> {
        let fetch = Fetch {
            limit: MOVE_FILE_MAX,
            done: render::FILE_FETCHED,
        };
        let file = self
            .fetched(&RestoreSource::File(name), fetch, printer)
            .await?;
        let moved = self.supply.incoming(vdom, from, &file).await?;
        let came = moved.tokens.len();
        let applied = printer.apply();
        let done = self.administer(Operation::MoveIn(moved), who).await;
        drop(applied);
        let (mut stayed, mut new) = (Vec::new(), Vec::new());
        for remark in done?.remarks {
            match remark {
                Remark::Here(serial) => stayed.push(serial),
                Remark::OtherPhone(serial) => new.push(serial),
                _ => {}
            }
        }
        let text = render::moved_in(MovedIn {
            from,
            tokens: came - stayed.len() - new.len(),
            stayed,
            new,
        });
        Ok(printer.print(text).await?)
    }
}
