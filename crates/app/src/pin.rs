//! PINs: 4 to 8 digits.

use std::fmt;
use zeroize::Zeroizing;

/// A PIN; wiped when dropped, never printed.
pub struct Pin(Zeroizing<String>);

/// Why a text is not a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Too short or too long.
    #[error("a PIN has {min} to {max} digits, not {0}", min = Pin::MIN_DIGITS, max = Pin::MAX_DIGITS)]
    Length(usize),
    /// Something else than a digit.
    #[error("a PIN has digits only")]
    Digits,
    /// The second entry differs from the first.
    #[error("the two PINs are not the same")]
    Mismatch,
}

impl Pin {
    /// The shortest; an issuer may ask for more.
    pub const MIN_DIGITS: usize = 4;
    /// The longest.
    pub const MAX_DIGITS: usize = 8;

    /// Reads 4 to 8 digits.
    pub fn parse(text: &str) -> Result<Self, PinError> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PinError::Digits);
        }
        if !(Self::MIN_DIGITS..=Self::MAX_DIGITS).contains(&text.len()) {
            return Err(PinError::Length(text.len()));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// How many digits it has.
    pub fn digits(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(<sealed>)")
    }
}
