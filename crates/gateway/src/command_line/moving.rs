//! `execute fortitoken-mobile move`: tokens that go to another gateway, and come from one.

use cli::render::{self, MovedIn, MovedOut};
use cli::{FileName, MoveStep, MoveTokens, RestoreSource};
use domain::admin::{AdminError, FileGiven, Operation, Remark};
use domain::vdom::Vdom;
use ident::{LicenceSerial, ProductSerial};
use softtoken::moving::MOVE_FILE_MAX;
use store::gateway::GatewayStore;
use store::{Failure, Undecided};
use tracing::{info, warn};

use super::executor::{Executor, Gone, Printer, Ran};
use super::keeping::{Cut, Fetch, told};
use super::sessions::LoggedIn;
use crate::shelf::{Shelf, ShelfError};
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

/// Ends what an earlier process began: a file whose tokens left gets its name, and any other goes.
pub(crate) async fn end_exports(shelf: &Shelf, store: &GatewayStore) {
    if let Err(error) = all_ended(shelf, store).await {
        warn!(%error, "exports of tokens that were broken off stay as they are until the next start");
    }
}

async fn all_ended(shelf: &Shelf, store: &GatewayStore) -> Result<(), NotEnded> {
    for id in shelf.undecided().await? {
        match store.given_file(&id).await? {
            Some(file) => {
                let name = named(shelf, &file).await?;
                info!(file = name.as_str(), to = %file.to, "an export of tokens that was broken off is done");
            }
            None => shelf.discard(&id).await?,
        }
    }
    Ok(())
}

/// Why it is not known what became of exports that were broken off.
#[derive(Debug, thiserror::Error)]
enum NotEnded {
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error(transparent)]
    Undecided(#[from] Undecided),
}

/// What the file is called in which tokens left.
async fn named(shelf: &Shelf, file: &FileGiven) -> Result<FileName, ShelfError> {
    let typed = FileName::parse(&file.name);
    let name = typed.ok_or_else(|| ShelfError::NoFile(file.name.to_string()))?;
    shelf.decide(&file.id, &name).await
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
                let outgoing = self.supply.outgoing(vdom, licence, to, &request, &file);
                match outgoing.await {
                    Ok(outgoing) => self.give(outgoing, file, who, printer).await,
                    Err(MoveError::Nothing(licence)) => Err(self.given(vdom, licence).await),
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
    /// has them. It has its name after that: while the tokens are in use here nobody finds a file to give away. It
    /// takes the place of no other, which may be all that is left of tokens.
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
        let shelf = &self.unit.shelf;
        shelf.must_be_free(&name).await?;
        let mut draft = shelf.draft().await?;
        draft.write(&file.to_string()).await?;
        let (id, to, tokens) = (moved.file.id.clone(), moved.file.to, moved.tokens.len());
        draft.close().await?.undecided(&id).await?;
        let applied = printer.apply();
        let done = self.administer(Operation::MoveOut(moved), who).await;
        drop(applied);
        if let Err(Failure::Refused(_)) = &done {
            shelf.discard(&id).await?;
        }
        // Where the store does not know, the next start does.
        done?;
        let name = shelf.decide(&id, &name).await?;
        let text = render::moved_out(&MovedOut {
            from,
            to,
            tokens,
            staying,
            file: name.as_str(),
        });
        Ok(printer.print(text).await?)
    }

    /// Why there is nothing to export: the file has it that an export made which was not seen to end.
    async fn given(&self, vdom: Vdom, licence: LicenceSerial) -> Stopped {
        let file = match self.store.last_given(vdom, licence).await {
            Ok(Some(file)) => file,
            Ok(None) => return MoveError::Nothing(licence).into(),
            Err(why) => return MoveError::Undecided(why).into(),
        };
        match named(&self.unit.shelf, &file).await {
            Ok(name) => MoveError::Given {
                licence,
                file,
                name,
            }
            .into(),
            Err(why) => why.into(),
        }
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
