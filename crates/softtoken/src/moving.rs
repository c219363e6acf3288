//! Mobile tokens that go from one gateway to another: the new gateway's request, and the file in which the old
//! one gives them.
//!
//! Both are signed with the keys of the gateways' certificates, and what is in the file is sealed to the key of
//! the request. So neither whoever carries them nor the token server can read a seed or bring one in.

use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ident::{LicenceSerial, ProductSerial};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::device::{SealingPrivateKey, SealingPublicKey, open_bytes, seal_bytes};
use crate::transcript::transcript;

const REQUEST_LABEL: &str = "symbolon-move-request-v1";
const FILE_LABEL: &str = "symbolon-move-file-v1";
/// How the first line of a file begins.
const HEAD: &str = "#symbolon-move=1:";

/// Octets of a file that are read: some 20,000 tokens.
pub const MOVE_FILE_MAX: usize = 16 << 20;

/// Whose a signature is, and the signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    /// The certificate's DER in base64url without padding.
    pub certificate: String,
    /// ECDSA with SHA-256 as DER (RFC 3279), in base64url without padding.
    pub signature: String,
}

/// A gateway's wish to get tokens: `SERIAL.TIME.KEY.CERTIFICATE.SIGNATURE`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MoveRequest {
    /// The gateway.
    pub product: ProductSerial,
    /// When it was made by that gateway's clock, in seconds after the epoch.
    pub made_s: u64,
    /// What is given to it is sealed to this key.
    pub sealing_key: SealingPublicKey,
    /// By the gateway, of [`MoveRequest::transcript`].
    pub signature: Signature,
}

impl MoveRequest {
    /// Reads a request; none if it is of another form. Whose it is shows its signature.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let mut part = || parts.next();
        let request = Self {
            product: ProductSerial::parse(part()?).ok()?,
            made_s: part()?.parse().ok()?,
            sealing_key: SealingPublicKey::parse(part()?).ok()?,
            signature: Signature {
                certificate: part()?.to_owned(),
                signature: part()?.to_owned(),
            },
        };
        (part().is_none() && request.to_string() == text).then_some(request)
    }

    /// What the gateway signs.
    pub fn transcript(product: ProductSerial, made_s: u64, key: &SealingPublicKey) -> Vec<u8> {
        let made = made_s.to_string();
        let fields = [product.as_str().as_bytes(), made.as_bytes(), key.as_bytes()];
        transcript(REQUEST_LABEL, &fields)
    }
}

impl fmt::Display for MoveRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Signature {
            certificate,
            signature,
        } = &self.signature;
        let (product, made) = (self.product, self.made_s);
        let key = self.sealing_key.to_base64url();
        write!(f, "{product}.{made}.{key}.{certificate}.{signature}")
    }
}

/// What a file is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waybill {
    /// Its name, which no other file has.
    pub id: [u8; 16],
    /// The gateway that gave the tokens away.
    pub from: ProductSerial,
    /// The gateway that gets them.
    pub to: ProductSerial,
    /// The licence with which they come.
    pub licence: LicenceSerial,
    /// How many there are.
    pub tokens: usize,
}

impl Waybill {
    /// The file's name, in hexadecimal.
    pub fn name(&self) -> String {
        HEXLOWER.encode(&self.id)
    }

    fn line(&self) -> String {
        let Self {
            from,
            to,
            licence,
            tokens,
            ..
        } = self;
        let name = self.name();
        format!("{HEAD}id={name}:from={from}:to={to}:license={licence}:tokens={tokens}")
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.strip_prefix(HEAD)?.split(':');
        let mut field = |name: &str| fields.next()?.strip_prefix(name)?.strip_prefix('=');
        let waybill = Self {
            id: HEXLOWER
                .decode(field("id")?.as_bytes())
                .ok()?
                .try_into()
                .ok()?,
            from: ProductSerial::parse(field("from")?).ok()?,
            to: ProductSerial::parse(field("to")?).ok()?,
            licence: LicenceSerial::parse(field("license")?).ok()?,
            tokens: field("tokens")?.parse().ok()?,
        };
        (waybill.line() == line).then_some(waybill)
    }
}

/// Tokens sealed to a gateway.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    waybill: Waybill,
    sealed: Vec<u8>,
}

impl Sealed {
    /// Seals a text to the gateway that the waybill names. `random` must never be used twice; none if the
    /// library fails.
    pub fn new(
        waybill: Waybill,
        text: &str,
        recipient: &SealingPublicKey,
        random: &[u8; 32],
    ) -> Option<Self> {
        let info = waybill.line();
        let sealed = seal_bytes(text.as_bytes(), recipient, info.as_bytes(), &[], random)?;
        Some(Self { waybill, sealed })
    }

