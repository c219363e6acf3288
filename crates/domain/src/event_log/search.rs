//! Which entries are wanted: `execute log filter`.

use super::{Entry, Key};
use crate::schema::Subnet;
use crate::time::Span;

/// Conditions, brackets and negations in one another at most: deeper is no question that a person asks.
const DEPTH_MAX: usize = 16;

/// What an entry has to be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Search {
    /// Each of them must hold.
    pub conditions: Vec<Condition>,
    /// So must this.
    pub expression: Option<Expression>,
}

/// What one field has to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// The field.
    pub key: Key,
    /// Whether it has to be none of the values.
    pub sense: Sense,
    /// One of these: the value in any case, with `*` for anything; for addresses also a network; for
    /// dates and times also `FROM-TO`.
    pub values: Vec<Box<str>>,
}

/// Which way a condition is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sense {
    /// One of the values.
    Is,
    /// None of them.
    IsNot,
}

/// Conditions put together by words: `(user alice) or (level alert warning)`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expression {
    /// One condition.
    Condition(Condition),
    /// All of them.
    And(Vec<Expression>),
    /// At least one of them.
    Or(Vec<Expression>),
    /// Not this one.
    Not(Box<Expression>),
}

/// A filter that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExpressionError {
    /// No field has this name.
    #[error("no field is called '{0}'")]
    NoField(Box<str>),
    /// A field without a value to compare with.
    #[error("'{0}' needs a value")]
    NoValue(Box<str>),
    /// A word or bracket where none belongs.
    #[error("the expression cannot be read at '{0}'")]
    Unexpected(Box<str>),
    /// A condition, or a closing bracket, is missing at the end.
    #[error("the expression ends too early")]
    Ends,
    /// Too many brackets in one another.
    #[error("the expression has more than {DEPTH_MAX} brackets in one another")]
    TooDeep,
}

impl Search {
    /// Whether every entry is wanted.
    pub fn is_everything(&self) -> bool {
        self.conditions.is_empty() && self.expression.is_none()
    }

    /// Whether this entry is wanted; `offset` is how far local time is ahead of universal time.
    pub fn wants(&self, entry: &Entry<'_>, offset: Span) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.all(|condition| condition.holds(entry, offset))
            && self
                .expression
                .as_ref()
                .is_none_or(|expression| expression.holds(entry, offset))
    }
}

impl Condition {
    fn holds(&self, entry: &Entry<'_>, offset: Span) -> bool {
        let held = entry.shown(self.key, offset);
        let is_one = held.is_some_and(|held| {
            let mut values = self.values.iter();
            values.any(|wanted| is_wanted(self.key, &held, wanted))
        });
        is_one == (self.sense == Sense::Is)
    }
}

fn is_wanted(key: Key, held: &str, wanted: &str) -> bool {
    match key {
        Key::SrcIp if wanted.contains('/') => Subnet::parse(wanted)
            .zip(held.parse().ok())
            .is_some_and(|(network, address)| network.contains(address)),
        Key::Date | Key::Time => match range(held.len(), wanted) {
            Some((from, to)) => (from..=to).contains(&held),
            None => held == wanted,
        },
        _ => matches(&held.to_lowercase(), &wanted.to_lowercase()),
    }
}

/// `FROM-TO`, each as long as a value is.
fn range(width: usize, wanted: &str) -> Option<(&str, &str)> {
    let (from, rest) = wanted.split_at_checked(width)?;
    let to = rest.strip_prefix('-')?;
    (to.len() == width).then_some((from, to))
}

/// Whether a text is of the pattern's form. Of the pieces between the stars each is looked for behind
/// the one before: linear in text times pieces, with nothing to go back to.
fn matches(text: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces = rest.split('*');
    let last = pieces.next_back().unwrap_or("");
    for piece in pieces {
        match text.split_once(piece) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(last)
}

impl Expression {
    /// Reads `free-style` text: `and` binds closer than `or`, `not` closest.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut reader = Reader {
            words: &words,
            depth: 0,
        };
        let expression = reader.any()?;
        match reader.words.first() {
            None => Ok(expression),
            Some(word) => Err(ExpressionError::Unexpected((*word).into())),
        }
    }

    fn holds(&self, entry: &Entry<'_>, offset: Span) -> bool {
        match self {
            Self::Condition(condition) => condition.holds(entry, offset),
            Self::And(all) => all.iter().all(|it| it.holds(entry, offset)),
            Self::Or(any) => any.iter().any(|it| it.holds(entry, offset)),
            Self::Not(it) => !it.holds(entry, offset),
        }
    }
}

