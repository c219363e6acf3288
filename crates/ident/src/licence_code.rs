use crate::typed::{self, GROUP};
use crate::{Fault, Identifier, ParseError};
use data_encoding::HEXUPPER;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The code on a licence's redemption certificate: 20 hexadecimal digits in five groups,
/// `XXXX-XXXX-XXXX-XXXX-XXXX`.
///
/// Who has it can activate the licence, so it is a secret: no `Clone`, no `Display`, `Debug` shows
/// the first group only, equality takes constant time, memory is wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct LicenceCode([u8; CODE_LEN]);

const DIGITS: usize = 20;
const CODE_LEN: usize = DIGITS + DIGITS / GROUP - 1;

impl LicenceCode {
    /// `0000-0000-0000-0000-0000` asks for a product's two free trial tokens.
    pub const TRIAL: Self = Self(*b"0000-0000-0000-0000-0000");

    /// Reads five groups of four hexadecimal digits with hyphens, or the 20 digits without any;
    /// lower case is folded.
    pub fn parse(input: &str) -> Result<Self, ParseError> {
        let got = input.chars().count();
        let is_grouped = match got {
            DIGITS => false,
            CODE_LEN => true,
            _ => {
                return Err(Identifier::LicenceCode.fault(Fault::Length {
                    got,
                    want: CODE_LEN,
                }));
            }
        };
        let mut digits = [0; DIGITS];
        let mut slots = digits.iter_mut();
        for (index, found) in input.chars().enumerate() {
            let is_right = if is_grouped && index % (GROUP + 1) == GROUP {
                found == '-'
            } else {
                let digit = u8::try_from(found).ok().filter(u8::is_ascii_hexdigit);
                digit
                    .zip(slots.next())
                    .map(|(digit, slot)| *slot = digit)
                    .is_some()
            };
            if !is_right {
                return Err(Identifier::LicenceCode.fault(Fault::Character {
                    found,
                    position: index + 1,
                }));
            }
        }
        Ok(Self::grouped(digits))
    }

    /// A new code from 80 random bits. All zero would be [`LicenceCode::TRIAL`]: draw again then.
    pub fn from_random(random: [u8; 10]) -> Self {
        let mut digits = [0; DIGITS];
        HEXUPPER.encode_mut(&random, &mut digits);
        Self::grouped(digits)
    }

    /// Whether this asks for trial tokens.
    pub fn is_trial(&self) -> bool {
        *self == Self::TRIAL
    }

    /// The code in capitals with hyphens.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in, so the default is never taken; it spares a panic.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn grouped(mut digits: [u8; DIGITS]) -> Self {
        digits.make_ascii_uppercase();
        Self(typed::grouped(digits))
    }
}

impl PartialEq for LicenceCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for LicenceCode {}

impl std::str::FromStr for LicenceCode {
    type Err = ParseError;

    fn from_str(input: &str) -> Result<Self, ParseError> {
        Self::parse(input)
    }
}

impl fmt::Debug for LicenceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LicenceCode({}-…)", &self.as_str()[..GROUP])
    }
}
