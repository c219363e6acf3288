//! People and tokens as rows, as far as logins need them: there may be a million, so nothing else is read, nor copied
//! where what is kept is shorter.

use domain::name::CanonicalName;
use domain::password::PasswordHash;
use domain::time::Timestamp;
use domain::user::{Keeper, TwoFactor};
use ident::{RegistrationId, TokenSerial};
use otp::Drift;

use super::super::contacts;
use super::super::people::{password_from, switch};
use super::super::tokens::{parameters, status, usable};
use super::{
    Legacy, Login, PersonEntry, PhoneDigest, Sealed, Second, Seldom, Spent, TokenEntry, Unread,
    sent_to, step_from,
};
use crate::engine::{FromRow, Row, SqlError, Tx};
use crate::vals;

/// A query for people, in the order of columns in which they are read.
macro_rules! select_people {
    ($rest:literal) => {
        concat!(
            "SELECT canonical, status, password, two_factor, token, keeper, ldap_server, radius_server, \
             name, policy, password_set, legacy, email, phone, sms_server, custom_server, notification, \
             language, rowid FROM person ",
            $rest
        )
    };
}

/// The same for tokens; what makes codes is where [`parameters`] reads it.
macro_rules! select_tokens {
    ($rest:literal) => {
        concat!(
            "SELECT serial, status, stage, expires, kind, period, digits, digest, registration, seed, \
             seed_version, seed_since, drift, spent, spent_by, rowid FROM token ",
            $rest
        )
    };
}

/// A row of `person`.
pub(in super::super) struct PersonColumns {
    pub(super) name: CanonicalName,
    pub(super) entry: PersonEntry,
    place: i64,
}

impl FromRow for PersonColumns {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let canonical = row.word(0)?;
        let damaged = |field| SqlError::damaged("person", canonical, field);
        let name = CanonicalName::from_stored(canonical);
        let password = password_from(row.text(2)?, canonical)?;
        let two_factor = TwoFactor::parse(row.word(3)?).ok_or_else(|| damaged("two_factor"))?;
        let token = row.text(4)?.map(TokenSerial::parse).transpose();
        let keeper = Keeper::parse(row.word(5)?).ok_or_else(|| damaged("keeper"))?;
        let servers = (row.text(6)?, row.text(7)?);
        let legacy = row.octets(11)?.zip(password.as_ref());
        let sent_to = match two_factor {
            TwoFactor::Sent(_) => sent_to(two_factor, &contacts::read(row, row.get(12)?, 13)?),
            TwoFactor::Disable | TwoFactor::Fortitoken => None,
        };
        let seldom = Seldom {
            administrator: None,
            policy: row.text(9)?.map(Into::into),
            legacy: legacy.map(|(sealed, hash)| Box::new(Legacy::of(sealed, hash))),
            login: Login::of(keeper, &name, servers, row.word(8)?).map(Box::new),
            sent_to,
        };
        let entry = PersonEntry {
            status: switch(row.word(1)?).ok_or_else(|| damaged("status"))?,
            two_factor,
            token: token.map_err(|_| damaged("token"))?,
            password: password.as_ref().map(PasswordHash::digest),
            password_set: row.get::<Option<Timestamp>>(10)?.map(Second::of),
            seldom: seldom.kept(),
        };
        Ok(Self {
            name,
            entry,
            place: row.get(18)?,
        })
    }
}

/// A row of `token`, its seed still sealed.
pub(in super::super) struct TokenColumns {
    pub(super) serial: TokenSerial,
    pub(super) entry: TokenEntry,
    place: i64,
}

impl FromRow for TokenColumns {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let key = row.word(0)?;
        let damaged = |field| SqlError::damaged("token", key, field);
        let status = status(row.word(1)?).ok_or_else(|| damaged("status"))?;
        let registration = row.text(8)?.map(RegistrationId::parse).transpose();
        let registration = registration.map_err(|_| damaged("registration"))?;
        let spent_by = row.get::<Option<i64>>(14)?.unwrap_or(0);
        let spent = row.get::<Option<i64>>(13)?.map(|step| Spent {
            step: step_from(step),
            by: spent_by,
        });
        let drift = i32::try_from(row.get::<i64>(12)?).map_err(|_| damaged("drift"))?;
        let entry = TokenEntry {
            seed: row.octets(9)?.map(Sealed::from),
            seed_version: row.get(10)?,
            seed_since: row.get(11)?,
            parameters: parameters(row).ok_or_else(|| damaged("kind"))?,
            usable: usable(status, row.word(2)?, row.get(3)?),
            phone: registration.map(PhoneDigest::of).into(),
            drift: Drift(drift),
            latest: spent.into(),
        };
        Ok(Self {
            serial: TokenSerial::parse(key).map_err(|_| damaged("serial"))?,
            entry,
            place: row.get(15)?,
        })
    }
}

/// A page of a table, and where the next one begins, if there is one.
pub(in super::super) struct Page<R> {
    pub(in super::super) rows: Vec<R>,
    pub(in super::super) next: Option<i64>,
}

impl<R> Page<R> {
    fn of(rows: Vec<R>, place: impl Fn(&R) -> i64) -> Self {
        let next = rows.last().map(place);
        Self { rows, next }
    }
}

/// People after a place in the file, in which they lie by no name: each page of the file is read once.
pub(in super::super) async fn people_after<T: Tx>(
    tx: &mut T,
    place: i64,
    limit: i64,
) -> Result<Page<PersonColumns>, SqlError> {
    let sql = select_people!("WHERE rowid > $1 ORDER BY rowid LIMIT $2");
    let rows = tx.rows(sql, &vals![place, limit]).await?;
    Ok(Page::of(rows, |row: &PersonColumns| row.place))
}

/// The same of tokens, with the removed ones: what was spent of them stays spent.
pub(in super::super) async fn tokens_after<T: Tx>(
    tx: &mut T,
    place: i64,
    limit: i64,
) -> Result<Page<TokenColumns>, SqlError> {
    let sql = select_tokens!("WHERE rowid > $1 ORDER BY rowid LIMIT $2");
    let rows = tx.rows(sql, &vals![place, limit]).await?;
    Ok(Page::of(rows, |row: &TokenColumns| row.place))
}

/// What there is of somebody or of a token that was looked for, each with its row if it has one.
#[derive(Default)]
pub(in super::super) struct Found {
    pub(super) person: Option<(CanonicalName, Option<PersonEntry>)>,
    pub(super) token: Option<(TokenSerial, Option<TokenEntry>)>,
}

/// Looks for what is unread; with somebody comes the token.
pub(in super::super) async fn find<T: Tx>(tx: &mut T, unread: Unread) -> Result<Found, SqlError> {
    match unread {
        Unread::Person(name) => {
            let sql = select_people!("WHERE canonical = $1");
            let row: Option<PersonColumns> = tx.row(sql, &vals![name.as_str()]).await?;
            let entry = row.map(|row| row.entry);
            let token = match entry.as_ref().and_then(|entry| entry.token) {
                Some(serial) => Some(find_token(tx, serial).await?),
                None => None,
            };
            let person = Some((name, entry));
            Ok(Found { person, token })
        }
        Unread::Token(serial) => Ok(Found {
            person: None,
            token: Some(find_token(tx, serial).await?),
        }),
    }
}

async fn find_token<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
) -> Result<(TokenSerial, Option<TokenEntry>), SqlError> {
    let sql = select_tokens!("WHERE serial = $1");
    let row: Option<TokenColumns> = tx.row(sql, &vals![serial.as_str()]).await?;
    Ok((serial, row.map(|row| row.entry)))
}