/// Words that are no values.
const WORDS: [&str; 4] = ["and", "or", "(", ")"];

struct Reader<'a> {
    words: &'a [&'a str],
    depth: usize,
}

impl Reader<'_> {
    fn any(&mut self) -> Result<Expression, ExpressionError> {
        let mut parts = vec![self.all()?];
        while self.take("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Or))
    }

    fn all(&mut self) -> Result<Expression, ExpressionError> {
        let mut parts = vec![self.part()?];
        while self.take("and") {
            parts.push(self.part()?);
        }
        Ok(one_or(parts, Expression::And))
    }

    fn part(&mut self) -> Result<Expression, ExpressionError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(ExpressionError::TooDeep);
        }
        let part = if self.take("not") {
            Expression::Not(Box::new(self.part()?))
        } else if self.take("(") {
            let inner = self.any()?;
            if !self.take(")") {
                return Err(self.unexpected());
            }
            inner
        } else {
            Expression::Condition(self.condition()?)
        };
        self.depth -= 1;
        Ok(part)
    }

    fn condition(&mut self) -> Result<Condition, ExpressionError> {
        let Some((word, rest)) = self.words.split_first() else {
            return Err(self.unexpected());
        };
        if WORDS.contains(word) {
            return Err(self.unexpected());
        }
        let key = Key::named(word).ok_or_else(|| ExpressionError::NoField((*word).into()))?;
        self.words = rest;
        let sense = if self.take("not") {
            Sense::IsNot
        } else {
            Sense::Is
        };
        let end = self.words.iter().position(|word| WORDS.contains(word));
        let (values, rest) = self.words.split_at(end.unwrap_or(self.words.len()));
        if values.is_empty() {
            return Err(ExpressionError::NoValue((*word).into()));
        }
        self.words = rest;
        let bare = |value: &&str| Box::from(value.trim_matches(['"', '\'']));
        Ok(Condition {
            key,
            sense,
            values: values.iter().map(bare).collect(),
        })
    }

    fn take(&mut self, wanted: &str) -> bool {
        match self.words.split_first() {
            Some((word, rest)) if *word == wanted => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }

    fn unexpected(&self) -> ExpressionError {
        match self.words.first() {
            Some(word) => ExpressionError::Unexpected((*word).into()),
            None => ExpressionError::Ends,
        }
    }
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (text, pattern) in [
            ("alice", "alice"),
            ("alice", "a*e"),
            ("alice", "*"),
            ("alice", "*lic*"),
            ("aXbXc", "a*b*c"),
        ] {
            assert!(matches(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in [
            ("alice", "alic"),
            ("alice", "*x*"),
            ("ab", "abc*"),
            ("aba", "ab*ba"),
        ] {
            assert!(!matches(text, pattern), "{text} {pattern}");
        }
    }

    #[test]
    fn a_free_style_filter_reads_as_it_is_written() {
        let condition = |key, values: &[&str]| {
            Expression::Condition(Condition {
                key,
                sense: Sense::Is,
                values: values.iter().map(|value| Box::from(*value)).collect(),
            })
        };
        let (user, level) = (
            condition(Key::User, &["alice", "bob"]),
            condition(Key::Level, &["alert"]),
        );
        for (text, expected) in [
            ("user alice bob", user.clone()),
            ("(user alice bob)", user.clone()),
            (
                "(user \"alice\" bob) or (level alert)",
                Expression::Or(vec![user.clone(), level.clone()]),
            ),
            (
                "not level alert and user alice bob or level alert",
                Expression::Or(vec![
                    Expression::And(vec![Expression::Not(Box::new(level.clone())), user.clone()]),
                    level.clone(),
                ]),
            ),
        ] {
            assert_eq!(Expression::parse(text), Ok(expected), "{text}");
        }
        for (text, error) in [
            ("", ExpressionError::Ends),
            ("(user alice", ExpressionError::Ends),
            ("user alice)", ExpressionError::Unexpected(")".into())),
            ("user", ExpressionError::NoValue("user".into())),
            ("colour red", ExpressionError::NoField("colour".into())),
            ("user a or", ExpressionError::Ends),
            (&"(".repeat(17), ExpressionError::TooDeep),
        ] {
            assert_eq!(Expression::parse(text), Err(error), "{text}");
        }
    }
}
