//! Arguments of commands: words become values, or the line is refused.

use domain::contact::Channel;
use domain::name::{CanonicalName, Realm};
use domain::vdom::Vdom;
use ident::{LicenceCode, ParseError, TokenSerial};
use zeroize::Zeroizing;

use super::{Synchronise, TestToken};
use crate::complaint::Complaint;
use crate::tree::METHODS;

/// The most that may be asked for: more belongs into the event log.
const LOGINS_MAX: u32 = 1_000;

pub(super) fn serial(word: &str) -> Result<TokenSerial, Complaint> {
    TokenSerial::parse(word).map_err(bad_word(word))
}

pub(super) fn licence_code(word: &str) -> Result<LicenceCode, Complaint> {
    LicenceCode::parse(word).map_err(bad_word(word))
}

pub(super) fn person(vdom: Vdom, word: &str) -> Result<CanonicalName, Complaint> {
    CanonicalName::within(Realm::Vdom(vdom), word)
        .map_err(|error| Complaint::value(word, error.to_string()))
}

pub(super) fn vdom(word: &str) -> Result<Vdom, Complaint> {
    Vdom::parse(word).map_err(|error| Complaint::value(word, error.to_string()))
}

pub(super) fn count(word: &str) -> Result<u32, Complaint> {
    let count = word
        .parse()
        .ok()
        .filter(|count| (1..=LOGINS_MAX).contains(count));
    count.ok_or_else(|| Complaint::value(word, format!("a number from 1 to {LOGINS_MAX}")))
}

/// The way that a word of [`METHODS`] begins.
pub(super) fn method(word: &str) -> Option<Channel> {
    let mut methods = METHODS.iter();
    let method = methods.find(|it| it.word.starts_with(word))?;
    Channel::parse(method.word)
}

pub(super) fn level(word: &str) -> Result<i32, Complaint> {
    let level = word.parse().ok().filter(|level| *level >= -1);
    level.ok_or_else(|| Complaint::value(word, "a level is a number; 0 is off, -1 is everything"))
}

/// `-1` is not documented and is typed all the same: everything.
pub(super) fn cli_level(word: &str) -> Result<i32, Complaint> {
    let level = word.parse().ok().filter(|level| (-1..=8).contains(level));
    level.ok_or_else(|| {
        let plain = "a level is a number from 0 to 8; 3 is usual, 8 shows every change";
        Complaint::value(word, plain)
    })
}

pub(super) fn synchronise(vdom: Vdom, words: &[String]) -> Result<Synchronise, Complaint> {
    match words {
        [token, first, second] => Ok(Synchronise {
            vdom,
            serial: serial(token)?,
            first: code(first)?,
            second: code(second)?,
        }),
        _ => Err(Complaint::incomplete(
            "a serial number and two codes must follow",
        )),
    }
}

/// A day of one-minute steps: no clock that was ever right is further off.
const SCREEN_MAX: u16 = 1_440;

pub(super) fn test_token(vdom: Vdom, words: &[String]) -> Result<TestToken, Complaint> {
    let [codes @ .., screen] = words else {
        return Err(Complaint::incomplete("a serial number must follow"));
    };
    let size = screen.parse().ok();
    let size = size.filter(|size| (1..=SCREEN_MAX).contains(size));
    Ok(TestToken {
        codes: synchronise(vdom, codes)?,
        screen: size.ok_or_else(|| {
            Complaint::value(screen, format!("a number of steps from 1 to {SCREEN_MAX}"))
        })?,
    })
}

/// How many digits the token shows is known where its seed is.
fn code(word: &str) -> Result<Zeroizing<String>, Complaint> {
    let is_code = (6..=10).contains(&word.len()) && word.bytes().all(|c| c.is_ascii_digit());
    if is_code {
        Ok(Zeroizing::new(word.to_owned()))
    } else {
        Err(Complaint::value(
            word,
            "a code is the 6 to 10 digits that the token shows",
        ))
    }
}

pub(super) fn bad_word(word: &str) -> impl Fn(ParseError) -> Complaint {
    move |error| Complaint::value(word, error.to_string())
}
