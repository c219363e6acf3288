//! A request to the desk: the words of a command, and the files that it names. The process that answers
//! may not see the files of whoever asks, so their content goes along.
//!
//! On the wire: a line of lengths in octets, words first, then the octets themselves. Words have a zero
//! octet between them.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use otp::seed_file::MAX_FILE_BYTES;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use zeroize::Zeroizing;

/// A handful of words.
const MAX_WORDS_BYTES: usize = 4_096;

/// Of a command: a file, and the key or password to it.
const MAX_FILES: usize = 2;

/// The line of lengths: a number of ten digits for each.
const MAX_HEAD_BYTES: u64 = 64;

/// The content of a file. It may be a secret.
pub(crate) type Content = Zeroizing<Vec<u8>>;

/// Words and files.
pub(super) struct Parcel {
    pub(super) words: Vec<String>,
    pub(super) files: Vec<Content>,
}

impl Parcel {
    /// Reads the files that a command names.
    pub(super) fn pack<'p>(
        words: Vec<String>,
        files: impl Iterator<Item = &'p Path>,
    ) -> Result<Self> {
        let files = files
            .map(|path| read(path).with_context(|| format!("cannot read {}", path.display())))
            .collect::<Result<_>>()?;
        Ok(Self { words, files })
    }

    pub(super) fn send(&self, to: &mut impl Write) -> io::Result<()> {
        let words = self.words.join("\0");
        let mut head = words.len().to_string();
        for file in &self.files {
            head += &format!(" {}", file.len());
        }
        writeln!(to, "{head}")?;
        to.write_all(words.as_bytes())?;
        self.files.iter().try_for_each(|file| to.write_all(file))
    }

    pub(super) async fn receive(from: impl AsyncRead + Unpin) -> io::Result<Self> {
        let mut from = BufReader::new(from);
        let mut head = String::new();
        (&mut from)
            .take(MAX_HEAD_BYTES)
            .read_line(&mut head)
            .await?;
        let mut lengths = head.split_ascii_whitespace();
        let words = octets(&mut from, lengths.next(), MAX_WORDS_BYTES).await?;
        let words = str::from_utf8(&words).map_err(|_| malformed())?;
        let mut files = Vec::new();
        for length in lengths.take(MAX_FILES) {
            files.push(octets(&mut from, Some(length), MAX_FILE_BYTES).await?);
        }
        Ok(Self {
            words: words.split('\0').map(str::to_owned).collect(),
            files,
        })
    }
}

fn read(path: &Path) -> Result<Content> {
    let length = std::fs::metadata(path)?.len();
    let is_small = usize::try_from(length).is_ok_and(|length| length <= MAX_FILE_BYTES);
    anyhow::ensure!(
        is_small,
        "it has {length} bytes, at most {MAX_FILE_BYTES} are read; split it"
    );
    Ok(Zeroizing::new(std::fs::read(path)?))
}

async fn octets(
    from: &mut (impl AsyncRead + Unpin),
    length: Option<&str>,
    max: usize,
) -> io::Result<Content> {
    let length = length.and_then(|text| text.parse().ok());
    let length = length
        .filter(|length| *length <= max)
        .ok_or_else(malformed)?;
    let mut octets = Zeroizing::new(vec![0; length]);
    from.read_exact(&mut octets).await?;
    Ok(octets)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no request to the desk")
}
