//! What fields hold, and how it is typed.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use zeroize::Zeroizing;

use super::{Access, Effect, Field, Netmask, Subnet};

/// What a field may hold.
#[derive(Debug)]
pub enum Kind {
    /// Text of at most this many characters, without control characters.
    Text(u16),
    /// One of these words.
    Choice(&'static [Choice]),
    /// A whole number in this range.
    Integer(u64, u64),
    /// A moment in seconds since the epoch; `get` shows it as a date.
    Moment,
    /// A civil date and time, `2026-11-22 08:00:00`; all zeros for none.
    DateTime,
    /// A secret of at most this many octets; shown as `ENC …` only.
    Secret(u16),
    /// Text in PEM (RFC 7468) of at most this many characters, over several lines.
    Pem(u16),
    /// A key in PEM, which is a secret.
    SecretPem(u16),
    /// The key of an entry of one of the tables with these paths.
    Reference(&'static [&'static str]),
    /// A host name or address of at most this many characters.
    Host(u16),
    /// An IPv4 address.
    Address,
    /// An IPv6 address.
    Address6,
    /// An address or network: `192.0.2.0/24`, `2001:db8::/32`, `192.0.2.0 255.255.255.0`.
    Subnet,
    /// An IPv4 network, shown as `192.0.2.0 255.255.255.0`.
    Netmask,
    /// An IPv6 network: `2001:db8::/32`.
    Prefix6,
    /// Any number of these, in the order typed, none twice.
    List(&'static Kind),
}

/// One word of a choice.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The word.
    pub word: &'static str,
    /// One line for `?`.
    pub help: &'static str,
    /// Whether it does anything.
    pub effect: Effect,
}

/// Values in one list field at most: more than FortiOS's largest groups have.
pub const LIST_MAX: usize = 4_096;

/// Texts in one list field at most: with 255 characters each they are no longer than a full list of names.
pub const TEXTS_MAX: usize = LIST_MAX / 4;

/// Longest key that a reference may name, in characters: the longest of any table.
pub const REFERENCE_MAX: u16 = 64;

impl Kind {
    /// The paths of the tables whose entries the value names; empty for anything but references.
    pub fn references(&self) -> &'static [&'static str] {
        match self {
            Self::Reference(paths) => paths,
            Self::List(kind) => kind.references(),
            _ => &[],
        }
    }

    /// How many of these a list takes.
    fn most(&self) -> usize {
        match self {
            Self::Text(_) => TEXTS_MAX,
            _ => LIST_MAX,
        }
    }

    /// Whether the value is a secret: sealed in the store, and shown as `ENC …` only.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_) | Self::SecretPem(_))
    }

    /// Whether the value is shown in quotes.
    pub fn is_quoted(&self) -> bool {
        match self {
            Self::Text(_)
            | Self::Reference(_)
            | Self::Secret(_)
            | Self::Host(_)
            | Self::Pem(_)
            | Self::SecretPem(_) => true,
            Self::List(kind) => kind.is_quoted(),
            Self::Choice(_)
            | Self::Integer(..)
            | Self::Moment
            | Self::DateTime
            | Self::Address
            | Self::Address6
            | Self::Subnet
            | Self::Netmask
            | Self::Prefix6 => false,
        }
    }
}

impl PartialEq for Choice {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl Eq for Choice {}

/// What a field holds.
#[derive(Clone)]
pub enum Value {
    /// Text in the form in which it is shown.
    Text(Box<str>),
    /// Such texts.
    List(Vec<Box<str>>),
    /// A secret as typed, on its way to the store.
    Secret(Zeroizing<String>),
    /// A secret as the store keeps it; its text form follows `ENC `.
    Sealed(Box<str>),
    /// A secret that another unit sealed, which opens nothing here; its text form follows `ENC `.
    Foreign(Box<str>),
}

impl Value {
    /// The text of a value that is no secret and no list.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::List(_) | Self::Secret(_) | Self::Sealed(_) | Self::Foreign(_) => None,
        }
    }

    /// The texts of a value that is no secret.
    pub fn texts(&self) -> &[Box<str>] {
        match self {
            Self::Text(text) => std::slice::from_ref(text),
            Self::List(texts) => texts,
            Self::Secret(_) | Self::Sealed(_) | Self::Foreign(_) => &[],
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(texts) => write!(f, "{texts:?}"),
            Self::Secret(_) | Self::Sealed(_) | Self::Foreign(_) => f.write_str("<sealed>"),
        }
    }
}

