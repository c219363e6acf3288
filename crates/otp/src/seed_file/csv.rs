//! Tables of serials and seeds, as makers and other systems write them: fields between commas or
//! semicolons, one token a line. There is no standard; what is known by use is told apart by its shape.
//!
//! | shape | written by |
//! | --- | --- |
//! | a head that names the columns, such as `serial number,secret key,time interval` | Microsoft Entra, spreadsheets |
//! | `serial,seed[,totp\|hotp[,digits[,period]]]` | Feitian, OATH tables of `LinOTP` and `privacyIDEA`, FortiToken seeds as a table |
//! | `OATH-HOTP,date,slot,public id,,seed,,,0,0,0,digits,…` | Yubico, traditional log |
//! | `serial,public id,0,seed,,date,` | Yubico, its own log |
//!
//! A seed is hexadecimal if all of it is and the number of digits is even, else base32. A random base32
//! seed of 32 characters reads as hexadecimal once in 43 trillion.

use super::{Entry, Fault, FileError, MakerSerial, SeedRecord, bounded, lines};
use crate::{Digest, Digits, Kind, Parameters, Period, Seed};

/// More columns than any known table has.
const MAX_FIELDS: usize = 32;

/// Reads a table. What it does not say of a token is as in `defaults`.
pub fn read(text: &str, defaults: Parameters) -> Result<Vec<Entry<SeedRecord>>, FileError> {
    let mut lines = lines(text).peekable();
    let head = lines
        .next_if(|(_, line)| Head::is_one(line))
        .map(|(_, line)| Head::read(line));
    let tokens = lines.filter(|(_, line)| !line.starts_with(YUBICO_LOG_HEAD));
    bounded(tokens.map(|(line, text)| Entry {
        line,
        token: fields(text).and_then(|fields| match &head {
            Some(head) => head.token(&fields, defaults),
            None => headless(&fields, defaults),
        }),
    }))
}

/// The first line of a traditional log.
const YUBICO_LOG_HEAD: &str = "LOGGING START";

/// What a column tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Column {
    Serial,
    Seed,
    Kind,
    Digits,
    Period,
    Digest,
    Counter,
}

impl Column {
    const ALL: [Self; 7] = [
        Self::Serial,
        Self::Seed,
        Self::Kind,
        Self::Digits,
        Self::Period,
        Self::Digest,
        Self::Counter,
    ];

    /// The names under which it is known, without blanks, hyphens and underscores.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Serial => &["serial", "serialnumber", "serialno", "sn", "tokenserial"],
            Self::Seed => &[
                "seed",
                "secret",
                "secretkey",
                "key",
                "otpkey",
                "tokenseed",
                "seedhex",
            ],
            Self::Kind => &["type", "tokentype", "mode"],
            Self::Digits => &["digits", "otplen", "otplength", "length"],
            Self::Period => &["period", "timeinterval", "interval", "timestep"],
            Self::Digest => &["algorithm", "hash", "hashlib"],
            Self::Counter => &["counter", "movingfactor"],
        }
    }

    fn named(name: &str) -> Option<Self> {
        let name: String = name
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | '_'))
            .map(|c| c.to_ascii_lowercase())
            .collect();
        Self::ALL
            .into_iter()
            .find(|column| column.names().contains(&name.as_str()))
    }
}

/// The columns of a table with a head; `None` for those that say nothing of a token.
struct Head(Vec<Option<Column>>);

impl Head {
    /// Names a serial and a seed, which no token's own line does.
    fn is_one(line: &str) -> bool {
        let head = Self::read(line);
        [Column::Serial, Column::Seed]
            .iter()
            .all(|needed| head.0.contains(&Some(*needed)))
    }

    fn read(line: &str) -> Self {
        Self(split(line).map(Column::named).collect())
    }

    fn token(&self, fields: &[&str], defaults: Parameters) -> Result<SeedRecord, Fault> {
        let told = Told {
            serial: self.value(fields, Column::Serial)?,
            seed: self.value(fields, Column::Seed)?,
            kind: self.value(fields, Column::Kind)?,
            digits: self.value(fields, Column::Digits)?,
            period: self.value(fields, Column::Period)?,
            digest: self.value(fields, Column::Digest)?,
            counter: self.value(fields, Column::Counter)?,
        };
        told.record(defaults)
    }

    fn value<'l>(&self, fields: &[&'l str], wanted: Column) -> Result<Option<&'l str>, Fault> {
        let mut values = self
            .0
            .iter()
            .zip(fields)
            .filter(|(column, value)| **column == Some(wanted) && !value.is_empty())
            .map(|(_, value)| *value);
        let value = values.next();
        match values.next() {
            Some(_) => Err(Fault::Twice(wanted.names()[0])),
            None => Ok(value),
        }
    }
}

