use crate::{Fault, Identifier, ParseError};
use std::fmt;

/// `N` ASCII characters, inline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// Exactly `N` characters, each of them `allowed`.
    pub(crate) fn parse(
        identifier: Identifier,
        input: &str,
        allowed: fn(u8) -> bool,
    ) -> Result<Self, ParseError> {
        let got = input.chars().count();
        if got != N {
            return Err(identifier.fault(Fault::Length { got, want: N }));
        }
        let mut text = [0; N];
        for (index, (slot, found)) in text.iter_mut().zip(input.chars()).enumerate() {
            *slot = u8::try_from(found)
                .ok()
                .filter(|&byte| byte.is_ascii() && allowed(byte))
                .ok_or_else(|| {
                    identifier.fault(Fault::Character {
                        found,
                        position: index + 1,
                    })
                })?;
        }
        Ok(Self(text))
    }

    /// `prefix` followed by `digits`; together they must fill the text.
    pub(crate) fn join(prefix: &[u8], digits: &[u8]) -> Self {
        let mut text = [0; N];
        text[..prefix.len()].copy_from_slice(prefix);
        text[prefix.len()..].copy_from_slice(digits);
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII gets in, so the default is never taken; it spares a panic.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// What every plain identifier around a [`Text`] offers beside its own `parse`.
macro_rules! plain_identifier {
    ($name:ident) => {
        impl $name {
            /// The identifier as it is written.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::ParseError;

            fn from_str(input: &str) -> Result<Self, Self::Err> {
                Self::parse(input)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }
    };
}

pub(crate) use plain_identifier;
