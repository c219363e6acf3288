//! `execute backup`, `restore` and `revision`: the configuration put away and taken back.

use std::fmt;

use domain::vdom::Vdom;
use zeroize::Zeroizing;

use super::{Complaint, Context, Host, Output, Session, Step, run_into};
use crate::misspelling::is_misspelt;
use crate::permission::Permission;
use crate::render::{Listing, Scope, View};
use crate::session::Command;
use crate::tree::{Keeping, Verb, Where};
use crate::walk::{self, Walk};

/// Characters of a comment that are kept: it stands in one line of the file.
const COMMENT_MAX: usize = 63;

/// Where TFTP servers listen (RFC 1350, 4).
const TFTP_PORT: u16 = 69;

/// The longest name of a file on a server: what fits into the smallest request that all servers take.
const REMOTE_NAME_MAX: usize = 128;

/// The word that lets a restore change nothing. It is no password: no backup is made under it.
const DRY_RUN: [&str; 2] = ["dry-run", "--dry-run"];

/// What administrators who know FortiOS read before a restore.
const NOTICE: &str =
    "This operation will overwrite the current setting and could possibly reboot the system!\n";

/// A configuration to put away.
#[derive(Debug)]
pub struct Backup {
    /// What to write, with [`Header::lines`](crate::text::Header::lines) behind its head.
    pub listing: Listing,
    /// Where to.
    pub to: Destination,
    /// Under what its secrets are sealed; without one only this unit opens them.
    pub password: Option<BackupPassword>,
}

/// Where a configuration is put.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Destination {
    /// A file of this unit.
    File(FileName),
    /// The next revision, with this comment.
    Flash(Box<str>),
    /// A TFTP server.
    Tftp(Remote),
}

/// A configuration to take back.
#[derive(Debug)]
pub struct Restore {
    /// Where from.
    pub from: Source,
    /// What opens its secrets.
    pub password: Option<BackupPassword>,
    /// Where its entries go that stand in no virtual domain.
    pub vdom: Vdom,
    /// Whether it is done.
    pub extent: Extent,
}

/// Where a configuration comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A file of this unit.
    File(FileName),
    /// A revision.
    Flash(u32),
    /// A TFTP server.
    Tftp(Remote),
}

/// How far a restore goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// All the way.
    Apply,
    /// Up to the report: nothing is changed.
    DryRun,
}

/// A file on a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remote {
    /// Its name there.
    pub file: Box<str>,
    /// The server.
    pub server: Host,
    /// Its port.
    pub port: u16,
}

/// The name of a file among those of this unit: no path leads out of their directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileName(Box<str>);

impl FileName {
    /// Longest name, in octets.
    pub const MAX: usize = 64;

    /// Takes letters, digits, `.`, `-` and `_`, not beginning with a dot.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_name = (1..=Self::MAX).contains(&text.len())
            && !text.starts_with('.')
            && text.chars().all(is_plain);
        is_name.then(|| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The password of a backup, as typed.
pub struct BackupPassword(Zeroizing<String>);

impl BackupPassword {
    /// Takes a password.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The password, for the derivation of the key alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BackupPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupPassword(<hidden>)")
    }
}

/// Whether a line has the password of a backup among its words.
pub(super) fn has_password(scope: walk::Scope, permission: &Permission, words: &[String]) -> bool {
    let Ok(invocation) = Walk::along(scope, permission, words) else {
        return false;
    };
    match invocation.verb {
        Verb::Keep(Keeping::Backup(_, place) | Keeping::Restore(place)) => match place {
            Where::File => invocation.free > 1,
            Where::Tftp => invocation.free > 2,
            Where::Terminal | Where::Flash => false,
        },
        _ => false,
    }
}

impl Session {
    pub(super) fn keep_away(
        &mut self,
        keeping: Keeping,
        words: &[String],
        output: Output,
    ) -> Result<Step, Complaint> {
        self.stands_above_vdoms()?;
        let command = match keeping {
            Keeping::Backup(view, place) => self.backup(view, place, words)?,
            Keeping::Restore(place) => {
                let restore = restore(place, words)?;
                let asks = restore.extent == Extent::Apply;
                let step = run_into(Command::Restore(restore), output);
                return Ok(if asks { self.ask(NOTICE, step) } else { step });
            }
            Keeping::Revisions => Command::Revisions,
            Keeping::RemoveRevision => Command::RemoveRevision(revision(words)?),
        };
        Ok(run_into(command, output))
    }

    fn stands_above_vdoms(&self) -> Result<(), Complaint> {
        match self.context() {
            Context::Vdom(_) | Context::OwnVdom(_) => Err(Complaint::denied(
                "a configuration is put away and taken back as a whole: first 'end'",
            )),
            Context::Unit | Context::Top | Context::Global => Ok(()),
        }
    }