/// Why a value is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ValueError {
    /// The system sets this field.
    #[error("{field} is set by the system; it cannot be configured")]
    System {
        /// The field.
        field: &'static str,
    },
    /// Too many characters.
    #[error("{field} takes at most {max} character{}, and this has {got}", if *max == 1 { "" } else { "s" })]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its size.
        max: u16,
        /// The value's size.
        got: usize,
    },
    /// Too many values.
    #[error("{field} takes at most {max} values, and this has {got}")]
    TooMany {
        /// The field.
        field: &'static str,
        /// How many it takes.
        max: usize,
        /// How many.
        got: usize,
    },
    /// Line ends and other control characters make configuration text unreadable.
    #[error("{field} takes no control characters")]
    Control {
        /// The field.
        field: &'static str,
    },
    /// None of the words.
    #[error("{field} takes one of: {}", words.iter().map(|choice| choice.word).collect::<Vec<_>>().join(", "))]
    NoChoice {
        /// The field.
        field: &'static str,
        /// What it takes.
        words: &'static [Choice],
    },
    /// No number, or out of range.
    #[error("{field} takes a number from {min} to {max}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// Not of the form that the field takes.
    #[error("{field} takes {form}")]
    Form {
        /// The field.
        field: &'static str,
        /// What it takes, with an example.
        form: &'static str,
    },
    /// The field takes its default alone.
    #[error("{field} takes {}: {why}", if only.is_empty() { "no value" } else { only })]
    Fixed {
        /// The field.
        field: &'static str,
        /// What it takes.
        only: &'static str,
        /// Why nothing else.
        why: &'static str,
    },
    /// A field that must hold something.
    #[error("{field} takes one value")]
    Missing {
        /// The field.
        field: &'static str,
    },
}

impl Field {
    /// Takes the words after `set NAME`.
    pub fn parse(&'static self, words: &[String]) -> Result<Value, ValueError> {
        let is_shown = matches!(words, [enc, _] if enc == "ENC");
        match self.access {
            Access::Administrator => {}
            Access::Restored if is_shown => {}
            Access::System | Access::Restored => {
                return Err(ValueError::System { field: self.name });
            }
        }
        self.read(words)
    }

    /// Takes the words behind the field's name in a whole configuration, where what the system set
    /// stands too.
    pub fn read(&'static self, words: &[String]) -> Result<Value, ValueError> {
        let value = self.take(&self.kind, words)?;
        match self.effect {
            Effect::Fixed(why) if !self.is_default(&value) => Err(ValueError::Fixed {
                field: self.name,
                only: self.default,
                why,
            }),
            _ => Ok(value),
        }
    }

    /// What the field holds when it is not set.
    pub fn default_value(&self) -> Value {
        match self.kind {
            Kind::List(_) => Value::List(self.default.split_whitespace().map(Box::from).collect()),
            _ => Value::Text(Box::from(self.default)),
        }
    }

    /// Whether a name in a reference is no entry's: what stands there unless it is set names what the unit has
    /// without any.
    pub fn names_nothing(&self, name: &str) -> bool {
        name.is_empty() || name == self.default
    }

    /// Whether a value is what the field holds anyway.
    pub fn is_default(&self, value: &Value) -> bool {
        match value {
            Value::Text(text) => **text == *self.default,
            Value::List(texts) => texts
                .iter()
                .map(AsRef::as_ref)
                .eq(self.default.split_whitespace()),
            Value::Secret(_) | Value::Sealed(_) | Value::Foreign(_) => false,
        }
    }

    #[cfg(test)]
    pub(super) fn default_is_valid(&'static self) -> bool {
        let words: Vec<String> = match self.kind {
            Kind::List(_) | Kind::Netmask | Kind::DateTime => {
                self.default.split(' ').map(str::to_owned).collect()
            }
            _ => vec![self.default.to_owned()],
        };
        self.default.is_empty()
            || self
                .take(&self.kind, &words)
                .is_ok_and(|value| self.is_default(&value))
    }