/// A line of a table whose shape alone tells what it is.
fn headless(fields: &[&str], defaults: Parameters) -> Result<SeedRecord, Fault> {
    let field = |index: usize| fields.get(index).copied().filter(|text| !text.is_empty());
    match fields {
        [kind, _, _, public_id, ..] if kind.eq_ignore_ascii_case("OATH-HOTP") => {
            let serial = modhex(public_id).ok_or(Fault::Serial)?.to_string();
            Told {
                serial: Some(&serial),
                seed: field(5),
                kind: Some("hotp"),
                digits: field(11).filter(|digits| *digits != "0"),
                ..Told::default()
            }
            .record(defaults)
        }
        [kind, ..]
            if YUBICO_OTHER
                .iter()
                .any(|name| kind.eq_ignore_ascii_case(name)) =>
        {
            Err(Fault::Kind)
        }
        [serial, _, "0", seed, ..] => Told {
            serial: Some(serial),
            seed: Some(seed),
            kind: Some("hotp"),
            ..Told::default()
        }
        .record(defaults),
        _ => Told {
            serial: field(0),
            seed: field(1),
            kind: field(2),
            digits: field(3),
            period: field(4),
            ..Told::default()
        }
        .record(defaults),
    }
}

/// What else a traditional log records.
const YUBICO_OTHER: [&str; 3] = ["Yubico OTP", "Static Password", "Challenge-Response"];

/// A token as its line tells it.
#[derive(Default)]
struct Told<'l> {
    serial: Option<&'l str>,
    seed: Option<&'l str>,
    kind: Option<&'l str>,
    digits: Option<&'l str>,
    period: Option<&'l str>,
    digest: Option<&'l str>,
    counter: Option<&'l str>,
}

impl Told<'_> {
    fn record(&self, defaults: Parameters) -> Result<SeedRecord, Fault> {
        let serial = MakerSerial::parse(self.serial.ok_or(Fault::Missing("serial"))?)?;
        let seed = seed(self.seed.ok_or(Fault::Missing("seed"))?)?;
        let parameters = Parameters {
            kind: self.kind(defaults.kind)?,
            digest: self.digest.map_or(Ok(defaults.digest), digest)?,
            digits: self.digits.map_or(Ok(defaults.digits), digits)?,
        };
        let counter = match (parameters.kind, self.counter) {
            (Kind::Hotp, Some(counter)) => number(counter).ok_or(Fault::Number("counter"))?,
            _ => 0,
        };
        Ok(SeedRecord {
            serial,
            seed,
            parameters,
            counter,
        })
    }

    fn kind(&self, default: Kind) -> Result<Kind, Fault> {
        let period = match (self.period, default) {
            (Some(period), _) => Period::new(number(period).ok_or(Fault::Number("period"))?)?,
            (None, Kind::Totp(period)) => period,
            (None, Kind::Hotp) => Period::THIRTY,
        };
        match self.kind {
            None if default == Kind::Hotp => Ok(Kind::Hotp),
            None => Ok(Kind::Totp(period)),
            Some(kind) if kind.eq_ignore_ascii_case("totp") => Ok(Kind::Totp(period)),
            Some(kind) if kind.eq_ignore_ascii_case("hotp") => Ok(Kind::Hotp),
            Some(_) => Err(Fault::Kind),
        }
    }
}

fn fields(line: &str) -> Result<Vec<&str>, Fault> {
    let fields: Vec<&str> = split(line).take(MAX_FIELDS + 1).collect();
    match fields.len() {
        1 => Err(Fault::Missing("seed")),
        2..=MAX_FIELDS => Ok(fields),
        _ => Err(Fault::Fields(MAX_FIELDS)),
    }
}

/// No known table quotes a comma, so quotation marks are only taken off.
fn split(line: &str) -> impl Iterator<Item = &str> {
    let separator = if line.contains(';') { ';' } else { ',' };
    line.split(separator)
        .map(|field| field.trim().trim_matches('"').trim())
}

fn seed(text: &str) -> Result<Seed, Fault> {
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let seed = if is_hex {
        Seed::from_hex(text)
    } else {
        Seed::from_base32(text)
    };
    seed.map_err(|error| match error {
        crate::SeedError::Length(_) => error.into(),
        _ => Fault::Encoding,
    })
}

fn digest(name: &str) -> Result<Digest, Fault> {
    let name = name.to_ascii_uppercase();
    match name
        .trim_start_matches("HMAC")
        .trim_start_matches(['-', '_'])
    {
        "SHA1" | "SHA-1" => Ok(Digest::Sha1),
        "SHA256" | "SHA-256" => Ok(Digest::Sha256),
        "SHA512" | "SHA-512" => Ok(Digest::Sha512),
        _ => Err(Fault::Digest),
    }
}

fn digits(text: &str) -> Result<Digits, Fault> {
    Ok(Digits::new(number(text).ok_or(Fault::Number("digits"))?)?)
}

fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

/// A public id in modhex, the hexadecimal of Yubico's, as the number that it is.
fn modhex(text: &str) -> Option<u64> {
    const ALPHABET: &str = "cbdefghijklnrtuv";
    if !(1..=16).contains(&text.len()) {
        return None;
    }
    text.chars().try_fold(0, |number: u64, c| {
        let digit = ALPHABET.find(c)?;
        Some(number << 4 | digit as u64)
    })
}
