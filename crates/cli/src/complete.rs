//! Tab and `?`.

use domain::schema::{Field, Kind, Table};
use domain::vdom::Vdom;
use ident::{TokenKind, TokenSerial};

use crate::complaint::Complaint;
use crate::filter::{GREP, OPTIONS, has_pattern};
use crate::permission::Permission;
use crate::render::printable;
use crate::tree::{self, Argument};
use crate::walk::{Choice, Expected, Scope, Walk};
use crate::words::{Beginning, Quoting};

/// What Tab does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Completion {
    /// Nothing fits.
    Nothing,
    /// This belongs at the cursor.
    Insert(String),
    /// More than one thing fits: lines to show, ended by LF.
    Show(String),
    /// The keys of a table fit: fetch those that begin with [`Keys::prefix`] and call
    /// [`Keys::complete`].
    Keys(Keys),
}

/// How the serial numbers of mobile tokens begin: the store finds them without reading the others.
const MOBILE: &str = "FTKMOB";

/// A key that is being typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keys {
    vdom: Vdom,
    tables: Vec<&'static Table>,
    typed: String,
    quoting: Quoting,
    /// Only tokens of this kind.
    kind: Option<TokenKind>,
}

impl Keys {
    /// More keys than this are not shown; fetch one more to tell.
    pub const SHOWN_MAX: usize = 100;

    /// The virtual domain whose entries fit.
    pub fn vdom(&self) -> Vdom {
        self.vdom
    }

    /// The tables, in this order.
    pub fn tables(&self) -> &[&'static Table] {
        &self.tables
    }

    /// How those keys begin; may be empty.
    pub fn prefix(&self) -> &str {
        match self.kind {
            Some(TokenKind::Mobile) if MOBILE.starts_with(&self.typed) => MOBILE,
            _ => &self.typed,
        }
    }

    /// The completion, given the keys that begin with the prefix.
    pub fn complete<K: AsRef<str>>(&self, keys: &[K]) -> Completion {
        let keys = self.fitting(keys);
        complete(&keys, &self.typed, self.quoting, listed)
    }

    /// What `?` shows of them below its help; whole lines.
    pub fn list<K: AsRef<str>>(&self, keys: &[K]) -> String {
        listed(&self.fitting(keys))
    }

    fn fitting<'a, K: AsRef<str>>(&self, keys: &'a [K]) -> Vec<&'a str> {
        let keys = keys.iter().map(AsRef::as_ref);
        let is_wanted = |key: &&str| match self.kind {
            None => true,
            Some(kind) => TokenSerial::parse(key).is_ok_and(|token| token.kind() == kind),
        };
        keys.filter(|key| key.starts_with(&self.typed))
            .filter(is_wanted)
            .collect()
    }
}

fn listed(keys: &[&str]) -> String {
    let more = if keys.len() > Keys::SHOWN_MAX {
        "...\n"
    } else {
        ""
    };
    let shown = keys.iter().take(Keys::SHOWN_MAX);
    let lines: String = shown.map(|key| printable(key) + "\n").collect();
    lines + more
}

pub(crate) fn completion(
    vdom: Vdom,
    scope: Scope,
    permission: &Permission,
    line_before_cursor: &str,
) -> Completion {
    let Ok(Some((beginning, _, expected))) = at_cursor(scope, permission, line_before_cursor)
    else {
        return Completion::Nothing;
    };
    let Beginning {
        pipe,
        partial,
        quoting,
        ..
    } = beginning;
    if let Some(pipe) = pipe {
        return completed_filter(&pipe, &partial, quoting);
    }
    let choices: Vec<Choice> = fitting(expected.choices, &partial);
    match expected.keys {
        tables if choices.is_empty() && !tables.is_empty() => Completion::Keys(Keys {
            vdom,
            tables,
            typed: partial.to_string(),
            quoting,
            kind: match expected.argument.map(|argument| argument.kind) {
                Some(tree::Kind::Token(kind)) => Some(kind),
                _ => None,
            },
        }),
        _ => {
            let words: Vec<&str> = choices.iter().map(|choice| choice.word).collect();
            complete(&words, &partial, quoting, |_| table_of(&choices))
        }
    }
}

pub(crate) fn help(scope: Scope, permission: &Permission, line_before_cursor: &str) -> String {
    let (beginning, walk, expected) = match at_cursor(scope, permission, line_before_cursor) {
        Ok(Some(at_cursor)) => at_cursor,
        Ok(None) => return String::new(),
        Err(complaint) => return complaint.to_string(),
    };
    if let Some(pipe) = &beginning.pipe {
        return filter_help(pipe, &beginning.partial);
    }
    let may_end = expected.end && beginning.partial.is_empty();
    if may_end && let Err(error) = walk.check_value(&beginning.words) {
        return format!("{error}\n");
    }
    let all = expected.choices;
    let choices = fitting(all.clone(), &beginning.partial);
    let mut lines = table_of(&choices);
    match (expected.argument, walk.field()) {
        // None of the words begins like this.
        (Some(_), Some(_)) if choices.is_empty() && !all.is_empty() => lines = table_of(&all),
        (Some(_), Some(field)) if choices.is_empty() => lines += &field_help(field),
        (Some(argument), None) => lines += &argument_help(argument, &expected.keys),
        _ => {}
    }
    if may_end {
        lines += &line("<Enter>", "Run the command.");
    }
    lines
}