    fn take(&self, kind: &'static Kind, words: &[String]) -> Result<Value, ValueError> {
        match (kind, words) {
            (Kind::List(kind), words) => self.list(kind, words),
            (kind, [enc, sealed]) if kind.is_secret() && enc == "ENC" => {
                self.sealed(sealed).map(Value::Sealed)
            }
            (kind, [secret]) if kind.is_secret() && secret.is_empty() => {
                Err(ValueError::Missing { field: self.name })
            }
            (kind, [secret]) if kind.is_secret() => self
                .word(kind, secret)
                .map(|secret| Value::Secret(Zeroizing::new(secret.into_string()))),
            (Kind::Subnet | Kind::Netmask, [address, mask]) => self
                .word(kind, &format!("{address}/{mask}"))
                .map(Value::Text),
            (Kind::DateTime, [date, time]) => {
                self.word(kind, &format!("{date} {time}")).map(Value::Text)
            }
            (_, [word]) => self.word(kind, word).map(Value::Text),
            _ => Err(ValueError::Missing { field: self.name }),
        }
    }

    fn list(&self, kind: &'static Kind, words: &[String]) -> Result<Value, ValueError> {
        if words.is_empty() {
            return Err(ValueError::Missing { field: self.name });
        }
        let (field, max, got) = (self.name, kind.most(), words.len());
        if got > max {
            return Err(ValueError::TooMany { field, max, got });
        }
        let mut list = Vec::with_capacity(words.len());
        let mut seen = std::collections::HashSet::with_capacity(words.len());
        for word in words.iter().filter(|word| !word.is_empty()) {
            let value = self.word(kind, word)?;
            if seen.insert(value.clone()) {
                list.push(value);
            }
        }
        Ok(Value::List(list))
    }

    fn word(&self, kind: &'static Kind, word: &str) -> Result<Box<str>, ValueError> {
        match kind {
            Kind::Text(max) | Kind::Secret(max) => self.text(word, *max),
            Kind::Pem(max) | Kind::SecretPem(max) => self.pem(word, *max),
            Kind::Reference(_) => self.text(word, REFERENCE_MAX),
            Kind::Choice(choices) => self.choice(word, choices),
            Kind::Integer(min, max) => self.integer(word, *min, *max),
            Kind::Moment => self.integer(word, 0, u64::from(u32::MAX)),
            Kind::DateTime => self.formed(
                date_time(word),
                "a date and time, such as 2027-01-31 08:00:00",
            ),
            Kind::Host(max) => self.host(word, *max),
            Kind::Address => self.formed(
                word.parse::<Ipv4Addr>().ok(),
                "an IPv4 address, such as 192.0.2.7",
            ),
            Kind::Address6 => self.formed(
                word.parse::<Ipv6Addr>().ok(),
                "an IPv6 address, such as 2001:db8::7",
            ),
            Kind::Subnet => self.formed(
                Subnet::parse(word),
                "an address or a network, such as 192.0.2.7 or 192.0.2.0/24",
            ),
            Kind::Netmask => self.formed(
                Netmask::parse(word),
                "an IPv4 network, such as 192.0.2.0 255.255.255.0 or 192.0.2.0/24",
            ),
            Kind::Prefix6 => self.formed(
                Subnet::parse(word).filter(|subnet| subnet.address().is_ipv6()),
                "an IPv6 network, such as 2001:db8::/32",
            ),
            // A list of lists is declared nowhere.
            Kind::List(_) => Err(ValueError::Missing { field: self.name }),
        }
    }

    fn formed(
        &self,
        value: Option<impl fmt::Display>,
        form: &'static str,
    ) -> Result<Box<str>, ValueError> {
        let field = self.name;
        value
            .map(|value| value.to_string().into())
            .ok_or(ValueError::Form { field, form })
    }

