//! A code as a person reads and types it.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Digits;

const MAX_DIGITS: usize = Digits::MAX.count() as usize;

/// A one-time code: a string of 6 to 10 ASCII digits, leading zeros kept.
///
/// Wiped when dropped, printed without its digits; equality takes the same time wherever two codes
/// differ.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Code {
    /// Left-aligned, the rest is 0.
    ascii: [u8; MAX_DIGITS],
    #[zeroize(skip)]
    digits: Digits,
}

/// Why text is not a code of the wanted length.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CodeError {
    /// Something other than the ASCII digits 0 to 9: blanks, letters, digits of other scripts.
    #[error("a code consists of the digits 0 to 9 only")]
    NotDigits,
    /// Digits only, but too few or too many.
    #[error("the code has {got} digits, the token shows {wanted}", wanted = wanted.count())]
    Length {
        /// How many were given.
        got: usize,
        /// How many the token shows.
        wanted: Digits,
    },
}

impl Code {
    /// Reads exactly `digits` ASCII digits; nothing is trimmed.
    pub fn parse(text: &str, digits: Digits) -> Result<Self, CodeError> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CodeError::NotDigits);
        }
        if text.len() != usize::from(digits.count()) {
            return Err(CodeError::Length {
                got: text.len(),
                wanted: digits,
            });
        }
        let mut ascii = [0; MAX_DIGITS];
        ascii[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { ascii, digits })
    }

    /// The digits as text, as many as [`Code::digits`] says.
    pub fn as_str(&self) -> &str {
        str::from_utf8(self.shown()).unwrap_or_default()
    }

    /// How many digits the code has.
    pub fn digits(&self) -> Digits {
        self.digits
    }

    pub(crate) fn from_number(number: u32, digits: Digits) -> Self {
        let mut ascii = [0; MAX_DIGITS];
        let mut rest = number;
        for place in ascii[..usize::from(digits.count())].iter_mut().rev() {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        Self { ascii, digits }
    }

    /// Ten digits reach beyond 32 bits, although no token shows such a code.
    pub(crate) fn number(&self) -> u64 {
        self.shown()
            .iter()
            .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    }

    fn shown(&self) -> &[u8] {
        &self.ascii[..usize::from(self.digits.count())]
    }
}

impl ConstantTimeEq for Code {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.ascii.ct_eq(&other.ascii)
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Code {}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code(<{} digits>)", self.digits.count())
    }
}
