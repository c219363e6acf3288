//! `set group-filter`: which groups a person is in, as a filter (RFC 4515) on the entries of groups.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::fmt::{self, Write as _};

/// Filters within filters: more than anybody writes.
const DEPTH_MAX: usize = 8;

/// A filter that says of a group's entry whether a person is in the group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupFilter(Filter);

/// A filter (RFC 4511, 4.5.1.7).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Filter {
    /// All of these.
    And(Vec<Self>),
    /// One of these at least.
    Or(Vec<Self>),
    /// What this does not find.
    Not(Box<Self>),
    /// The attribute has a value.
    Present(Box<str>),
    /// It has one that compares so.
    Compare(Box<str>, Comparison, Value),
    /// It has one with these parts in it, in their order.
    Substrings {
        /// The attribute.
        attribute: Box<str>,
        /// The value's beginning.
        initial: Option<Value>,
        /// What stands between.
        any: Vec<Value>,
        /// Its end.
        last: Option<Value>,
    },
    /// It has one that a rule of the directory's finds.
    Extensible {
        /// The attribute; nothing for all that the rule is for.
        attribute: Option<Box<str>>,
        /// The rule; nothing for that of the attribute.
        rule: Option<Box<str>>,
        /// Whether the entry's distinguished name counts too.
        in_name: bool,
        /// What is compared.
        value: Value,
    },
}

/// How two values compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `~=`
    About,
}

impl Comparison {
    const ALL: [Self; 4] = [Self::AtLeast, Self::AtMost, Self::About, Self::Equal];

    const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::About => "~=",
        }
    }
}

/// A value in which `%u` stands for the person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Value(Vec<Piece>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Text(Box<str>),
    Person,
}

impl Value {
    /// What it is for a person of this distinguished name. No character of the name is part of a filter's syntax.
    pub fn of(&self, person: &str) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Person => person,
        });
        pieces.collect()
    }

    fn names_the_person(&self) -> bool {
        self.0.contains(&Piece::Person)
    }
}

/// Why a text is no such filter.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FilterError {
    /// Its shape.
    #[error("{expected} is expected at character {at}")]
    Unexpected {
        /// What should stand there.
        expected: &'static str,
        /// Where, from 1.
        at: usize,
    },
    /// Octets after a backslash.
    #[error("what the escapes before character {0} stand for is no text in UTF-8")]
    NoText(usize),
    /// Its depth.
    #[error("filters stand within each other {DEPTH_MAX} deep at most")]
    TooDeep,
    /// It would let in whom nobody named.
    #[error(
        "it finds groups for everybody: each of its alternatives has to ask for %u, which stands for the user, as in \
         (member=%u)"
    )]
    OfNobody,
    /// What it excludes would be in all the same, through a group that is not excluded.
    #[error(
        "%u stands below !, where groups within groups would be asked for the group and not for the user: leave that \
         part out"
    )]
    Negated,
    /// What the described system takes besides.
    #[error("%pg, the user's primary group, is not looked up: leave the part with it out")]
    PrimaryGroup,
}

impl GroupFilter {
    /// Reads the text of a filter.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let mut reader = Reader { text, at: 0 };
        let filter = reader.filter(0)?;
        if reader.at < text.len() {
            return Err(reader.expected("the end"));
        }
        if filter.denies_the_person() {
            return Err(FilterError::Negated);
        }
        if !filter.is_of_the_person() {
            return Err(FilterError::OfNobody);
        }
        Ok(Self(filter))
    }

    /// The filter, with what stands in the place of a person in its values.
    pub fn filter(&self) -> &Filter {
        &self.0
    }

    /// Its text for a person of this distinguished name.
    pub fn text_of(&self, person: &str) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = write(&self.0, person, &mut text);
        text
    }
}

impl Filter {
    /// Whether it finds nothing that does not name the person.
    fn is_of_the_person(&self) -> bool {
        match self {
            Self::And(all) => all.iter().any(Self::is_of_the_person),
            Self::Or(all) => all.iter().all(Self::is_of_the_person),
            Self::Not(_) => false,
            other => other.names_the_person(),
        }
    }

