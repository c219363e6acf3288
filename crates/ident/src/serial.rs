use crate::text::{Text, plain_identifier};
use crate::{Fault, Identifier, ParseError};
use data_encoding::HEXUPPER;

/// The serial number of a gateway (a product): 16 of `[A-Z0-9]`, such as `FGT3HD3915801656`.
///
/// It is also the subject of the gateway's client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductSerial(Text<16>);

plain_identifier!(ProductSerial);

impl ProductSerial {
    /// Reads exactly 16 of `[A-Z0-9]`.
    pub fn parse(input: &str) -> Result<Self, ParseError> {
        Text::parse(Identifier::ProductSerial, input, is_serial_character).map(Self)
    }
}

/// The serial number of a token: `FTK` and 13 more of `[A-Z0-9]`.
///
/// `FTKMOB` begins a mobile token's; every other is a hardware token's (`FTK200…`, `FTK211…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenSerial(Text<16>);

plain_identifier!(TokenSerial);

/// Where a token's seed lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenKind {
    /// In an app on a phone (`FTKMOB…`).
    Mobile,
    /// In a device of its own.
    Hardware,
}

const TOKEN: &str = "FTK";
const MOBILE: &str = "FTKMOB";

impl TokenSerial {
    /// Reads exactly 16 of `[A-Z0-9]` beginning with `FTK`.
    pub fn parse(input: &str) -> Result<Self, ParseError> {
        let text = Text::parse(Identifier::TokenSerial, input, is_serial_character)?;
        if !text.as_str().starts_with(TOKEN) {
            return Err(Identifier::TokenSerial.fault(Fault::Prefix(TOKEN)));
        }
        Ok(Self(text))
    }

    /// The serial of a device of any maker. One of the FortiToken family has its own; another's, of at most
    /// 13 letters and digits, stands behind `FTK` and zeros: `2600124809787` is `FTK2600124809787`.
    pub fn of_device(maker: &str) -> Result<Self, ParseError> {
        let maker = maker.to_ascii_uppercase();
        if maker.is_empty() || maker.starts_with(TOKEN) || maker.len() > 16 - TOKEN.len() {
            return Self::parse(&maker);
        }
        Self::parse(&format!("{TOKEN}{maker:0>13}"))
    }

    /// A new mobile token's serial, `FTKMOB` and 10 hexadecimal digits, from 40 random bits.
    ///
    /// With a million tokens in stock one draw collides with a probability of 1 in a million: draw
    /// again when the serial is taken.
    pub fn mobile(random: [u8; 5]) -> Self {
        let mut digits = [0; 10];
        HEXUPPER.encode_mut(&random, &mut digits);
        Self(Text::join(MOBILE.as_bytes(), &digits))
    }

    /// Mobile or hardware, by the prefix.
    pub fn kind(&self) -> TokenKind {
        if self.as_str().starts_with(MOBILE) {
            TokenKind::Mobile
        } else {
            TokenKind::Hardware
        }
    }
}

/// The serial number of a licence: `EFTM` and 12 digits (bought), or `FTMTRIAL` and 8 digits or capital letters;
/// ours are digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LicenceSerial(Text<16>);

plain_identifier!(LicenceSerial);

const PURCHASED: &str = "EFTM";
const TRIAL: &str = "FTMTRIAL";

impl LicenceSerial {
    /// The first number that no longer fits into [`LicenceSerial::purchased`].
    pub const PURCHASED_END: u64 = 10u64.pow(12);
    /// The first number that no longer fits into [`LicenceSerial::trial`].
    pub const TRIAL_END: u32 = 10u32.pow(8);

    /// Reads `EFTM` and 12 digits, or `FTMTRIAL` and 8 digits or capital letters.
    pub fn parse(input: &str) -> Result<Self, ParseError> {
        let text: Text<16> = Text::parse(Identifier::LicenceSerial, input, is_serial_character)?;
        if input.starts_with(TRIAL) {
            return Ok(Self(text));
        }
        if !input.starts_with(PURCHASED) {
            return Err(Identifier::LicenceSerial.fault(Fault::Prefix("EFTM or FTMTRIAL")));
        }
        match input
            .chars()
            .enumerate()
            .skip(PURCHASED.len())
            .find(|(_, c)| !c.is_ascii_digit())
        {
            Some((index, found)) => Err(Identifier::LicenceSerial.fault(Fault::Character {
                found,
                position: index + 1,
            })),
            None => Ok(Self(text)),
        }
    }

    /// The serial of a bought licence; `None` from [`LicenceSerial::PURCHASED_END`] on.
    pub fn purchased(number: u64) -> Option<Self> {
        let digits: [u8; 12] = decimal(number)?;
        Some(Self(Text::join(PURCHASED.as_bytes(), &digits)))
    }

    /// The serial of a trial licence; `None` from [`LicenceSerial::TRIAL_END`] on.
    pub fn trial(number: u32) -> Option<Self> {
        let digits: [u8; 8] = decimal(number.into())?;
        Some(Self(Text::join(TRIAL.as_bytes(), &digits)))
    }

    /// Whether this is a trial licence.
    pub fn is_trial(&self) -> bool {
        self.as_str().starts_with(TRIAL)
    }
}

fn is_serial_character(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

/// `number` in `N` decimal digits with leading zeros; `None` if it needs more.
fn decimal<const N: usize>(mut number: u64) -> Option<[u8; N]> {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(number % 10).ok()?;
        number /= 10;
    }
    (number == 0).then_some(digits)
}
