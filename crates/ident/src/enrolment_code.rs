use crate::typed::{self, GROUP};
use crate::{Identifier, ParseError};
use data_encoding::BASE32;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The code with which a gateway gets its first certificate: 16 base32 characters (RFC 4648) in four
/// groups, `XXXX-XXXX-XXXX-XXXX`.
///
/// Who has it can speak for the gateway, so it is a secret: no `Clone`, no `Display`, a masked `Debug`,
/// memory wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct EnrolmentCode([u8; CODE_LEN]);

const CHARACTERS: usize = 16;
const CODE_LEN: usize = CHARACTERS + CHARACTERS / GROUP - 1;

impl EnrolmentCode {
    /// Reads 16 base32 characters. People type them: lower case is folded, blanks and hyphens are
    /// skipped.
    pub fn parse(input: &str) -> Result<Self, ParseError> {
        let text = typed::base32::<CHARACTERS>(Identifier::EnrolmentCode, input)?;
        Ok(Self(typed::grouped(text)))
    }

    /// A new code from 80 random bits.
    pub fn from_random(random: [u8; 10]) -> Self {
        let mut text = [0; CHARACTERS];
        BASE32.encode_mut(&random, &mut text);
        Self(typed::grouped(text))
    }

    /// The code in capitals with hyphens.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in, so the default is never taken; it spares a panic.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::str::FromStr for EnrolmentCode {
    type Err = ParseError;

    fn from_str(input: &str) -> Result<Self, ParseError> {
        Self::parse(input)
    }
}

impl fmt::Debug for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrolmentCode(<sealed>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fault;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = EnrolmentCode::from_random([0xff; 10]);
        assert_eq!(code.as_str(), "7777-7777-7777-7777");
        for typed in ["abcd-efgh-ijkl-mnop", "ABCDEFGH IJKLMNOP"] {
            let code = EnrolmentCode::parse(typed).unwrap();
            assert_eq!(code.as_str(), "ABCD-EFGH-IJKL-MNOP");
        }
        assert_eq!(format!("{code:?}"), "EnrolmentCode(<sealed>)");
    }

    #[test]
    fn a_wrong_code_is_named_without_being_repeated() {
        let short = EnrolmentCode::parse("ABCD").unwrap_err();
        assert!(matches!(short.fault, Fault::Length { got: 4, want: 16 }));
        let wrong = EnrolmentCode::parse("ABCD-EFGH-IJKL-MNO1").unwrap_err();
        assert!(matches!(
            wrong.fault,
            Fault::Character {
                found: '1',
                position: 19
            }
        ));
    }
}
