//! A transfer, one packet after the other (RFC 1350, 2): each is sent once the last is acknowledged. It
//! touches no socket and no clock; the driver sends what it is given, again if nothing comes back.

use super::packet::{self, BLOCK, Packet, Way};

/// Why a transfer ended early.
#[derive(PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum TransferError {
    /// The server's own words.
    #[error("the server says: {0}")]
    Refused(String),
    /// More than whoever asked for it takes.
    #[error("the file is longer than {0} octets")]
    TooLong(usize),
}

/// A file on its way to the server.
#[derive(Debug)]
pub(super) struct Upload {
    block_size: usize,
    /// The block that is not acknowledged yet; 0 is the request.
    block: u16,
    is_last: bool,
}

/// What an upload waits for.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Up {
    /// Still for the acknowledgement.
    Waits,
    /// For the next block of the file, of this size; a shorter one ends it.
    Wants(usize),
    /// For nothing: the server has the file.
    Done,
}

impl Upload {
    /// The upload and its first packet.
    pub(super) fn begin(file: &str) -> (Self, Vec<u8>) {
        let upload = Self {
            block_size: BLOCK,
            block: 0,
            is_last: false,
        };
        (upload, packet::request(Way::Write, file))
    }

    /// Takes a datagram of the server.
    pub(super) fn take(&mut self, datagram: &[u8]) -> Result<Up, TransferError> {
        match Packet::parse(datagram) {
            Some(Packet::Error(why)) => Err(TransferError::Refused(why)),
            Some(Packet::Options { block_size }) if self.block == 0 => {
                self.block_size = block_size;
                Ok(self.acknowledged())
            }
            Some(Packet::Ack(block)) if block == self.block => Ok(self.acknowledged()),
            _ => Ok(Up::Waits),
        }
    }

    fn acknowledged(&self) -> Up {
        if self.is_last {
            Up::Done
        } else {
            Up::Wants(self.block_size)
        }
    }

    /// The packet with the block that was wanted. Numbers begin anew after 65535: a server that does
    /// not know that takes no file of this size.
    pub(super) fn send(&mut self, octets: &[u8]) -> Vec<u8> {
        self.block = self.block.wrapping_add(1);
        self.is_last = octets.len() < self.block_size;
        packet::data(self.block, octets)
    }
}

/// A file on its way from the server.
#[derive(Debug)]
pub(super) struct Download {
    block_size: usize,
    /// The last block that came.
    block: u16,
    limit: usize,
    content: Vec<u8>,
}

/// What a download answers.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Down {
    /// Nothing.
    Waits,
    /// This.
    Answers(Vec<u8>),
    /// This, and the file is here.
    Done(Vec<u8>),
}

impl Download {
    /// A download of at most `limit` octets, and its first packet.
    pub(super) fn begin(file: &str, limit: usize) -> (Self, Vec<u8>) {
        let download = Self {
            block_size: BLOCK,
            block: 0,
            limit,
            content: Vec::new(),
        };
        (download, packet::request(Way::Read, file))
    }

    /// Takes a datagram of the server.
    pub(super) fn take(&mut self, datagram: &[u8]) -> Result<Down, TransferError> {
        match Packet::parse(datagram) {
            Some(Packet::Error(why)) => Err(TransferError::Refused(why)),
            Some(Packet::Options { block_size }) if self.block == 0 && self.content.is_empty() => {
                self.block_size = block_size;
                Ok(Down::Answers(packet::ack(0)))
            }
            Some(Packet::Data { block, octets }) if block == self.block.wrapping_add(1) => {
                self.received(block, octets)
            }
            // The acknowledgement was lost.
            Some(Packet::Data { block, .. }) if block == self.block => {
                Ok(Down::Answers(packet::ack(block)))
            }
            _ => Ok(Down::Waits),
        }
    }

    fn received(&mut self, block: u16, octets: &[u8]) -> Result<Down, TransferError> {
        if self.content.len() + octets.len() > self.limit {
            return Err(TransferError::TooLong(self.limit));
        }
        self.block = block;
        self.content.extend(octets);
        let answer = packet::ack(block);
        Ok(if octets.len() < self.block_size {
            Down::Done(answer)
        } else {
            Down::Answers(answer)
        })
    }

    /// What came.
    pub(super) fn into_content(self) -> Vec<u8> {
        self.content
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_block_by_block_and_ends_with_a_short_one() {
        let (mut upload, _) = Upload::begin("a.conf");
        assert_eq!(upload.take(b"\0\x06blksize\x008\0"), Ok(Up::Wants(8)));
        assert_eq!(upload.send(b"12345678"), b"\0\x03\0\x0112345678");
        assert_eq!(upload.take(b"\0\x04\0\x00"), Ok(Up::Waits));
        assert_eq!(upload.take(b"\0\x04\0\x01"), Ok(Up::Wants(8)));
        assert_eq!(upload.send(b""), b"\0\x03\0\x02");
        assert_eq!(upload.take(b"\0\x04\0\x02"), Ok(Up::Done));
    }

    #[test]
    fn a_server_without_options_gets_blocks_of_512() {
        let (mut upload, _) = Upload::begin("a.conf");
        assert_eq!(upload.take(&packet::ack(0)), Ok(Up::Wants(512)));
    }

    #[test]
    fn block_numbers_begin_anew() {
        let (mut upload, _) = Upload::begin("a.conf");
        upload.block = u16::MAX;
        assert_eq!(upload.send(&[0; BLOCK]).get(..4), Some(&[0, 3, 0, 0][..]));
        assert_eq!(upload.take(&packet::ack(0)), Ok(Up::Wants(BLOCK)));
    }

    #[test]
    fn a_file_comes_once_whatever_is_lost() {
        let (mut download, _) = Download::begin("a.conf", 1_000);
        let first = packet::data(1, &[b'x'; BLOCK]);
        assert_eq!(download.take(&first), Ok(Down::Answers(packet::ack(1))));
        assert_eq!(download.take(&first), Ok(Down::Answers(packet::ack(1))));
        assert_eq!(download.take(&packet::data(3, b"z")), Ok(Down::Waits));
        let last = packet::data(2, b"y");
        assert_eq!(download.take(&last), Ok(Down::Done(packet::ack(2))));
        assert_eq!(download.into_content().len(), BLOCK + 1);
    }

    #[test]
    fn a_file_beyond_the_limit_is_refused() {
        let (mut download, _) = Download::begin("a.conf", BLOCK);
        assert!(download.take(&packet::data(1, &[0; BLOCK])).is_ok());
        assert_eq!(
            download.take(&packet::data(2, b"y")),
            Err(TransferError::TooLong(BLOCK))
        );
    }

    #[test]
    fn the_servers_words_end_it() {
        let refused = || Err(TransferError::Refused("file not found".to_owned()));
        let (mut download, _) = Download::begin("a.conf", BLOCK);
        assert_eq!(download.take(b"\0\x05\0\x01\0"), refused());
        let (mut upload, _) = Upload::begin("a.conf");
        assert_eq!(
            upload.take(b"\0\x05\0\x01\0"),
            refused().map(|_: Down| Up::Done)
        );
    }
}