    fn backup(&self, view: View, place: Where, words: &[String]) -> Result<Command, Complaint> {
        let context = match self.context() {
            Context::Global => Context::Top,
            other => other,
        };
        let listing = Listing::new(view, Scope::All, self.zone).within(context);
        let to = match (place, words) {
            (Where::Flash, words) => Destination::Flash(comment(words)),
            (Where::File, [name, ..]) => Destination::File(file_name(name)?),
            (Where::Tftp, [name, server, ..]) => Destination::Tftp(remote(name, server)?),
            (Where::Terminal | Where::File | Where::Tftp, _) => return Ok(Command::List(listing)),
        };
        let password = match place {
            Where::File => words.get(1),
            Where::Tftp => words.get(2),
            Where::Terminal | Where::Flash => None,
        };
        if let Some(password) = password {
            self.permission.back_up_for_others()?;
            must_not_mean_dry_run(password)?;
        }
        Ok(Command::Backup(Backup {
            listing,
            to,
            password: password.map(|word| BackupPassword::new(word)),
        }))
    }
}

/// A word that may be meant to let a restore change nothing becomes no password of a backup: whoever misspells it
/// would have all done that he wanted to see first.
fn must_not_mean_dry_run(password: &str) -> Result<(), Complaint> {
    let mut words = DRY_RUN.iter();
    let is_meant = |word: &&str| word.starts_with(password) || is_misspelt(password, word);
    if password.starts_with("--") || words.any(is_meant) {
        let plain =
            "'dry-run' lets a restore change nothing; what may be meant for it is no password";
        // It may be one after all: it is not repeated, unless it is the very word.
        let shown = if DRY_RUN.contains(&password) {
            password
        } else {
            "..."
        };
        return Err(Complaint::command(shown, plain));
    }
    Ok(())
}

fn restore(place: Where, words: &[String]) -> Result<Restore, Complaint> {
    let (words, extent) = match words {
        [rest @ .., last] if DRY_RUN.contains(&last.as_str()) => (rest, Extent::DryRun),
        words => (words, Extent::Apply),
    };
    let (from, rest) = match (place, words) {
        (Where::Flash, [_, rest @ ..]) => (Source::Flash(revision(words)?), rest),
        (Where::File, [name, rest @ ..]) => (Source::File(file_name(name)?), rest),
        (Where::Tftp, [name, server, rest @ ..]) => (Source::Tftp(remote(name, server)?), rest),
        _ => return Err(Complaint::incomplete("what to restore must follow")),
    };
    let password = match (rest, place) {
        ([], _) => None,
        // What may be a misspelt 'dry-run' may be the password of an older backup: it opens the file, or is refused
        // with it.
        ([word], Where::File | Where::Tftp) => Some(BackupPassword::new(word)),
        _ => {
            // It may be a password: it is not repeated.
            return Err(Complaint::command(
                "...",
                "'dry-run' may stand here, or nothing",
            ));
        }
    };
    Ok(Restore {
        from,
        password,
        vdom: Vdom::ROOT,
        extent,
    })
}

pub(super) fn file_name(word: &str) -> Result<FileName, Complaint> {
    FileName::parse(word).ok_or_else(|| {
        let plain = format!(
            "a file name has 1 to {} of the characters A-Z, a-z, 0-9, '.', '-' and '_', and does not \
             begin with '.'; the files lie in one directory",
            FileName::MAX
        );
        Complaint::value(word, plain)
    })
}

pub(super) fn remote(name: &str, server: &str) -> Result<Remote, Complaint> {
    if !(1..=REMOTE_NAME_MAX).contains(&name.len()) {
        let plain = format!("the name of a file on a server has 1 to {REMOTE_NAME_MAX} octets");
        return Err(Complaint::value(name, plain));
    }
    let (host, port) = match server.rsplit_once(':') {
        // More than one colon is an IPv6 address.
        Some((host, port)) if !host.contains(':') => (host, port.parse().ok()),
        _ => (server, Some(TFTP_PORT)),
    };
    let remote = Host::parse(host).zip(port.filter(|port| *port > 0));
    let (server, port) = remote.ok_or_else(|| {
        Complaint::value(
            server,
            "a server is a name or an IP address, with ':port' if it is not 69",
        )
    })?;
    Ok(Remote {
        file: name.into(),
        server,
        port,
    })
}

fn revision(words: &[String]) -> Result<u32, Complaint> {
    let word = words.first().map_or("", String::as_str);
    let number = word.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| {
        Complaint::value(
            word,
            "a revision is a number; 'execute revision list config' lists them",
        )
    })
}

fn comment(words: &[String]) -> Box<str> {
    let text = words.join(" ");
    let text = crate::render::printable(&text);
    text.chars().take(COMMENT_MAX).collect::<String>().into()
}
