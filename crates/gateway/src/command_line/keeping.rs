//! The configuration put away and taken back: `execute backup`, `restore` and `revision`.

use std::net::SocketAddr;

use cli::render::{self, Kept, OpenedBy};
use cli::text::{self, Document, Header, Origin, PasswordKey, Stamp, TEXT_MAX, TextError};
use cli::{Backup, BackupPassword, Destination, Extent, Remote, Restore, RestoreSource};
use domain::admin::{self, Coverage, Edit, Incoming};
use domain::audit::Actor;
use domain::password::PasswordHash;
use domain::schema::{Access, INTERFACE, LOCAL, Object, Value};
use store::Undecided;
use store::backup_key::{BackupKey, BackupKeyError, Derivation, PASSWORD_MIN};
use tokio::sync::mpsc;

use super::executor::{Executor, Gone, Printer, Ran};
use super::interrupt::Interrupt;
use super::sessions::LoggedIn;
use crate::clock;
use crate::interfaces;
use crate::network::tftp::{self, TftpError};
use crate::network::{NotFound, reason};
use crate::shelf::{Draft, Item, ShelfError};
use crate::ssh::Unbindable;

/// Passwords in clear text that a file may bring: each costs some 20 ms of a core to hash.
const CLEAR_PASSWORDS_MAX: usize = 1_000;

/// Pieces of a configuration that wait to be written: more would only take memory.
const PIECES_WAITING: usize = 16;

/// Octets of findings that are printed at once.
const PRINTED_AT_ONCE: usize = 16_384;

