//! Attributes in the tunnel of EAP-TTLS (RFC 5281, 10).

use zeroize::Zeroizing;

use crate::Error;

const VENDOR: u8 = 0x80;
/// The sender insists that it is understood.
const MANDATORY: u8 = 0x40;

/// Code, flags and length.
const HEADER: usize = 8;

/// Attributes in one message at most: a login has four, an EAP packet in pieces some more.
const ATTRIBUTES_MAX: usize = 64;

const MICROSOFT: u32 = 311;

/// An attribute's code, and whose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kind {
    vendor: u32,
    code: u32,
}

impl Kind {
    pub(crate) const USER_NAME: Self = Self::of_radius(1);
    pub(crate) const USER_PASSWORD: Self = Self::of_radius(2);
    pub(crate) const EAP_MESSAGE: Self = Self::of_radius(79);
    pub(crate) const MS_CHAP_CHALLENGE: Self = Self::of_microsoft(11);
    pub(crate) const MS_CHAP2_RESPONSE: Self = Self::of_microsoft(25);
    pub(crate) const MS_CHAP2_SUCCESS: Self = Self::of_microsoft(26);

    const fn of_radius(code: u32) -> Self {
        Self { vendor: 0, code }
    }

    const fn of_microsoft(code: u32) -> Self {
        Self {
            vendor: MICROSOFT,
            code,
        }
    }
}

/// The attributes of one message.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Attributes<'a>(Vec<(Kind, &'a [u8])>);

impl<'a> Attributes<'a> {
    pub(crate) fn parse(mut rest: &'a [u8]) -> Result<Self, Error> {
        let mut attributes = Vec::new();
        while !rest.is_empty() {
            if attributes.len() == ATTRIBUTES_MAX {
                return Err(Error::Inner("too many attributes"));
            }
            let cut = Error::Inner("an attribute that is cut");
            let (kind, value, behind) = one(rest).ok_or(cut)?;
            attributes.push((kind, value));
            rest = behind;
        }
        Ok(Self(attributes))
    }

    /// The value of the one attribute of a kind; two would let two readers see two logins.
    pub(crate) fn only(&self, kind: Kind) -> Result<Option<&'a [u8]>, Error> {
        let mut values = self.values(kind);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Error::Inner("an attribute that came twice")),
            (value, None) => Ok(value),
        }
    }

    /// The values of a kind as one: a packet may be longer than an attribute's sender likes.
    pub(crate) fn joined(&self, kind: Kind) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.values(kind).flatten().copied().collect())
    }

    fn values(&self, kind: Kind) -> impl Iterator<Item = &'a [u8]> {
        let of_kind = self.0.iter().filter(move |(found, _)| *found == kind);
        of_kind.map(|(_, value)| *value)
    }
}

/// An attribute and what is behind it and its padding, which the last may lack.
fn one(octets: &[u8]) -> Option<(Kind, &[u8], &[u8])> {
    let (code, rest) = octets.split_first_chunk()?;
    let (&[flags, high, middle, low], _) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
    let mut value = octets.get(HEADER..length)?;
    let mut vendor = 0;
    if flags & VENDOR != 0 {
        let (own, rest) = value.split_first_chunk()?;
        (vendor, value) = (u32::from_be_bytes(*own), rest);
    }
    let kind = Kind {
        vendor,
        code: u32::from_be_bytes(*code),
    };
    let behind = octets.get(length.next_multiple_of(4)..);
    Some((kind, value, behind.unwrap_or_default()))
}

/// An attribute with its padding; `value` is bounded by its maker.
pub(crate) fn encode(kind: Kind, value: &[u8]) -> Vec<u8> {
    let vendor = (kind.vendor != 0).then(|| kind.vendor.to_be_bytes());
    let vendor = vendor.as_ref().map_or(&[][..], |vendor| &vendor[..]);
    let length = HEADER + vendor.len() + value.len();
    let flags = MANDATORY | if vendor.is_empty() { 0 } else { VENDOR };
    let [_, high, middle, low] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let header = [flags, high, middle, low];
    let mut octets = [&kind.code.to_be_bytes()[..], &header, vendor, value].concat();
    octets.resize(length.next_multiple_of(4), 0);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let name = encode(Kind::USER_NAME, b"alice");
        assert_eq!(name.len(), 16);
        let octets = [name, encode(Kind::MS_CHAP2_SUCCESS, b"S=")].concat();
        let read = Attributes::parse(&octets).unwrap();
        assert_eq!(read.only(Kind::USER_NAME), Ok(Some(&b"alice"[..])));
        assert_eq!(read.only(Kind::MS_CHAP2_SUCCESS), Ok(Some(&b"S="[..])));
        assert_eq!(read.only(Kind::USER_PASSWORD), Ok(None));
    }

    #[test]
    fn two_of_one_kind_and_lengths_that_lie_are_refused() {
        let name = encode(Kind::USER_NAME, b"alice");
        let twice = [&name[..], &name].concat();
        assert!(
            Attributes::parse(&twice)
                .unwrap()
                .only(Kind::USER_NAME)
                .is_err()
        );
        for cut in 1..13 {
            assert!(Attributes::parse(&name[..cut]).is_err(), "{cut}");
        }
        assert!(Attributes::parse(&name[..13]).is_ok());
        assert!(Attributes::parse(&[0, 0, 0, 1, 0x80, 0, 0, 9, 1]).is_err());
        assert!(Attributes::parse(&[0, 0, 0, 1, 0, 0, 0, 7]).is_err());
    }
}
