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
    pub(super) fn pack(words: Vec<String>, files: Vec<&Path>) -> Result<Self> {
        let files = files
            .into_iter()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn received(octets: &[u8]) -> io::Result<Parcel> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(Parcel::receive(octets))
    }

    #[test]
    fn words_and_files_arrive_as_they_were_sent() {
        let words = vec!["desk".to_owned(), String::new(), "a\nb".to_owned()];
        for files in [
            vec![],
            vec![vec![]],
            vec![b"1 2\n".to_vec(), vec![0; 70_000]],
        ] {
            let sent = Parcel {
                words: words.clone(),
                files: files.iter().cloned().map(Zeroizing::new).collect(),
            };
            let mut wire = Vec::new();
            sent.send(&mut wire).unwrap();
            let parcel = received(&wire).unwrap();
            assert_eq!(parcel.words, words);
            let contents: Vec<_> = parcel.files.iter().map(|file| file.to_vec()).collect();
            assert_eq!(contents, files);
        }
    }

    #[test]
    fn what_is_no_request_is_refused_before_memory_is_taken_for_it() {
        let too_long = format!("4 {}\ndesk", MAX_FILE_BYTES + 1);
        for octets in [
            &b""[..],
            b"\n",
            b"x\n",
            b"-1\n",
            b"4097\n",
            b"4\ndes",
            b"1\n\xff",
            b"99999999999999999999\n",
            too_long.as_bytes(),
        ] {
            assert!(received(octets).is_err(), "{octets:?}");
        }
    }
}