    /// What the giving gateway signs.
    pub fn transcript(&self) -> Vec<u8> {
        let hash = Sha256::digest(&self.sealed);
        transcript(FILE_LABEL, &[self.waybill.line().as_bytes(), &hash])
    }

    /// What the file is about.
    pub fn waybill(&self) -> &Waybill {
        &self.waybill
    }

    /// The file.
    pub fn signed(self, signature: Signature) -> MoveFile {
        MoveFile {
            sealed: self,
            signature,
        }
    }

    /// The text; none for another key, or what was changed.
    pub fn open(&self, key: &SealingPrivateKey) -> Option<Zeroizing<String>> {
        let info = self.waybill.line();
        let octets = open_bytes(&self.sealed, key, info.as_bytes(), &[])?;
        let text = std::str::from_utf8(&octets).ok()?;
        Some(Zeroizing::new(text.to_owned()))
    }
}

/// Tokens on their way, as four lines of text: what they are, the sealed text in base64url, the certificate and
/// the signature of the gateway that gave them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MoveFile {
    /// The tokens.
    pub sealed: Sealed,
    /// By the gateway that gave them, of [`Sealed::transcript`].
    pub signature: Signature,
}

impl MoveFile {
    /// Reads a file; none if it is of another form or cut off.
    pub fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.strip_suffix('\n')?.split('\n').collect();
        let [head, sealed, certificate, signature] = lines[..] else {
            return None;
        };
        let sealed = Sealed {
            waybill: Waybill::parse(head)?,
            sealed: BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?,
        };
        Some(sealed.signed(Signature {
            certificate: certificate.to_owned(),
            signature: signature.to_owned(),
        }))
    }
}

impl fmt::Display for MoveFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Signature {
            certificate,
            signature,
        } = &self.signature;
        let head = self.sealed.waybill.line();
        let sealed = BASE64URL_NOPAD.encode(&self.sealed.sealed);
        writeln!(f, "{head}\n{sealed}\n{certificate}\n{signature}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(serial: &str) -> ProductSerial {
        ProductSerial::parse(serial).unwrap()
    }

    fn signature() -> Signature {
        Signature {
            certificate: "MIIB".into(),
            signature: "MEUC".into(),
        }
    }

    fn file(key: &SealingPrivateKey) -> MoveFile {
        let waybill = Waybill {
            id: [0xab; 16],
            from: product("FGT0000000000041"),
            to: product("FGT0000000000042"),
            licence: LicenceSerial::parse("EFTM000000000001").unwrap(),
            tokens: 1,
        };
        let sealed = Sealed::new(waybill, "a seed", &key.public(), &[3; 32]).unwrap();
        sealed.signed(signature())
    }

    #[test]
    fn a_request_is_read_as_it_is_written() {
        let request = MoveRequest {
            product: product("FGT0000000000042"),
            made_s: 1_700_000_040,
            sealing_key: SealingPrivateKey::from_random(&[1; 32]).public(),
            signature: signature(),
        };
        let text = request.to_string();
        for other in [
            "",
            "FGT0000000000042",
            &format!("{text}.x"),
            &text[1..],
            &text.replace(".1700000040.", "."),
            &text.replace(".1700000040.", ".-1700000040."),
            &text.replace(".1700000040.", ".+1700000040."),
            &text.replace(".1700000040.", ".99999999999999999999."),
        ] {
            assert_eq!(MoveRequest::parse(other), None, "{other}");
        }
        assert_eq!(MoveRequest::parse(&text), Some(request));
    }

    #[test]
    fn a_request_is_signed_with_the_time_at_which_it_was_made() {
        let key = SealingPrivateKey::from_random(&[1; 32]).public();
        let signed = |made_s| MoveRequest::transcript(product("FGT0000000000042"), made_s, &key);
        assert_ne!(signed(1_700_000_040), signed(1_700_000_041));
    }

    #[test]
    fn a_file_opens_with_the_key_it_was_made_for_and_as_it_was_made() {
        let key = SealingPrivateKey::from_random(&[1; 32]);
        let text = file(&key).to_string();
        assert!(!text.contains("a seed"));
        let read = MoveFile::parse(&text).unwrap();
        assert_eq!(*read.sealed.open(&key).unwrap(), "a seed");
        let other = SealingPrivateKey::from_random(&[2; 32]);
        assert!(read.sealed.open(&other).is_none());
        let elsewhere = text.replace("to=FGT0000000000042", "to=FGT0000000000043");
        let changed = MoveFile::parse(&elsewhere).unwrap();
        assert!(changed.sealed.open(&key).is_none());
        assert_ne!(changed.sealed.transcript(), read.sealed.transcript());
        for end in [0, 10, text.len() - 1] {
            assert!(MoveFile::parse(&text[..end]).is_none());
        }
    }
}