    /// Whether it finds what does not name the person.
    fn denies_the_person(&self) -> bool {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().any(Self::denies_the_person),
            Self::Not(other) => other.names_the_person(),
            _ => false,
        }
    }

    fn names_the_person(&self) -> bool {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().any(Self::names_the_person),
            Self::Not(other) => other.names_the_person(),
            Self::Present(_) => false,
            Self::Compare(_, _, value) | Self::Extensible { value, .. } => value.names_the_person(),
            Self::Substrings {
                initial, any, last, ..
            } => {
                let mut parts = initial.iter().chain(any).chain(last);
                parts.any(Value::names_the_person)
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn expected(&self, expected: &'static str) -> FilterError {
        let before = self.text.get(..self.at).unwrap_or_default();
        FilterError::Unexpected {
            expected,
            at: before.chars().count() + 1,
        }
    }

    fn takes(&mut self, sign: &str) -> bool {
        let takes = self.rest().starts_with(sign);
        if takes {
            self.at += sign.len();
        }
        takes
    }

    fn needs(&mut self, sign: &'static str) -> Result<(), FilterError> {
        if self.takes(sign) {
            return Ok(());
        }
        Err(self.expected(sign))
    }

    fn filter(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth == DEPTH_MAX {
            return Err(FilterError::TooDeep);
        }
        self.needs("(")?;
        let filter = if self.takes("&") {
            Filter::And(self.filters(depth + 1)?)
        } else if self.takes("|") {
            Filter::Or(self.filters(depth + 1)?)
        } else if self.takes("!") {
            Filter::Not(Box::new(self.filter(depth + 1)?))
        } else {
            self.item()?
        };
        self.needs(")")?;
        Ok(filter)
    }

    fn filters(&mut self, depth: usize) -> Result<Vec<Filter>, FilterError> {
        let mut filters = vec![self.filter(depth)?];
        while self.rest().starts_with('(') {
            filters.push(self.filter(depth)?);
        }
        Ok(filters)
    }

    fn item(&mut self) -> Result<Filter, FilterError> {
        let attribute = self.name();
        if self.rest().starts_with(':') {
            return self.extensible(attribute);
        }
        let attribute = attribute.ok_or_else(|| self.expected("an attribute"))?;
        let mut comparisons = Comparison::ALL.into_iter();
        let Some(comparison) = comparisons.find(|comparison| self.takes(comparison.sign())) else {
            return Err(self.expected("="));
        };
        if comparison != Comparison::Equal {
            return Ok(Filter::Compare(attribute, comparison, self.value()?));
        }
        let mut parts = vec![self.value()?];
        while self.takes("*") {
            parts.push(self.value()?);
        }
        Ok(equal(attribute, parts))
    }

    fn extensible(&mut self, attribute: Option<Box<str>>) -> Result<Filter, FilterError> {
        // A rule may begin as this word does.
        let in_name = self.rest().starts_with(":dn:") && self.takes(":dn");
        let rule = if self.rest().starts_with(":=") {
            None
        } else {
            self.needs(":")?;
            Some(self.name().ok_or_else(|| self.expected("a rule"))?)
        };
        if attribute.is_none() && rule.is_none() {
            return Err(self.expected("a rule"));
        }
        self.needs(":=")?;
        Ok(Filter::Extensible {
            attribute,
            rule,
            in_name,
            value: self.value()?,
        })
    }

    /// An attribute with its options, or a rule (RFC 4512, 2.5).
    fn name(&mut self) -> Option<Box<str>> {
        let rest = self.rest();
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';');
        let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
        let name = rest.get(..end).filter(|name| !name.is_empty())?;
        self.at += end;
        Some(name.into())
    }

    /// A value up to what cannot be part of one.
    fn value(&mut self) -> Result<Value, FilterError> {
        let (mut pieces, mut octets) = (Vec::new(), Vec::new());
        while let Some(c) = self.rest().chars().next() {
            match c {
                '(' | ')' | '*' => break,
                '%' if self.rest().starts_with("%pg") => return Err(FilterError::PrimaryGroup),
                '%' if self.takes("%u") => {
                    self.end_text(&mut pieces, &mut octets)?;
                    pieces.push(Piece::Person);
                }
                '\\' => octets.push(self.escaped()?),
                c => {
                    self.at += c.len_utf8();
                    octets.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
        self.end_text(&mut pieces, &mut octets)?;
        Ok(Value(pieces))
    }

    fn end_text(&self, pieces: &mut Vec<Piece>, octets: &mut Vec<u8>) -> Result<(), FilterError> {
        if octets.is_empty() {
            return Ok(());
        }
        let text = String::from_utf8(std::mem::take(octets));
        let text = text.map_err(|_| FilterError::NoText(self.at + 1))?;
        pieces.push(Piece::Text(text.into()));
        Ok(())
    }

    /// A backslash and two digits.
    fn escaped(&mut self) -> Result<u8, FilterError> {
        let digits = self.rest().get(1..3);
        let digits = digits.filter(|it| it.bytes().all(|octet| octet.is_ascii_hexdigit()));
        let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let octet = octet.ok_or_else(|| self.expected("'\\' with two hexadecimal digits"))?;
        self.at += 3;
        Ok(octet)
    }
}

/// What `=` says with these parts, between which a `*` stands.
fn equal(attribute: Box<str>, parts: Vec<Value>) -> Filter {
    let mut parts = VecDeque::from(parts);
    let is_some = |value: &Value| !value.0.is_empty();
    let initial = parts.pop_front();
    let Some(last) = parts.pop_back() else {
        let value = initial.unwrap_or_else(|| Value(Vec::new()));
        return Filter::Compare(attribute, Comparison::Equal, value);
    };
    let (initial, last) = (initial.filter(is_some), Some(last).filter(is_some));
    // Two stars beside each other say what one says.
    let any: Vec<Value> = parts.into_iter().filter(is_some).collect();
    if initial.is_none() && last.is_none() && any.is_empty() {
        return Filter::Present(attribute);
    }
    Filter::Substrings {
        attribute,
        initial,
        any,
        last,
    }
}

fn write(filter: &Filter, person: &str, text: &mut String) -> fmt::Result {
    text.write_char('(')?;
    match filter {
        Filter::And(all) => write_all('&', all, person, text)?,
        Filter::Or(all) => write_all('|', all, person, text)?,
        Filter::Not(other) => write_all('!', std::slice::from_ref(other), person, text)?,
        Filter::Present(attribute) => write!(text, "{attribute}=*")?,
        Filter::Compare(attribute, comparison, value) => {
            let (sign, value) = (comparison.sign(), escaped(&value.of(person)));
            write!(text, "{attribute}{sign}{value}")?;
        }
        Filter::Substrings {
            attribute,
            initial,
            any,
            last,
        } => {
            let of = |value: &Value| escaped(&value.of(person));
            let initial = initial.as_ref().map(of).unwrap_or_default();
            write!(text, "{attribute}={initial}*")?;
            for part in any {
                write!(text, "{}*", of(part))?;
            }
            text.write_str(&last.as_ref().map(of).unwrap_or_default())?;
        }
        Filter::Extensible {
            attribute,
            rule,
            in_name,
            value,
        } => {
            text.write_str(attribute.as_deref().unwrap_or_default())?;
            text.write_str(if *in_name { ":dn" } else { "" })?;
            if let Some(rule) = rule {
                write!(text, ":{rule}")?;
            }
            write!(text, ":={}", escaped(&value.of(person)))?;
        }
    }
    text.write_char(')')
}

fn write_all(
    sign: char,
    filters: &[impl Borrow<Filter>],
    person: &str,
    text: &mut String,
) -> fmt::Result {
    text.write_char(sign)?;
    let mut filters = filters.iter();
    filters.try_for_each(|filter| write(filter.borrow(), person, text))
}

/// A value as it stands in a filter (RFC 4515, 3). `%` is escaped besides, before which a person's name would be read.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '(' | ')' | '*' | '\\' | '%') || c.is_control() {
            for octet in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a string does not fail.
                let _ = write!(escaped, "\\{octet:02x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSON: &str = "cn=a (b)*\\2c %u,dc=example";

    fn text(filter: &str) -> String {
        GroupFilter::parse(filter).unwrap().text_of("cn=alice")
    }

    #[test]
    fn what_directories_are_asked_is_read_and_written_again() {
        for filter in [
            "(member=%u)",
            "(&(objectClass=groupOfNames)(member=%u))",
            "(&(|(member=%u)(uniqueMember=%u))(!(cn=closed)))",
            "(member:1.2.840.113556.1.4.1941:=%u)",
            "(:dn:2.5.13.1:=%u)",
            "(member:dn:=%u)",
            "(&(cn=vpn*of*all)(cn=*)(cn=*x)(cn=x*)(member=%u))",
            "(&(gidNumber>=700)(gidNumber<=799)(description~=vpn)(member;x-a=%u))",
            "(member=x%u)",
        ] {
            assert_eq!(text(filter), filter.replace("%u", "cn=alice"));
        }
        assert_eq!(text("(&(cn=a**b)(m=%u))"), "(&(cn=a*b)(m=cn=alice))");
        assert_eq!(
            text("(&(cn=\\c3\\a4 50\\25u)(cn=%x)(m=%u))"),
            "(&(cn=ä 50\\25u)(cn=\\25x)(m=cn=alice))"
        );
    }

    #[test]
    fn no_name_is_part_of_the_syntax() {
        let filter = GroupFilter::parse("(&(cn=vpn)(member=%u))").unwrap();
        let Filter::And(all) = filter.filter() else {
            panic!("not all of them");
        };
        let Filter::Compare(_, Comparison::Equal, value) = &all[1] else {
            panic!("no comparison");
        };
        assert_eq!(value.of(PERSON), PERSON);
        let text = filter.text_of(PERSON);
        assert_eq!(
            text,
            "(&(cn=vpn)(member=cn=a \\28b\\29\\2a\\5c2c \\25u,dc=example))"
        );
        // Read again it is one value, in which nobody is named any more.
        assert_eq!(GroupFilter::parse(&text), Err(FilterError::OfNobody));
        let again = GroupFilter::parse(&format!("(&{text}(member=%u))")).unwrap();
        assert!(again.text_of("").contains(&text));
    }

    #[test]
    fn what_is_no_filter_is_refused_where_it_is_none() {
        let at = |expected, at| FilterError::Unexpected { expected, at };
        for (text, error) in [
            ("", at("(", 1)),
            ("member=%u", at("(", 1)),
            ("(member=%u", at(")", 11)),
            ("(member=%u))", at("the end", 12)),
            ("(&)", at("(", 3)),
            ("(&(member=%u)x)", at(")", 14)),
            ("(!(a=%u)(b=%u))", at(")", 9)),
            ("(=%u)", at("an attribute", 2)),
            ("(member)", at("=", 8)),
            ("(mem ber=%u)", at("=", 5)),
            ("(member=a(b)", at(")", 10)),
            ("(member>=a*%u)", at(")", 11)),
            ("(ä=%u)", at("an attribute", 2)),
            ("(:=%u)", at("a rule", 2)),
            ("(::=%u)", at("a rule", 3)),
            ("(a:b=%u)", at(":=", 5)),
            ("(a=\\4)", at("'\\' with two hexadecimal digits", 4)),
            ("(a=\\+4%u)", at("'\\' with two hexadecimal digits", 4)),
            ("(a=\\ff%u)", FilterError::NoText(9)),
            ("(objectClass=group)", FilterError::OfNobody),
            ("(|(objectClass=*)(member=%u))", FilterError::OfNobody),
            ("(|(member=%u)(!(cn=closed)))", FilterError::OfNobody),
            ("(!(member=%u))", FilterError::Negated),
            (
                "(&(member=%u)(!(|(cn=x)(absent=%u))))",
                FilterError::Negated,
            ),
            ("(|(member=%u)(member=%pg))", FilterError::PrimaryGroup),
        ] {
            assert_eq!(GroupFilter::parse(text), Err(error), "{text}");
        }
        let nested = |depth: usize| "(&".repeat(depth) + "(a=%u)" + &")".repeat(depth);
        assert!(GroupFilter::parse(&nested(DEPTH_MAX - 1)).is_ok());
        let deeper = GroupFilter::parse(&nested(DEPTH_MAX));
        assert_eq!(deeper, Err(FilterError::TooDeep));
    }
}
