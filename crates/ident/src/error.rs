use std::fmt;

/// Text that is not the identifier it should be: which identifier, what is wrong, what it looks like.
///
/// The message never repeats the text, which may be a secret, only its first wrong character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{identifier} is wrong: {fault}; it should be {}", identifier.shape())]
pub struct ParseError {
    /// What was being read.
    pub identifier: Identifier,
    /// The first thing that is wrong.
    pub fault: Fault,
}

/// The identifiers of this crate, for error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifier {
    /// [`crate::ProductSerial`]
    ProductSerial,
    /// [`crate::TokenSerial`]
    TokenSerial,
    /// [`crate::LicenceSerial`]
    LicenceSerial,
    /// [`crate::LicenceCode`]
    LicenceCode,
    /// [`crate::ActivationCode`]
    ActivationCode,
    /// [`crate::OpaqueCode`]
    OpaqueCode,
    /// [`crate::RegistrationId`]
    RegistrationId,
    /// [`crate::EnrolmentCode`]
    EnrolmentCode,
}

/// What is wrong with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Too short or too long, in characters.
    #[error("it has {got} characters, not {want}")]
    Length {
        /// Characters found.
        got: usize,
        /// Characters wanted.
        want: usize,
    },
    /// A character that cannot stand where it stands.
    #[error("{found:?} cannot stand at position {position}")]
    Character {
        /// The first such character.
        found: char,
        /// Its place, counted from 1 in the text as given.
        position: usize,
    },
    /// The fixed beginning is missing.
    #[error("it does not begin with {0}")]
    Prefix(&'static str),
    /// An activation code whose first two bytes promise something unknown.
    #[error(
        "its header {0:#06x} is not one of ours (0x2100, 0x2110); perhaps a letter is mistyped"
    )]
    Header(u16),
}

impl Identifier {
    /// What a right one looks like, for people.
    pub fn shape(self) -> &'static str {
        match self {
            Self::ProductSerial => "16 capital letters and digits, such as FGT3HD3915801656",
            Self::TokenSerial => {
                "FTK and 13 more capital letters and digits, such as FTKMOB83F91CD33B"
            }
            Self::LicenceSerial => {
                "EFTM and 12 digits, or FTMTRIAL and 8 digits or letters, such as FTMTRIAL02062407"
            }
            Self::LicenceCode => {
                "20 hexadecimal digits in five groups of four, XXXX-XXXX-XXXX-XXXX-XXXX"
            }
            Self::ActivationCode => {
                "16 letters A-Z and digits 2-7 beginning with EEI or EEA, as the message shows them"
            }
            Self::OpaqueCode => "16 hexadecimal digits in lower case",
            Self::RegistrationId => "64 hexadecimal digits in lower case",
            Self::EnrolmentCode => "16 letters A-Z and digits 2-7 in four groups of four",
        }
    }

    pub(crate) fn fault(self, fault: Fault) -> ParseError {
        ParseError {
            identifier: self,
            fault,
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProductSerial => "the gateway's serial number",
            Self::TokenSerial => "the token's serial number",
            Self::LicenceSerial => "the licence's serial number",
            Self::LicenceCode => "the licence code",
            Self::ActivationCode => "the activation code",
            Self::OpaqueCode => "the activation code's wire form",
            Self::RegistrationId => "the registration id",
            Self::EnrolmentCode => "the enrolment code",
        })
    }
}