    fn text(&self, text: &str, max: u16) -> Result<Box<str>, ValueError> {
        let got = text.chars().count();
        if got > usize::from(max) {
            return Err(ValueError::TooLong {
                field: self.name,
                max,
                got,
            });
        }
        if text.chars().any(char::is_control) {
            return Err(ValueError::Control { field: self.name });
        }
        Ok(Box::from(text))
    }

    /// Lines as they were pasted, without what stands around them.
    fn pem(&self, text: &str, max: u16) -> Result<Box<str>, ValueError> {
        let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
        let is_pem = lines.is_empty()
            || (lines
                .first()
                .is_some_and(|line| is_boundary(line, "-----BEGIN "))
                && lines
                    .last()
                    .is_some_and(|line| is_boundary(line, "-----END ")));
        lines
            .iter()
            .try_for_each(|line| self.text(line, max).map(drop))?;
        let text = lines.join("\n");
        let got = text.chars().count();
        if got > usize::from(max) {
            let field = self.name;
            return Err(ValueError::TooLong { field, max, got });
        }
        let form = "PEM in quotes, from its line -----BEGIN to its line -----END";
        self.formed(Some(text).filter(|_| is_pem), form)
    }

    /// One word of base64, which is shown without quotes.
    fn sealed(&self, text: &str) -> Result<Box<str>, ValueError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        let is_base64 = !text.is_empty() && text.chars().all(allowed);
        let text = self.text(text, u16::MAX)?;
        let form = "behind ENC what 'show' prints there: letters, digits, +, / and =";
        self.formed(Some(text).filter(|_| is_base64), form)
    }

    fn host(&self, text: &str, max: u16) -> Result<Box<str>, ValueError> {
        let is_host = |text: &str| {
            let allowed =
                |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
            text.chars().all(allowed) && !text.starts_with('-')
        };
        let text = self.text(text, max)?;
        let form = "a host name or an address, such as mail.example.net or 192.0.2.7";
        self.formed(Some(text).filter(|text| is_host(text)), form)
    }

    /// Choices may be abbreviated like every other word of the command line.
    fn choice(&self, word: &str, words: &'static [Choice]) -> Result<Box<str>, ValueError> {
        let exact = words.iter().find(|choice| choice.word == word);
        let mut abbreviated = words.iter().filter(|choice| choice.word.starts_with(word));
        let only = match (abbreviated.next(), abbreviated.next()) {
            (Some(only), None) if !word.is_empty() => Some(only),
            _ => None,
        };
        exact
            .or(only)
            .map(|choice| Box::from(choice.word))
            .ok_or(ValueError::NoChoice {
                field: self.name,
                words,
            })
    }

    fn integer(&self, word: &str, min: u64, max: u64) -> Result<Box<str>, ValueError> {
        word.parse::<u64>()
            .ok()
            .filter(|number| (min..=max).contains(number))
            .map(|number| number.to_string().into())
            .ok_or(ValueError::OutOfRange {
                field: self.name,
                min,
                max,
            })
    }
}

/// RFC 7468, 2: `-----BEGIN label-----`.
fn is_boundary(line: &str, beginning: &str) -> bool {
    line.starts_with(beginning) && line.ends_with("-----")
}

/// `YYYY-MM-DD HH:MM:SS`, or all zeros. Days are not checked against their month: FortiOS does not
/// either, and such a day is the first of the next.
fn date_time(text: &str) -> Option<&str> {
    let (date, time) = text.split_once(' ')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let is_none = [year, month, day, hour, minute, second] == [0; 6];
    let is_moment = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    (is_none || is_moment).then_some(text)
}

fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[u16; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let digits = parts.next()?;
        let is_number = digits.len() == width && digits.bytes().all(|c| c.is_ascii_digit());
        *number = is_number.then(|| digits.parse().ok()).flatten()?;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_all_its_digits() {
        for right in ["0000-00-00 00:00:00", "2027-01-31 23:59:59"] {
            assert_eq!(date_time(right), Some(right));
        }
        for wrong in [
            "2027-1-31 23:59:59",
            "2027-13-01 00:00:00",
            "2027-01-31",
            "2027-01-31 24:00:00",
        ] {
            assert_eq!(date_time(wrong), None, "{wrong}");
        }
    }
}
