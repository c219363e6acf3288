//! TFTP's packets (RFC 1350), with the option that makes blocks larger (RFC 2347, 2348).

/// Octets of data in a block when nothing else was agreed (RFC 1350, 5).
pub(super) const BLOCK: usize = 512;
/// What is asked for: a datagram with it fits into one Ethernet frame (RFC 2348).
pub(super) const BLOCK_WANTED: usize = 1_428;

/// The longest text of an error that is shown.
const MESSAGE_MAX: usize = 200;

const READ: u16 = 1;
const WRITE: u16 = 2;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;
const OPTIONS: u16 = 6;

/// Which way a file goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// To the server.
    Write,
    /// From the server.
    Read,
}

/// What a server sends.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Packet<'a> {
    Data {
        block: u16,
        octets: &'a [u8],
    },
    Ack(u16),
    /// The request's options as the server takes them.
    Options {
        block_size: usize,
    },
    Error(String),
}

impl<'a> Packet<'a> {
    /// Reads a datagram; none for one that no server sends.
    pub(super) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let (operation, rest) = number(datagram)?;
        match operation {
            DATA => {
                let (block, octets) = number(rest)?;
                Some(Self::Data { block, octets })
            }
            ACK => match number(rest)? {
                (block, []) => Some(Self::Ack(block)),
                _ => None,
            },
            OPTIONS => block_size(rest).map(|block_size| Self::Options { block_size }),
            ERROR => {
                let (code, message) = number(rest)?;
                Some(Self::Error(error_text(code, message)))
            }
            _ => None,
        }
    }
}

/// Asks for a transfer in octets.
pub(super) fn request(way: Way, file: &str) -> Vec<u8> {
    let operation = match way {
        Way::Write => WRITE,
        Way::Read => READ,
    };
    let size = BLOCK_WANTED.to_string();
    let mut packet = operation.to_be_bytes().to_vec();
    for text in [file, "octet", "blksize", &size] {
        packet.extend(text.as_bytes());
        packet.push(0);
    }
    packet
}

pub(super) fn data(block: u16, octets: &[u8]) -> Vec<u8> {
    [&DATA.to_be_bytes(), &block.to_be_bytes(), octets].concat()
}

pub(super) fn ack(block: u16) -> Vec<u8> {
    [ACK.to_be_bytes(), block.to_be_bytes()].concat()
}

/// Tells the server that nothing more comes: error 0 has no meaning but its text.
pub(super) fn refusal(why: &str) -> Vec<u8> {
    [
        &ERROR.to_be_bytes(),
        &0_u16.to_be_bytes(),
        why.as_bytes(),
        &[0],
    ]
    .concat()
}

fn number(octets: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = octets.split_first_chunk()?;
    Some((u16::from_be_bytes(*number), rest))
}

/// The size that the server agrees to: not more than was asked for (RFC 2348), and none at all for an
/// option that was not asked for.
fn block_size(options: &[u8]) -> Option<usize> {
    let mut texts = options.strip_suffix(&[0])?.split(|octet| *octet == 0);
    let (name, value) = (texts.next()?, texts.next()?);
    let size = std::str::from_utf8(value).ok()?.parse().ok()?;
    let is_agreed = name.eq_ignore_ascii_case(b"blksize")
        && (8..=BLOCK_WANTED).contains(&size)
        && texts.next().is_none();
    is_agreed.then_some(size)
}

/// The server's words, or what the number means (RFC 1350, appendix) where it has none.
fn error_text(code: u16, message: &[u8]) -> String {
    let words = message
        .split(|octet| *octet == 0)
        .next()
        .unwrap_or_default();
    let words = String::from_utf8_lossy(words);
    let words: String = words.trim().chars().take(MESSAGE_MAX).collect();
    if !words.is_empty() {
        return words;
    }
    match code {
        1 => "file not found",
        2 => "access violation",
        3 => "disk full or allocation exceeded",
        4 => "illegal TFTP operation",
        5 => "unknown transfer id",
        6 => "file already exists",
        7 => "no such user",
        8 => "option negotiation refused",
        _ => "the server gives no reason",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_as_the_standards_draw_them() {
        assert_eq!(
            request(Way::Read, "a.conf"),
            b"\0\x01a.conf\0octet\0blksize\x001428\0"
        );
        assert_eq!(data(258, b"xy"), b"\0\x03\x01\x02xy");
        assert_eq!(ack(7), b"\0\x04\0\x07");
        assert_eq!(refusal("no"), b"\0\x05\0\0no\0");
        let octets = b"xy".as_slice();
        assert_eq!(
            Packet::parse(b"\0\x03\x01\x02xy"),
            Some(Packet::Data { block: 258, octets })
        );
        assert_eq!(Packet::parse(b"\0\x04\0\x07"), Some(Packet::Ack(7)));
        assert_eq!(
            Packet::parse(b"\0\x06BlkSize\x001024\0"),
            Some(Packet::Options { block_size: 1_024 })
        );
        assert_eq!(
            Packet::parse(b"\0\x05\0\x01\0"),
            Some(Packet::Error("file not found".to_owned()))
        );
        assert_eq!(
            Packet::parse(b"\0\x05\0\x02Permission denied\0"),
            Some(Packet::Error("Permission denied".to_owned()))
        );
    }

    #[test]
    fn what_no_server_sends_is_no_packet() {
        for wrong in [
            b"".as_slice(),
            b"\0",
            b"\0\x01a\0octet\0",
            b"\0\x03\x01",
            b"\0\x04\0\x01x",
            b"\0\x06",
            b"\0\x06blksize\x00",
            b"\0\x06blksize\x007\0",
            b"\0\x06blksize\x001429\0",
            b"\0\x06blksize\x00512\0tsize\x001\0",
            b"\0\x06tsize\x00512\0",
            b"\0\x07",
        ] {
            assert_eq!(Packet::parse(wrong), None, "{wrong:?}");
        }
    }
}