/// Where a line has got to; none where there is nothing to say of what may follow.
fn at_cursor<'a>(
    scope: Scope,
    permission: &'a Permission,
    line_before_cursor: &str,
) -> Result<Option<(Beginning, Walk<'a>, Expected)>, Complaint> {
    let Some(beginning) = Beginning::parse(line_before_cursor) else {
        return Ok(None);
    };
    let mut walk = Walk::from(scope, permission);
    for word in beginning.words.iter() {
        walk.step(word)?;
    }
    if beginning.pipe.is_some() && !walk.prints() {
        return Ok(None);
    }
    let expected = walk.expected();
    Ok(Some((beginning, walk, expected)))
}

/// Behind a pipe: the filter, then its options and pattern.
fn filter_help(pipe: &[String], partial: &str) -> String {
    let fitting = |words: &[(&str, &str)]| -> String {
        let words = words.iter().filter(|(word, _)| word.starts_with(partial));
        words.map(|(word, help)| line(word, help)).collect()
    };
    let Some((_, words)) = pipe.split_first() else {
        return fitting(&[GREP]);
    };
    let options = fitting(OPTIONS);
    match partial {
        "" if has_pattern(words) => options + &line("<Enter>", "Run the command."),
        "" => options + &line("<pattern>", "Regular expression."),
        _ => options,
    }
}

fn completed_filter(pipe: &[String], partial: &str, quoting: Quoting) -> Completion {
    if pipe.is_empty() && GREP.0.starts_with(partial) {
        return complete(&[GREP.0], partial, quoting, |_| String::new());
    }
    Completion::Nothing
}

fn fitting(mut choices: Vec<Choice>, partial: &str) -> Vec<Choice> {
    choices.retain(|choice| choice.word.starts_with(partial));
    choices
}

/// One candidate is inserted whole with a blank behind it, several as far as they agree; if that adds
/// nothing, they are shown.
fn complete(
    candidates: &[&str],
    typed: &str,
    quoting: Quoting,
    shown: impl FnOnce(&[&str]) -> String,
) -> Completion {
    let rest = |word: &str| word.get(typed.len()..).unwrap_or("").to_owned();
    match candidates {
        [] => Completion::Nothing,
        [only] => match quoting.rest(&rest(only)) {
            Some(rest) => Completion::Insert(rest + " "),
            None => Completion::Nothing,
        },
        [first, others @ ..] => {
            let common = others
                .iter()
                .fold(*first, |common, other| agreement(common, other));
            match rest(common) {
                nothing if nothing.is_empty() => Completion::Show(shown(candidates)),
                rest => Completion::Insert(quoting.escaped(&rest)),
            }
        }
    }
}

/// The beginning that two words share.
fn agreement<'a>(one: &'a str, other: &str) -> &'a str {
    let differs = one
        .char_indices()
        .zip(other.chars())
        .find(|((_, a), b)| a != b);
    let end = differs.map_or(one.len().min(other.len()), |((at, _), _)| at);
    one.get(..end).unwrap_or(one)
}

fn table_of(choices: &[Choice]) -> String {
    choices
        .iter()
        .map(|choice| line(choice.word, choice.help))
        .collect()
}

/// A key is called what its table calls it.
fn argument_help(argument: &Argument, keys: &[&'static Table]) -> String {
    let key = match (argument.kind, keys) {
        (tree::Kind::Key | tree::Kind::KeyOfPath, [table, ..]) => table.key(),
        _ => None,
    };
    match key {
        Some(key) => line(&format!("<{}>", key.name), key.help),
        None => line(&format!("<{}>", argument.name), argument.help),
    }
}

fn field_help(field: &Field) -> String {
    line(&shape(&field.kind), field.help)
}

/// What a field of this kind takes, in short.
pub(crate) fn shape(kind: &Kind) -> String {
    match kind {
        Kind::Text(max) => format!("<string>, {max} characters"),
        Kind::Choice(_) => "<word>".to_owned(),
        Kind::Integer(min, max) => format!("<number>, {min} - {max}"),
        Kind::Moment => "<seconds since 1970>".to_owned(),
        Kind::DateTime => "<yyyy-mm-dd hh:mm:ss>".to_owned(),
        Kind::Secret(max) => format!("<password>, {max} characters, or ENC <sealed>"),
        Kind::Pem(max) => format!("<PEM in quotes>, {max} characters"),
        Kind::SecretPem(max) => format!("<PEM in quotes>, {max} characters, or ENC <sealed>"),
        Kind::Reference(paths) => format!("<{}>", paths.join(" | ")),
        Kind::Host(_) => "<host name or address>".to_owned(),
        Kind::Address => "<IPv4 address>".to_owned(),
        Kind::Address6 => "<IPv6 address>".to_owned(),
        Kind::Subnet => "<address>, <address>/<bits> or <address> <mask>".to_owned(),
        Kind::Netmask => "<address> <mask>".to_owned(),
        Kind::Prefix6 => "<IPv6 address>/<bits>".to_owned(),
        Kind::List(kind) => format!("{} ...", shape(kind)),
    }
}

fn line(word: &str, help: &str) -> String {
    format!("{word:<30} {help}\n")
}
