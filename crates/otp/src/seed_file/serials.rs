//! The serial-number file: one serial a line. Blank lines and lines that begin with `#` say nothing.

use super::{Entry, FileError, MakerSerial, bounded, lines};

/// Reads a list of serials.
pub fn read(text: &str) -> Result<Vec<Entry<MakerSerial>>, FileError> {
    bounded(lines(text).map(|(line, serial)| Entry {
        line,
        token: MakerSerial::parse(serial),
    }))
}
