//! The head record: where the audit chain stood, kept in a file of its own beside the database.
//!
//! A database that was copied back is behind it, and everything that a code could still open is then
//! spent at once. It is written after every sync of the database, without one of its own: a killed process loses nothing of
//! it, and a power failure can only make it older than the database, which is no sign of anything.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use domain::time::Timestamp;

use super::events::{HASH_LEN, Link};

const MAGIC: &[u8; 8] = b"symhead1";
const BODY_LEN: usize = MAGIC.len() + 8 + HASH_LEN + 8 + 8;
/// Octets of SHA-256 over the body: a torn or damaged record is told from one of a wrong moment, which
/// would spend the codes of years.
const CHECK_LEN: usize = 8;
const LEN: usize = BODY_LEN + CHECK_LEN;

/// What the file says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub(super) link: Link,
    /// The latest moment at which anything was written.
    pub(super) latest: Timestamp,
    /// The beginning of the latest step that was spent: that of a fast clock lies ahead of `latest`.
    pub(super) reach: Timestamp,
}

/// The open file.
#[derive(Debug)]
pub(super) struct HeadFile {
    file: File,
}

impl HeadFile {
    /// Opens or creates the file, and reads it. A file that is no head record is as good as none:
    /// its absence only loses the sign, never a spent step.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<Head>)> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        let mut record = [0; LEN];
        let head = file
            .read_exact_at(&mut record, 0)
            .ok()
            .and_then(|()| decode(&record));
        Ok((Self { file }, head))
    }

    pub(super) fn write(&self, head: Head) -> io::Result<()> {
        self.file.write_all_at(&encode(head), 0)
    }

    /// Makes what was written outlive a power failure.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn encode(head: Head) -> [u8; LEN] {
    let mut record = [0; LEN];
    let parts: [&[u8]; 5] = [
        MAGIC,
        &head.link.id.to_be_bytes(),
        &head.link.hash,
        &head.latest.micros().to_be_bytes(),
        &head.reach.micros().to_be_bytes(),
    ];
    let mut at = 0;
    for part in parts {
        record[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    let check = check(&record[..BODY_LEN]);
    record[BODY_LEN..].copy_from_slice(&check);
    record
}

fn check(body: &[u8]) -> [u8; CHECK_LEN] {
    let mut check = [0; CHECK_LEN];
    check.copy_from_slice(&digest(&SHA256, body).as_ref()[..CHECK_LEN]);
    check
}

fn decode(record: &[u8; LEN]) -> Option<Head> {
    let (body, sum) = record.split_at(BODY_LEN);
    let (magic, rest) = body.split_first_chunk::<8>()?;
    let (id, rest) = rest.split_first_chunk::<8>()?;
    let (hash, rest) = rest.split_first_chunk::<HASH_LEN>()?;
    let (latest, rest) = rest.split_first_chunk::<8>()?;
    let (reach, _) = rest.split_first_chunk::<8>()?;
    let moment = |octets: &[u8; 8]| Timestamp::from_micros(i64::from_be_bytes(*octets));
    (magic == MAGIC && sum == check(body)).then_some(Head {
        link: Link {
            id: i64::from_be_bytes(*id),
            hash: *hash,
        },
        latest: moment(latest),
        reach: moment(reach),
    })
}
