//! Configuration tables, each declared once: fields, types, sizes, defaults, help.
//!
//! Parsing, completion, `show` and `get` of the command line come from these declarations; REST
//! resources, web forms and the reference manual will.

use std::fmt;
use std::net::IpAddr;

use zeroize::Zeroizing;

mod records;
mod tables;

pub use tables::{ADMIN, ALL, EMAIL_SERVER, FORTITOKEN, GLOBAL, LOCAL, RADIUS_CLIENT, SETTING};

/// A configuration table or a single settings object.
#[derive(Debug)]
pub struct Table {
    /// The words after `config`, separated by one blank.
    pub path: &'static str,
    /// One line for `?`.
    pub help: &'static str,
    /// Whether it has entries.
    pub shape: Shape,
    /// Its fields, in the order of `show` and `get`.
    pub fields: &'static [Field],
}

/// Whether a table has entries or is one object.
#[derive(Debug)]
pub enum Shape {
    /// One object: `config system global`.
    Single,
    /// Entries by key: `config user local`, `edit NAME`.
    Keyed {
        /// What `get` calls the key.
        key: &'static str,
        /// One line for `?`.
        help: &'static str,
        /// Longest key in characters.
        max: u16,
    },
}

/// One field of a table.
#[derive(Debug)]
pub struct Field {
    /// The word after `set`.
    pub name: &'static str,
    /// One line for `?`.
    pub help: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What it holds when not set; empty for nothing.
    pub default: &'static str,
    /// Who sets it.
    pub access: Access,
}

/// Who sets a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// The administrator.
    Administrator,
    /// The system; `set` refuses it.
    System,
}

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
    /// A secret of at most this many octets; shown as `ENC …` only.
    Secret(u16),
    /// The key of an entry of the table with this path.
    Reference(&'static str),
    /// An address or network: `192.0.2.0/24`, `2001:db8::/32`, `192.0.2.0 255.255.255.0`.
    Subnet,
}

/// One word of a choice.
#[derive(Debug)]
pub struct Choice {
    /// The word.
    pub word: &'static str,
    /// One line for `?`.
    pub help: &'static str,
}

/// What a field holds.
pub enum Value {
    /// Text in the form in which it is shown.
    Text(Box<str>),
    /// A secret as typed, on its way to the store.
    Secret(Zeroizing<String>),
    /// A secret as the store keeps it; its text form follows `ENC `.
    Sealed(Box<str>),
}

impl Value {
    /// The text of a value that is no secret.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Secret(_) | Self::Sealed(_) => None,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Secret(_) | Self::Sealed(_) => f.write_str("<sealed>"),
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
    #[error("{field} takes at most {max} characters, and this has {got}")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its size.
        max: u16,
        /// The value's size.
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
    /// No network.
    #[error("{field} takes an address or a network, such as 192.0.2.7 or 192.0.2.0/24")]
    NoSubnet {
        /// The field.
        field: &'static str,
    },
    /// A field that must hold something.
    #[error("{field} takes one value")]
    Missing {
        /// The field.
        field: &'static str,
    },
}

impl PartialEq for Choice {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl Eq for Choice {}

impl Table {
    /// The table with this path.
    pub fn at(path: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|table| table.path == path)
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The last word of the path, as the prompt shows it.
    pub fn name(&self) -> &'static str {
        self.path.rsplit(' ').next().unwrap_or(self.path)
    }
}

/// A table is its path: two declarations of one path do not exist.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for Table {}

impl Field {
    /// Takes the words after `set NAME`.
    pub fn parse(&self, words: &[String]) -> Result<Value, ValueError> {
        if self.access == Access::System {
            return Err(ValueError::System { field: self.name });
        }
        match (&self.kind, words) {
            (Kind::Secret(_), [enc, sealed]) if enc == "ENC" => {
                self.text(sealed, u16::MAX).map(Value::Sealed)
            }
            (Kind::Secret(_), [secret]) if secret.is_empty() => {
                Err(ValueError::Missing { field: self.name })
            }
            (Kind::Secret(max), [secret]) => self
                .text(secret, *max)
                .map(|secret| Value::Secret(Zeroizing::new(secret.into_string()))),
            (Kind::Subnet, [address, mask]) => {
                self.subnet(&format!("{address}/{mask}")).map(Value::Text)
            }
            (_, [word]) => self.word(word).map(Value::Text),
            _ => Err(ValueError::Missing { field: self.name }),
        }
    }

    fn word(&self, word: &str) -> Result<Box<str>, ValueError> {
        match &self.kind {
            Kind::Text(max) | Kind::Secret(max) => self.text(word, *max),
            Kind::Reference(_) => self.text(word, 64),
            Kind::Choice(choices) => self.choice(word, choices),
            Kind::Integer(min, max) => self.integer(word, *min, *max),
            Kind::Moment => self.integer(word, 0, u64::from(u32::MAX)),
            Kind::Subnet => self.subnet(word),
        }
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

    fn subnet(&self, word: &str) -> Result<Box<str>, ValueError> {
        Subnet::parse(word)
            .map(|subnet| subnet.to_string().into())
            .ok_or(ValueError::NoSubnet { field: self.name })
    }
}

/// An address with the number of bits that count.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Subnet {
    address: IpAddr,
    bits: u8,
}

