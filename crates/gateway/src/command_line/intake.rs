//! Hardware tokens from a file: `execute fortitoken import`, `import-seed-file` and `import-sn-file`.

use cli::render;
use cli::{RestoreSource, TakeIn, Told};
use domain::admin::Operation;
use domain::intake::{self, NotTaken, Way};
use domain::vdom::Vdom;
use otp::seed_file::MAX_FILE_BYTES;
use store::Failure;
use zeroize::Zeroizing;

use super::executor::{Executor, Gone, Printer, Ran};
use super::keeping::{Cut, Fetch, KeepError, origin, told};
use super::sessions::LoggedIn;
use crate::supply::Report;

impl Executor {
    pub(super) async fn take_in(
        &self,
        asked: TakeIn,
        who: &LoggedIn,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        match self.operation(asked, printer).await {
            Ok(Ok((operation, asked))) => self.carry_in(operation, asked, who, printer).await,
            Ok(Err(why)) => {
                printer.print(render::not_taken(&why)).await?;
                Ok(Ran::Failed)
            }
            Err(cut) => told(Err(cut), printer).await,
        }
    }

    /// What a file asks for, and how many tokens it names.
    async fn operation(
        &self,
        asked: TakeIn,
        printer: &Printer,
    ) -> Result<Result<(Operation, usize), NotTaken>, Cut> {
        let TakeIn { vdom, from, told } = asked;
        let fetch = Fetch {
            limit: MAX_FILE_BYTES,
            done: render::FILE_FETCHED,
        };
        let octets = Zeroizing::new(self.fetched(&from, fetch, printer).await?);
        let way = match from {
            RestoreSource::File(_) | RestoreSource::Flash(_) => Way::Local,
            RestoreSource::Tftp(_) => Way::Open,
        };
        let origin = format!("from {}", origin(&from));
        // A password costs up to seconds of key derivation.
        let reading =
            tokio::task::spawn_blocking(move || read(&octets, vdom, &told, way, origin.into()));
        Ok(reading.await.map_err(|_| KeepError::Stopping)?)
    }

    async fn carry_in(
        &self,
        operation: Operation,
        asked: usize,
        who: &LoggedIn,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let has_seeds = matches!(operation, Operation::ImportHardware { .. });
        let applied = printer.apply();
        let done = self.administer(operation, who).await;
        drop(applied);
        let done = match done {
            Ok(done) => done,
            Err(Failure::Refused(error)) => {
                printer.print(render::refusal(error)).await?;
                return Ok(Ran::Failed);
            }
            Err(Failure::Undecided(why)) => return Ok(why.into()),
        };
        let stayed = done.remarks.len();
        let taken = asked - stayed;
        let text = if has_seeds {
            render::seeds_taken(taken, stayed)
        } else {
            render::serials_taken(taken, stayed)
        };
        printer.print(text).await?;
        self.follow_all(done.messages, printer).await
    }

    /// What becomes of the activations. Once the token server does not answer, it is not waited for the
    /// rest.
    async fn follow_all(&self, messages: Vec<i64>, printer: &Printer) -> Result<Ran, Gone> {
        let mut failed = false;
        let mut messages = messages.into_iter();
        while let Some(message) = messages.next() {
            let report = self.report(message).await;
            let is_answer = matches!(report, Some(Report::Activated(_)));
            let (text, is_bad) = match report {
                Some(report) => self.tell(report).await,
                None => (render::activated_later(1), true),
            };
            failed |= is_bad;
            printer.print(text).await?;
            if !is_answer && messages.len() > 0 {
                printer
                    .print(render::activated_later(messages.len()))
                    .await?;
                break;
            }
        }
        Ok(if failed { Ran::Failed } else { Ran::Printed })
    }
}

fn read(
    octets: &[u8],
    vdom: Vdom,
    told: &Told,
    way: Way,
    origin: Box<str>,
) -> Result<(Operation, usize), NotTaken> {
    match told {
        Told::Seeds(key) => {
            let key = key.as_ref().map(cli::SeedKey::expose);
            let tokens = intake::seed_file(octets, key, way)?;
            let asked = tokens.len();
            let operation = Operation::ImportHardware {
                vdom,
                tokens,
                origin,
            };
            Ok((operation, asked))
        }
        Told::Serials => {
            let tokens = intake::serial_file(octets)?;
            let asked = tokens.len();
            Ok((Operation::AddHardware { vdom, tokens }, asked))
        }
    }
}