/// Why a configuration was not put away or taken back.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error("cannot find the server: {0}")]
    NotFound(#[from] NotFound),
    #[error("the transfer failed: {0}")]
    Tftp(#[from] TftpError),
    #[error("the file cannot be restored: {0}")]
    Text(#[from] TextError),
    #[error("{0}")]
    Key(#[from] BackupKeyError),
    #[error("the secrets of this backup are sealed under a password: type it behind the name")]
    NeedsPassword,
    #[error("the password is wrong")]
    WrongPassword,
    #[error("this file is under no password: behind its name only 'dry-run' may stand")]
    NeedsNoPassword,
    #[error("{0}")]
    Undecided(#[from] Undecided),
    #[error(
        "the file has more than {CLEAR_PASSWORDS_MAX} passwords in clear text; restore it in parts"
    )]
    ClearPasswords,
    #[error("the system's random source failed")]
    Random,
    #[error("the unit is shutting down")]
    Stopping,
}

/// How a file is fetched from a server.
pub(super) struct Fetch {
    /// Octets that are taken at most.
    pub(super) limit: usize,
    /// What is printed once it is here.
    pub(super) done: &'static str,
}

/// How an attempt ends early.
pub(super) enum Cut {
    Gone,
    Failed(KeepError),
    Undecided(Ran),
}

impl From<Gone> for Cut {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl<E: Into<KeepError>> From<E> for Cut {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

pub(super) async fn told(result: Result<(), Cut>, printer: &Printer) -> Result<Ran, Gone> {
    match result {
        Ok(()) => Ok(Ran::Printed),
        Err(Cut::Gone) => Err(Gone),
        Err(Cut::Undecided(ran)) => Ok(ran),
        Err(Cut::Failed(error)) => {
            printer.print(render::not_kept(&error.to_string())).await?;
            Ok(Ran::Failed)
        }
    }
}

impl Executor {
    pub(super) async fn put_away(
        &self,
        asked: Backup,
        actor: &Actor,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        printer.print(render::WAIT).await?;
        told(self.backup(asked, actor, printer).await, printer).await
    }

    async fn backup(&self, asked: Backup, actor: &Actor, printer: &Printer) -> Result<(), Cut> {
        let Backup {
            mut listing,
            to,
            password,
        } = asked;
        let key = match password {
            Some(password) => Some(new_key(password).await?),
            None => None,
        };
        if let Destination::Flash(_) = to {
            // Where there is no room, nothing is listed in vain.
            self.unit.shelf.next_revision().await?;
        }
        let mut draft = self.unit.shelf.draft().await?;
        draft.write(&listing.head(&actor.name)).await?;
        draft.header(header(&to, key.as_ref())).await?;
        let (pieces, mut written) = mpsc::channel::<String>(PIECES_WAITING);
        let listed = async {
            // Nobody interrupts a piece: who wants no more drops all of it.
            let (_, interrupted) = Interrupt::new();
            let spool = Printer::new(pieces, interrupted);
            self.list_parts(&mut listing, key.as_ref(), &spool).await
        };
        let (listed, kept) = tokio::join!(listed, keep(&mut draft, &mut written));
        kept?;
        match listed {
            Ok(Ran::Printed) => {}
            Ok(ran) => return Err(Cut::Undecided(ran)),
            Err(Gone) => return Err(Cut::Gone),
        }
        let by = match key {
            Some(_) => OpenedBy::Password,
            None => OpenedBy::ThisUnit,
        };
        self.deliver(draft, to, by, printer).await
    }

    async fn deliver(
        &self,
        draft: Draft,
        to: Destination,
        by: OpenedBy,
        printer: &Printer,
    ) -> Result<(), Cut> {
        let closed = draft.close().await?;
        let (lines, octets) = (closed.lines(), closed.octets());
        let text = match to {
            Destination::File(name) => {
                closed.name(&Item::File(name.clone())).await?;
                let name = name.as_str();
                render::kept(
                    &Kept::File {
                        name,
                        lines,
                        octets,
                    },
                    by,
                )
            }
            Destination::Flash(_) => {
                let number = self.unit.shelf.add_revision(closed).await?;
                render::kept(&Kept::Revision(number), by)
            }
            Destination::Tftp(remote) => {
                printer.print(render::connecting(&remote.server)).await?;
                let server = self.server(&remote).await?;
                tftp::put(server, &remote.file, closed.reopened().await?).await?;
                render::kept(&Kept::Tftp, by)
            }
        };
        Ok(printer.print(text).await?)
    }

    async fn server(&self, remote: &Remote) -> Result<SocketAddr, KeepError> {
        let found = self.hosts.find(&remote.server).await?;
        let address = found.addresses.first().ok_or(NotFound::NoAddress)?;
        Ok((*address, remote.port).into())
    }

    pub(super) async fn take_back(
        &self,
        asked: Restore,
        who: &LoggedIn,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        printer.print(render::WAIT).await?;
        told(self.restore(asked, who, printer).await, printer).await
    }

    async fn restore(&self, asked: Restore, who: &LoggedIn, printer: &Printer) -> Result<(), Cut> {
        let Restore {
            from,
            password,
            vdom,
            extent,
        } = asked;
        let fetch = Fetch {
            limit: TEXT_MAX,
            done: render::FETCHED,
        };
        let octets = self.fetched(&from, fetch, printer).await?;
        let reading = tokio::task::spawn_blocking(move || text::read(&octets, vdom));
        let mut document = reading.await.map_err(|_| KeepError::Stopping)??;
        let key = key_of(&document.header, password).await?;
        let entries = document.take_entries().into_iter().map(without_host);
        let entries = hashed(entries.collect()).await?;
        let coverage = coverage(&document.header);
        let restore = admin::Restore {
            origin: origin(&from).into(),
            coverage,
            entries: self.store.understood(entries, key.as_ref()),
        };
        let store_extent = match extent {
            Extent::Apply => store::gateway::Extent::Apply,
            Extent::DryRun => store::gateway::Extent::Rehearse,
        };
        let applied = match extent {
            Extent::Apply => Some(printer.apply()),
            Extent::DryRun => None,
        };
        let by = who.authority().as_ref().clone();
        let restored = self.followed().restore(restore, store_extent, by).await;
        drop(applied);
        let (report, followed) = restored?;
        print_findings(&document, &report, printer).await?;
        let text = render::restored(&document, &report, coverage, extent);
        printer.print(text).await?;
        if extent == Extent::Apply && report.conveyed > 0 {
            self.ask_about_phones(printer).await?;
        }
        // A configuration that was taken over is right for another host, and its port may be taken here.
        if let Err(Unbindable { address, error }) = followed {
            let text = render::ssh_stays(address, &reason(&error));
            printer.print(text).await?;
        }
        Ok(())
    }

    /// A phone may have given a token away after the backup: until the token server is asked, it logs in.
    async fn ask_about_phones(&self, printer: &Printer) -> Result<(), Gone> {
        match self.supply.poll(None).await {
            Ok(summary) if summary.withheld == 0 => Ok(()),
            Ok(_) => printer.print(render::PHONES_ELSEWHERE).await,
            Err(error) if error.is_about_tokens() => printer.print(render::PHONES_ELSEWHERE).await,
            Err(error) => {
                let text = render::phones_unasked(&error.to_string());
                printer.print(text).await
            }
        }
    }

    pub(super) async fn fetched(
        &self,
        from: &RestoreSource,
        fetch: Fetch,
        printer: &Printer,
    ) -> Result<Vec<u8>, Cut> {
        let item = match from {
            RestoreSource::File(name) => Item::File(name.clone()),
            RestoreSource::Flash(number) => Item::Revision(*number),
            RestoreSource::Tftp(remote) => {
                printer.print(render::connecting(&remote.server)).await?;
                let server = self.server(remote).await?;
                let octets = tftp::get(server, &remote.file, fetch.limit).await?;
                printer.print(fetch.done).await?;
                return Ok(octets);
            }
        };
        Ok(self.unit.shelf.read(&item).await?)
    }

    pub(super) async fn revisions(&self, printer: &Printer) -> Result<Ran, Gone> {
        told(self.list_revisions(printer).await, printer).await
    }

    async fn list_revisions(&self, printer: &Printer) -> Result<(), Cut> {
        printer.print(render::revision_head()).await?;
        for number in self.unit.shelf.revisions().await? {
            let head = self.unit.shelf.head(&Item::Revision(number)).await?;
            // A damaged head has nothing to tell; its restore says what is wrong.
            let header = Header::of(&head).unwrap_or_default();
            printer
                .print(render::revision(number, &header, self.zone))
                .await?;
        }
        Ok(())
    }

    pub(super) async fn remove_revision(
        &self,
        number: u32,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let removed = self.unit.shelf.remove(&Item::Revision(number)).await;
        told(removed.map_err(Cut::from), printer).await
    }
}

/// Writes pieces as they come. When it ends early, whoever makes them is told by the closed channel.
async fn keep(draft: &mut Draft, pieces: &mut mpsc::Receiver<String>) -> Result<(), ShelfError> {
    while let Some(piece) = pieces.recv().await {
        if let Err(error) = draft.write(&piece).await {
            pieces.close();
            while pieces.recv().await.is_some() {}
            return Err(error);
        }
    }
    Ok(())
}

fn header(to: &Destination, key: Option<&BackupKey>) -> Header {
    let stamp = Stamp {
        release: env!("CARGO_PKG_VERSION").into(),
        at: clock::now(),
        lines: 0,
    };
    let key = key.map(|key| PasswordKey {
        memory: key.derivation().memory,
        passes: key.derivation().passes,
        salt: key.derivation().salt,
        id: key.id(),
    });
    let comment = match to {
        Destination::Flash(comment) => comment.clone(),
        Destination::File(_) | Destination::Tftp(_) => Box::default(),
    };
    Header {
        origin: Origin::Symbolon,
        stamp: Some(stamp),
        key,
        comment,
        ..Header::default()
    }
}

async fn new_key(password: BackupPassword) -> Result<BackupKey, KeepError> {
    if password.expose().chars().count() < PASSWORD_MIN {
        return Err(BackupKeyError::TooShort.into());
    }
    let salt = clock::random().map_err(|_| KeepError::Random)?;
    derived(password, Derivation::new(salt)).await
}

async fn derived(password: BackupPassword, derivation: Derivation) -> Result<BackupKey, KeepError> {
    let deriving =
        tokio::task::spawn_blocking(move || BackupKey::derive(password.expose(), derivation));
    Ok(deriving.await.map_err(|_| KeepError::Stopping)??)
}

/// The key under which the secrets of a file are sealed.
async fn key_of(
    header: &Header,
    password: Option<BackupPassword>,
) -> Result<Option<BackupKey>, KeepError> {
    let (made, password) = match (&header.key, password) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(KeepError::NeedsNoPassword),
        (Some(_), None) => return Err(KeepError::NeedsPassword),
        (Some(made), Some(password)) => (made, password),
    };
    let derivation = Derivation {
        memory: made.memory,
        passes: made.passes,
        salt: made.salt,
    };
    let key = derived(password, derivation).await?;
    if key.id() == made.id {
        Ok(Some(key))
    } else {
        Err(KeepError::WrongPassword)
    }
}

/// A backup of this product is known to be whole. Anything else may be a part.
fn coverage(header: &Header) -> Coverage {
    match (&header.origin, &header.stamp) {
        (Origin::Symbolon, Some(_)) => Coverage::Whole,
        _ => Coverage::Part,
    }
}

pub(super) fn origin(from: &RestoreSource) -> String {
    match from {
        RestoreSource::File(name) => format!("file {}", name.as_str()),
        RestoreSource::Flash(number) => format!("revision {number}"),
        RestoreSource::Tftp(remote) => format!("tftp {} {}", remote.server, remote.file),
    }
}

/// What the host has given an interface is the same here, or is told.
fn without_host(mut entry: Incoming) -> Incoming {
    let shown = interfaces::shown(Object::at(&entry.place));
    let is_so = |edit: &Edit| match edit {
        Edit::Set(field, value) if field.access == Access::System => shown.is_set_to(field, value),
        _ => false,
    };
    if entry.place.table() == &INTERFACE {
        entry.edits.retain(|edit| !is_so(edit));
    }
    entry
}

/// Passwords of users that stand in clear text are hashed before the store is held up.
async fn hashed(entries: Vec<Incoming>) -> Result<Vec<Incoming>, KeepError> {
    let is_clear = |entry: &Incoming| {
        let mut edits = entry.edits.iter();
        entry.place.table() == &LOCAL
            && edits.any(|edit| matches!(edit, Edit::Set(_, Value::Secret(_))))
    };
    match entries.iter().filter(|entry| is_clear(entry)).count() {
        0 => return Ok(entries),
        1..=CLEAR_PASSWORDS_MAX => {}
        _ => return Err(KeepError::ClearPasswords),
    }
    let hashing = tokio::task::spawn_blocking(move || {
        let hash = |entry: Incoming| {
            if is_clear(&entry) {
                hashed_entry(entry)
            } else {
                Ok(entry)
            }
        };
        entries.into_iter().map(hash).collect()
    });
    hashing.await.map_err(|_| KeepError::Stopping)?
}

fn hashed_entry(entry: Incoming) -> Result<Incoming, KeepError> {
    let mut edits = Vec::with_capacity(entry.edits.len());
    for edit in entry.edits {
        edits.push(match edit {
            Edit::Set(field, Value::Secret(password)) => {
                let salt = clock::random().map_err(|_| KeepError::Random)?;
                // One that cannot be hashed is refused with its entry.
                let value = match PasswordHash::new(&password, salt) {
                    Ok(hash) => Value::Sealed(hash.to_enc().into()),
                    Err(_) => Value::Secret(password),
                };
                Edit::Set(field, value)
            }
            edit => edit,
        });
    }
    Ok(Incoming { edits, ..entry })
}

async fn print_findings(
    document: &Document,
    report: &admin::Report,
    printer: &Printer,
) -> Result<(), Gone> {
    let mut text = String::new();
    for finding in render::findings(document, report) {
        text += &finding.to_string();
        if text.len() > PRINTED_AT_ONCE {
            printer.print(std::mem::take(&mut text)).await?;
        }
    }
    printer.print(text).await
}