impl Subnet {
    /// `ADDRESS`, `ADDRESS/BITS` or `ADDRESS/MASK`; bits beyond the prefix are cleared.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse::<IpAddr>().ok()?, Some(prefix)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let width: u8 = if address.is_ipv4() { 32 } else { 128 };
        let bits = match prefix {
            None => width,
            Some(prefix) => match prefix.parse::<u8>() {
                Ok(bits) => Some(bits).filter(|bits| *bits <= width)?,
                Err(_) => mask_bits(prefix)?,
            },
        };
        Some(Self {
            address: masked(address, bits),
            bits,
        })
    }

    /// Whether an address lies in the network. An IPv4 address that arrives mapped into IPv6 is the
    /// IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.bits) == self.address
    }

    /// How many bits count: the longer prefix is the more specific client.
    pub fn bits(&self) -> u8 {
        self.bits
    }
}

fn mask_bits(mask: &str) -> Option<u8> {
    let mask = u32::from(mask.parse::<std::net::Ipv4Addr>().ok()?);
    let ones = mask.leading_ones();
    (ones == mask.count_ones())
        .then(|| u8::try_from(ones).ok())
        .flatten()
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(bits.min(32)))
                .unwrap_or(0);
            IpAddr::V4((u32::from(v4) & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(bits.min(128)))
                .unwrap_or(0);
            IpAddr::V6((u128::from(v6) & mask).into())
        }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// An entry of a table, as the command line and the store exchange it: only fields that were set.
#[derive(Debug)]
pub struct Object {
    /// The table.
    pub table: &'static Table,
    /// The key; empty for a single object.
    pub key: Box<str>,
    values: Vec<(&'static Field, Value)>,
}

impl Object {
    /// An entry with nothing set.
    pub fn new(table: &'static Table, key: &str) -> Self {
        Self {
            table,
            key: Box::from(key),
            values: Vec::new(),
        }
    }

    /// The fields that are set, in the table's order.
    pub fn values(&self) -> impl Iterator<Item = (&'static Field, &Value)> {
        self.table
            .fields
            .iter()
            .filter_map(|field| self.value(field.name).map(|value| (field, value)))
    }

    /// What a field was set to.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values
            .iter()
            .find(|(field, _)| field.name == name)
            .map(|(_, value)| value)
    }

    /// What a field holds: as set, else its default. Secrets are no text.
    pub fn text(&self, name: &str) -> &str {
        match self.value(name) {
            Some(value) => value.as_text().unwrap_or(""),
            None => self.table.field(name).map_or("", |field| field.default),
        }
    }

    /// What a number field holds.
    pub fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or(0)
    }

    /// Sets a field; a value equal to the default is not kept.
    pub fn set(&mut self, field: &'static Field, value: Value) {
        self.unset(field);
        if value.as_text() != Some(field.default) {
            self.values.push((field, value));
        }
    }

    /// Sets a field by name, where the table has it.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        if let (Some(field), Some(value)) = (self.table.field(name), value) {
            self.set(field, Value::Text(Box::from(value)));
        }
        self
    }

    /// Sets a field to a secret in the form in which it is kept.
    #[must_use]
    pub fn with_sealed(mut self, name: &str, value: Option<Box<str>>) -> Self {
        if let (Some(field), Some(value)) = (self.table.field(name), value) {
            self.set(field, Value::Sealed(value));
        }
        self
    }

    /// Puts a field back to its default.
    pub fn unset(&mut self, field: &'static Field) {
        self.values.retain(|(set, _)| set.name != field.name);
    }

    /// Hands the values over, for the store.
    pub fn into_values(self) -> Vec<(&'static Field, Value)> {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_in_every_usual_form() {
        let subnet = Subnet::parse("192.0.2.77 255.255.255.0".replace(' ', "/").as_str()).unwrap();
        assert_eq!(subnet.to_string(), "192.0.2.0/24");
        assert!(subnet.contains("192.0.2.1".parse().unwrap()));
        assert!(subnet.contains("::ffff:192.0.2.1".parse().unwrap()));
        assert!(!subnet.contains("192.0.3.1".parse().unwrap()));
        assert_eq!(Subnet::parse("::1").unwrap().to_string(), "::1/128");
        assert!(
            Subnet::parse("0.0.0.0/0")
                .unwrap()
                .contains("203.0.113.9".parse().unwrap())
        );
        for wrong in ["", "192.0.2.0/33", "192.0.2.0/255.0.255.0", "a", "::/129"] {
            assert_eq!(Subnet::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_table_is_well_formed() {
        for table in ALL {
            assert_eq!(Table::at(table.path), Some(*table));
            assert!(!table.help.is_empty());
            for field in table.fields {
                assert!(!field.help.is_empty(), "{} {}", table.path, field.name);
                if !field.default.is_empty() {
                    assert!(
                        field.word(field.default).is_ok(),
                        "{} {}",
                        table.path,
                        field.name
                    );
                }
                if let Kind::Reference(path) = field.kind {
                    assert!(Table::at(path).is_some(), "{} refers to {path}", table.path);
                }
            }
        }
    }

    #[test]
    fn a_refused_value_names_its_field_and_what_it_takes() {
        let words = |text: &str| vec![text.to_owned()];
        let expiry = GLOBAL.field("two-factor-ftm-expiry").unwrap();
        assert_eq!(
            expiry.parse(&words("169")).unwrap_err().to_string(),
            "two-factor-ftm-expiry takes a number from 1 to 168"
        );
        let status = LOCAL.field("status").unwrap();
        assert_eq!(
            status.parse(&words("maybe")).unwrap_err().to_string(),
            "status takes one of: enable, disable"
        );
        assert_eq!(
            status.parse(&words("dis")).unwrap().as_text(),
            Some("disable")
        );
        let code = FORTITOKEN.field("activation-code").unwrap();
        assert!(matches!(
            code.parse(&words("x")),
            Err(ValueError::System { .. })
        ));
    }
}
