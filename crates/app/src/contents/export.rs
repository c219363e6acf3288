//! Exports of other apps that take several codes: which of them were read.

use super::Contents;
use otp::export_code::Batch;
use std::collections::BTreeSet;
use std::fmt;

/// The export whose code was read last. It stays once all were read: who shows a code again has still read the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Export {
    pub(super) id: u64,
    pub(super) size: u8,
    /// From 0 on.
    pub(super) read: BTreeSet<u8>,
}

/// How far an export has come with a code: whoever deletes the old app has lost the tokens of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportProgress {
    /// Which code this was, from 1 on.
    pub number: u8,
    /// How many there are.
    pub size: u8,
    /// Those that nobody has read, from 1 on.
    pub missing: Vec<u8>,
}

impl Contents {
    /// Writes down that a code was read, whose tokens are here.
    pub(super) fn code_was_read(&mut self, batch: Batch) -> ExportProgress {
        let Batch { id, index, size } = batch;
        let known = self.export.take();
        let is_same = |known: &Export| known.id == id && known.size == size;
        let mut export = known.filter(is_same).unwrap_or(Export {
            id,
            size,
            read: BTreeSet::new(),
        });
        export.read.insert(index);
        let missing = (0..size).filter(|index| !export.read.contains(index));
        let missing = missing.map(|index| index + 1).collect();
        self.export = Some(export);
        ExportProgress {
            number: index + 1,
            size,
            missing,
        }
    }
}

impl fmt::Display for ExportProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, size, .. } = self;
        write!(f, "This was code {number} of {size}")?;
        let Some((last, others)) = self.missing.split_last() else {
            return write!(f, ", and the others were read before.");
        };
        let others: Vec<_> = others.iter().map(u8::to_string).collect();
        match others.as_slice() {
            [] => write!(f, ": add code {last} too, whose tokens are not here yet."),
            others => write!(
                f,
                ": add codes {} and {last} too, whose tokens are not here yet.",
                others.join(", ")
            ),
        }
    }
}
