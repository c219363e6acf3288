//! `execute fortitoken import`, `import-seed-file` and `import-sn-file`.

use std::fmt;

use domain::vdom::Vdom;
use zeroize::Zeroizing;

use super::keeping::{Source, file_name, remote};
use super::{Complaint, Session};
use crate::permission::Permission;
use crate::session::Command;
use crate::tree::{Intake, Verb, Where};
use crate::walk::{self, Walk};

/// Hardware tokens to take in from a file.
#[derive(Debug)]
pub struct TakeIn {
    /// Where they go.
    pub vdom: Vdom,
    /// Where the file is.
    pub from: Source,
    /// What it tells.
    pub told: Told,
}

/// What a file tells of hardware tokens.
#[derive(Debug)]
pub enum Told {
    /// Serials and seeds; what opens them, if anything was typed.
    Seeds(Option<SeedKey>),
    /// Serials, whose seeds the token server has.
    Serials,
}

/// The key of a seed file, as typed.
pub struct SeedKey(Zeroizing<String>);

impl SeedKey {
    /// The key, for the file alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SeedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeedKey(<hidden>)")
    }
}

/// Whether a line has the key of a seed file among its words. A password with blanks that nobody quoted
/// makes it too long, and is one all the same.
pub(super) fn has_key(scope: walk::Scope, permission: &Permission, words: &[String]) -> bool {
    let Ok(invocation) = Walk::along_beginning(scope, permission, words) else {
        return false;
    };
    match invocation.verb {
        Verb::TakeIn(Intake::Seeds(Where::Tftp)) => invocation.free > 2,
        Verb::TakeIn(Intake::Seeds(_)) => invocation.free > 1,
        _ => false,
    }
}

impl Session {
    pub(super) fn take_in(&self, intake: Intake, words: &[String]) -> Result<Command, Complaint> {
        let (place, is_seeds) = match intake {
            Intake::Seeds(place) => (place, true),
            Intake::Serials(place) => (place, false),
        };
        let (from, rest) = match (place, words) {
            (Where::Tftp, [name, server, rest @ ..]) => (Source::Tftp(remote(name, server)?), rest),
            (Where::File, [name, rest @ ..]) => (Source::File(file_name(name)?), rest),
            _ => return Err(Complaint::incomplete("the name of a file must follow")),
        };
        let key = rest
            .first()
            .map(|word| SeedKey(Zeroizing::new(word.clone())));
        Ok(Command::TakeIn(TakeIn {
            vdom: self.vdom(),
            from,
            told: if is_seeds {
                Told::Seeds(key)
            } else {
                Told::Serials
            },
        }))
    }
}
