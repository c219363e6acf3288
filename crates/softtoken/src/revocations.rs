//! Which certificates of gateways count no more: `GET` [`REVOCATIONS_PATH`] at the token server, for a relay that
//! hears gateways by its authority.
//!
//! A certificate says how often those of its gateway had been revoked when it was issued; the list says below what
//! number they count no more. It is text: the context, the time, a line for each gateway, the signature of all that
//! by the authority. Gateways stand there as digests, as everybody may read it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ident::ProductSerial;
use sha2::{Digest, Sha256};

/// Where the list is.
pub const REVOCATIONS_PATH: &str = "/SoftToken/Revocations";
/// 20,000 gateways.
pub const MAX_REVOCATIONS_BYTES: usize = 2 << 20;

/// What a list begins with, so that no other signature of the authority is taken for one.
const CONTEXT: &str = "symbolon-revocations-v1";
const GATEWAY_CONTEXT: &[u8] = b"symbolon-revoked-gateway-v1\n";
const SIGNATURE: &str = "signature ";

/// Below what number certificates count no more, at a moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Revocations {
    /// When it was so, in seconds after the epoch.
    pub at_unix: u64,
    first_that_counts: BTreeMap<[u8; 32], u32>,
}

/// A list with its signature (ECDSA with SHA-256, as DER), which nobody has looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedRevocations<'a> {
    /// What the list says.
    pub list: Revocations,
    /// What is signed.
    pub transcript: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
}

/// What is wrong with a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RevocationsError {
    /// It begins otherwise, or is of another version.
    #[error("this is no list of revocations, or one of another version")]
    Context,
    /// A line.
    #[error("line {0} of the list of revocations is damaged")]
    Line(usize),
    /// The last line is missing.
    #[error("the list of revocations is not signed")]
    Unsigned,
}

impl Revocations {
    /// Of these gateways certificates with a lower number count no more.
    pub fn new(at_unix: u64, gateways: impl IntoIterator<Item = (ProductSerial, u32)>) -> Self {
        let gateways = gateways.into_iter();
        Self {
            at_unix,
            first_that_counts: gateways.map(|(it, first)| (digest(it), first)).collect(),
        }
    }

    /// Whether a gateway's certificate of this number counts.
    pub fn trusts(&self, gateway: ProductSerial, number: u32) -> bool {
        let first = self.first_that_counts.get(&digest(gateway));
        first.is_none_or(|first| number >= *first)
    }

    /// Whether another list, of another time, has the same certificates count.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.first_that_counts == other.first_that_counts
    }

    /// What the authority signs.
    pub fn transcript(&self) -> String {
        let mut text = format!("{CONTEXT}\nat {}\n", self.at_unix);
        for (gateway, first) in &self.first_that_counts {
            // Writing into a String does not fail.
            let _ = writeln!(text, "{} {first}", HEXLOWER.encode(gateway));
        }
        text
    }

    /// The list as it travels.
    pub fn signed(&self, signature: &[u8]) -> String {
        let signature = BASE64URL_NOPAD.encode(signature);
        format!("{}{SIGNATURE}{signature}\n", self.transcript())
    }
}

impl<'a> SignedRevocations<'a> {
    /// Reads a list to its last octet.
    pub fn parse(text: &'a str) -> Result<Self, RevocationsError> {
        let end = text.rfind(SIGNATURE).ok_or(RevocationsError::Unsigned)?;
        let (transcript, last) = text.split_at(end);
        let signature = last.strip_prefix(SIGNATURE);
        let signature = signature.and_then(|it| it.strip_suffix('\n'));
        let signature = signature.and_then(|it| BASE64URL_NOPAD.decode(it.as_bytes()).ok());
        let mut lines = transcript.lines().enumerate();
        let is_one = lines.next().is_some_and(|(_, line)| line == CONTEXT);
        if !is_one || !transcript.ends_with('\n') {
            return Err(RevocationsError::Context);
        }
        let at = lines.next().and_then(|(_, line)| line.strip_prefix("at "));
        let at = at.and_then(|at| at.parse().ok());
        let mut list = Revocations {
            at_unix: at.ok_or(RevocationsError::Line(2))?,
            ..Revocations::default()
        };
        for (index, line) in lines {
            let (gateway, first) = gateway(line).ok_or(RevocationsError::Line(index + 1))?;
            list.first_that_counts.insert(gateway, first);
        }
        Ok(Self {
            list,
            transcript,
            signature: signature.ok_or(RevocationsError::Unsigned)?,
        })
    }
}

fn gateway(line: &str) -> Option<([u8; 32], u32)> {
    let (gateway, first) = line.split_once(' ')?;
    let gateway = HEXLOWER.decode(gateway.as_bytes()).ok()?;
    Some((gateway.try_into().ok()?, first.parse().ok()?))
}

fn digest(gateway: ProductSerial) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(GATEWAY_CONTEXT);
    hash.update(gateway.as_str());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(number: u8) -> ProductSerial {
        ProductSerial::parse(&format!("FGT00000000000{number:02}")).unwrap()
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let list = Revocations::new(1_800_000_000, [(gateway(1), 2), (gateway(2), 1)]);
        let text = list.signed(b"signed");
        let read = SignedRevocations::parse(&text).unwrap();
        assert_eq!(read.list, list);
        assert_eq!(read.transcript, list.transcript());
        assert_eq!(read.signature, b"signed");
        assert!(text.starts_with("symbolon-revocations-v1\nat 1800000000\n"));
        assert!(!text.contains("FGT"), "{text}");
    }

    #[test]
    fn certificates_from_before_a_revocation_count_no_more() {
        let list = Revocations::new(0, [(gateway(1), 2)]);
        let trusted = |number| list.trusts(gateway(1), number);
        assert_eq!([0, 1, 2, 3].map(trusted), [false, false, true, true]);
        assert!(list.trusts(gateway(2), 0));
    }

    #[test]
    fn what_is_no_list_is_refused_with_its_line() {
        let damaged = |text: &str| SignedRevocations::parse(text).unwrap_err();
        let list = Revocations::new(7, [(gateway(1), 2)]);
        assert_eq!(damaged(&list.transcript()), RevocationsError::Unsigned);
        assert_eq!(damaged("signature AA\n"), RevocationsError::Context);
        let text = list.signed(b"signed");
        assert_eq!(damaged(text.trim_end()), RevocationsError::Unsigned);
        let other = text.replace("-v1", "-v2");
        assert_eq!(damaged(&other), RevocationsError::Context);
        let late = text.replace("at 7", "at -7");
        assert_eq!(damaged(&late), RevocationsError::Line(2));
        let short = text.replacen(" 2\n", " two\n", 1);
        assert_eq!(damaged(&short), RevocationsError::Line(3));
    }
}
