//! Users as rows.

use std::sync::Arc;

use domain::admin::Named;
use domain::audit::{Actor, Event};
use domain::contact::{Channel, Language};
use domain::legacy;
use domain::name::{CanonicalName, Realm, UserName};
use domain::password::{PasswordHash, Rehash};
use domain::password_policy::{History, PasswordPolicy};
use domain::password_renewal::Renewed;
use domain::schema::{LDAP, LOCAL, PASSWORD_POLICY, Place, RADIUS, SMS_SERVER};
use domain::time::Timestamp;
use domain::user::{Keeper, Kept, Switch, TwoFactor, User};
use ident::TokenSerial;

use super::contacts;
use super::directory::PersonEntry;
use super::entries;
use super::events::Link;
use super::former;
use super::loading::Whole;
use super::memory::{self, Memory};
use super::queries::Never;
use super::recovery;
use super::references::{self, Reference};
use crate::engine::{Failure, FromRow, Row, SqlError, Tx, Work};
use crate::vals;

/// A query for people, in the order of columns in which they are read.
macro_rules! select_people {
    ($rest:literal) => {
        concat!(
            "SELECT canonical, name, status, password, two_factor, token, email, keeper, \
             ldap_server, radius_server, policy, password_set, history, kept, phone, \
             sms_server, custom_server, notification, language, radius_legacy, legacy FROM person ",
            $rest
        )
    };
}

/// A row of `person`.
pub(super) struct PersonRow(pub(super) User);

impl FromRow for PersonRow {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let canonical: String = row.get(0)?;
        let damaged = |field| SqlError::damaged("person", &canonical, field);
        let written: String = row.get(1)?;
        Ok(Self(User {
            name: user_name(&canonical, &written).ok_or_else(|| damaged("name"))?,
            status: switch(&row.get::<String>(2)?).ok_or_else(|| damaged("status"))?,
            password: password_from(row.text(3)?, &canonical)?,
            two_factor: TwoFactor::parse(&row.get::<String>(4)?)
                .ok_or_else(|| damaged("two_factor"))?,
            token: row
                .get::<Option<String>>(5)?
                .map(|serial| TokenSerial::parse(&serial).map_err(|_| damaged("token")))
                .transpose()?,
            contact: contacts::read(row, row.get(6)?, 14)?,
            keeper: Keeper::parse(&row.get::<String>(7)?).ok_or_else(|| damaged("keeper"))?,
            ldap_server: row.get::<Option<String>>(8)?.map(Into::into),
            radius_server: row.get::<Option<String>>(9)?.map(Into::into),
            policy: row.get::<Option<String>>(10)?.map(Into::into),
            password_set: row.get(11)?,
            history: History::parse(&row.get::<String>(12)?).ok_or_else(|| damaged("history"))?,
            kept: kept_from(&row.get::<String>(13)?),
            radius_legacy: switch(&row.get::<String>(19)?)
                .ok_or_else(|| damaged("radius_legacy"))?,
            legacy: row
                .get::<Option<Vec<u8>>>(20)?
                .map(|sealed| legacy::Kept::Sealed(sealed.into())),
        }))
    }
}

pub(super) fn password_from(
    phc: Option<&str>,
    canonical: &str,
) -> Result<Option<PasswordHash>, SqlError> {
    let hash = phc.map(PasswordHash::from_phc).transpose();
    hash.map_err(|_| SqlError::damaged("person", canonical, "password"))
}

pub(super) fn switch(word: &str) -> Option<Switch> {
    [Switch::Enable, Switch::Disable]
        .into_iter()
        .find(|switch| switch_word(*switch) == word)
}

const fn switch_word(switch: Switch) -> &'static str {
    match switch {
        Switch::Enable => "enable",
        Switch::Disable => "disable",
    }
}

/// A name as it was written, of the person who is looked up as `canonical`.
pub(super) fn user_name(canonical: &str, written: &str) -> Option<UserName> {
    let realm = CanonicalName::from_stored(canonical).realm();
    UserName::within(realm, written).ok()
}

pub(super) async fn person<T: Tx>(
    tx: &mut T,
    name: &CanonicalName,
) -> Result<Option<User>, SqlError> {
    let row: Option<PersonRow> = tx
        .row(
            select_people!("WHERE canonical = $1"),
            &vals![name.as_str()],
        )
        .await?;
    Ok(row.map(|row| row.0))
}

/// The row of a name, or else of the next one, or of the last: from a cold file one takes as many pages as another.
const PASSWORD_OF: &str = "SELECT canonical, password FROM \
     (SELECT canonical, password FROM person WHERE canonical >= $1 ORDER BY canonical LIMIT 1) \
     UNION ALL SELECT canonical, password FROM \
     (SELECT canonical, password FROM person WHERE canonical < $1 ORDER BY canonical DESC LIMIT 1) \
     LIMIT 1";

/// The hash of a user's password. That of another is read and dropped where there is no such user: the time must not
/// tell who is one.
pub(super) async fn password<T: Tx>(
    tx: &mut T,
    name: &CanonicalName,
) -> Result<Option<PasswordHash>, SqlError> {
    let row: Option<(String, Option<String>)> = tx.row(PASSWORD_OF, &vals![name.as_str()]).await?;
    let Some((canonical, phc)) = row else {
        return Ok(None);
    };
    let hash = password_from(phc.as_deref(), &canonical);
    if canonical == name.as_str() {
        hash
    } else {
        Ok(None)
    }
}

/// Writes a user whose kept password is sealed; see [`Secrets::sealed_user`].
pub(super) async fn put_person<T: Tx>(tx: &mut T, user: &User) -> Result<(), SqlError> {
    tx.exec_one(
        "INSERT INTO person (canonical, name, status, password, two_factor, token, email, realm, \
         keeper, ldap_server, radius_server, policy, password_set, history, kept, phone, sms_server, \
         custom_server, notification, language, radius_legacy, legacy) VALUES ($1, $2, $3, $4, $5, \
         $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22) \
         ON CONFLICT (canonical) DO UPDATE SET name = $2, status = $3, password = $4, \
         two_factor = $5, token = $6, email = $7, keeper = $9, ldap_server = $10, \
         radius_server = $11, policy = $12, password_set = $13, history = $14, kept = $15, \
         phone = $16, sms_server = $17, custom_server = $18, notification = $19, \
         language = $20, radius_legacy = $21, legacy = $22",
        &vals![
            user.name.canonical().as_str(),
            user.name.as_written(),
            switch_word(user.status),
            user.password.as_ref().map(PasswordHash::as_phc),
            user.two_factor.word(),
            user.token.as_ref().map(TokenSerial::as_str),
            user.contact.email.as_deref(),
            user.name.canonical().realm().as_str(),
            user.keeper.word(),
            user.ldap_server.as_deref(),
            user.radius_server.as_deref(),
            user.policy.as_deref(),
            user.password_set,
            user.history.to_text(),
            kept_text(&user.kept),
            user.contact.phone.as_deref(),
            user.contact.sms_server.word(),
            user.contact.custom_server.as_deref(),
            user.contact.notification.map(Channel::word),
            user.contact.language.map(Language::word),
            switch_word(user.radius_legacy),
            sealed_legacy(user),
        ],
    )
    .await?;
    references::put(tx, &place_of(user.name.canonical()), &named_by(user)).await
}

/// The kept password as the store has it. One that nothing sealed is not written.
pub(super) fn sealed_legacy(user: &User) -> Option<&[u8]> {
    match &user.legacy {
        Some(legacy::Kept::Sealed(sealed)) => Some(sealed),
        Some(legacy::Kept::Open(_)) | None => None,
    }
}

/// A line for each field; no text has line ends.
fn kept_text(kept: &Kept) -> String {
    let line = |(name, text)| format!("{name} {text}");
    kept.fields().map(line).collect::<Vec<_>>().join("\n")
}

/// A field that this version does not declare is left out.
fn kept_from(lines: &str) -> Kept {
    let fields = lines.lines().filter_map(|line| {
        let (name, text) = line.split_once(' ')?;
        Some((LOCAL.field(name)?, text))
    });
    fields.fold(Kept::default(), |mut kept, (field, text)| {
        kept.set(field, text);
        kept
    })
}

/// Where the index of references has a person.
fn place_of(name: &CanonicalName) -> Place {
    Place::new(name.realm().vdom(), &LOCAL, name.as_str())
}

/// What a user's fields name. The user's token is in the user's row alone.
fn named_by(user: &User) -> Vec<Reference> {
    let fields = [
        ("ldap-server", &user.ldap_server),
        ("radius-server", &user.radius_server),
        ("passwd-policy", &user.policy),
        ("sms-custom-server", &user.contact.custom_server),
    ];
    let vdom = user.name.canonical().realm().vdom();
    let reference = |(field, key): (&str, &Option<Box<str>>)| {
        let field = LOCAL.field(field)?;
        let named = Named {
            vdom,
            tables: field.kind.references(),
            key: key.clone()?,
        };
        Some(Reference {
            field: field.name.to_owned(),
            named,
        })
    };
    fields.into_iter().filter_map(reference).collect()
}

/// Has everybody who names an entry name it by its new key.
pub(super) async fn rename_in_people<T: Tx>(
    tx: &mut T,
    entry: &Place,
    to: &str,
) -> Result<(), SqlError> {
    let statement = match entry.table() {
        table if table == &LDAP => {
            "UPDATE person SET ldap_server = $3 WHERE ldap_server = $2 AND realm = $1"
        }
        table if table == &RADIUS => {
            "UPDATE person SET radius_server = $3 WHERE radius_server = $2 AND realm = $1"
        }
        table if table == &PASSWORD_POLICY => {
            "UPDATE person SET policy = $3 WHERE policy = $2 AND realm = $1"
        }
        table if table == &SMS_SERVER => {
            "UPDATE person SET custom_server = $3 WHERE custom_server = $2 AND $1 = 'root'"
        }
        _ => return Ok(()),
    };
    tx.exec(statement, &vals![entry.vdom().as_str(), entry.key(), to])
        .await
        .map(drop)
}

/// Gives a person another name. Everything else of the row stays.
pub(super) async fn rename_person<T: Tx>(
    tx: &mut T,
    from: &CanonicalName,
    to: &UserName,
) -> Result<(), SqlError> {
    tx.exec_one(
        "UPDATE person SET canonical = $2, name = $3 WHERE canonical = $1",
        &vals![from.as_str(), to.canonical().as_str(), to.as_written()],
    )
    .await?;
    recovery::rename(tx, from, to.canonical()).await?;
    former::rename(tx, from, to.canonical()).await?;
    references::moved(tx, &place_of(from), to.canonical().as_str()).await
}

pub(super) async fn remove_person<T: Tx>(tx: &mut T, name: &CanonicalName) -> Result<(), SqlError> {
    tx.exec_one(
        "DELETE FROM person WHERE canonical = $1",
        &vals![name.as_str()],
    )
    .await?;
    recovery::remove(tx, name).await?;
    former::forget_person(tx, name).await?;
    references::remove(tx, &place_of(name)).await
}

/// The next users of a realm after `after` in the order of their canonical names.
pub(super) async fn people_after<T: Tx>(
    tx: &mut T,
    realm: Realm,
    after: &str,
    limit: i64,
) -> Result<Vec<PersonRow>, SqlError> {
    tx.rows(
        select_people!("WHERE realm = $1 AND canonical > $2 ORDER BY canonical LIMIT $3"),
        &vals![realm.as_str(), after, limit],
    )
    .await
}

/// The hash of a password that was right gives way to one of this unit, unless somebody set another meanwhile. A
/// password that is kept itself is bound to its hash, and was hashed here.
pub(super) struct RehashPassword {
    pub(super) _whole: Whole,
    pub(super) rehash: Rehash,
    pub(super) now: Timestamp,
}

impl Work for RehashPassword {
    type Out = Option<Changed>;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<Never>> {
        let Rehash {
            person: name,
            from,
            to,
        } = self.rehash;
        let renewed = tx
            .exec(
                "UPDATE person SET password = $1 WHERE canonical = $2 AND password = $3 AND legacy IS NULL",
                &vals![to.as_phc(), name.as_str(), from.as_phc()],
            )
            .await?;
        let user = match renewed {
            0 => None,
            _ => person(tx, &name).await?,
        };
        let Some(user) = user else {
            return Ok(None);
        };
        let event = Event::changed(
            &Actor::system("login"),
            name.realm().vdom(),
            "user.renew-hash",
            name.bare(),
            "",
            self.now,
        );
        Ok(Some(changed(tx, &user, &event).await?))
    }
}

/// What memory has to learn of a person who was changed by this event.
pub(super) type Changed = (CanonicalName, PersonEntry, Link);

async fn changed<T: Tx>(tx: &mut T, user: &User, event: &Event) -> Result<Changed, SqlError> {
    let mut link = Link::last(tx).await?;
    link.append(tx, event, None).await?;
    let name = user.name.canonical().clone();
    Ok((name, PersonEntry::from(user), link))
}

/// A password that has expired gives way to one that its owner typed, unless anything that this was judged by is
/// another by now. It was hashed and judged before: the writer computes nothing.
pub(super) struct RenewPassword {
    pub(super) memory: Arc<Memory>,
    pub(super) _whole: Whole,
    pub(super) renewed: Renewed,
    pub(super) event: Event,
}

impl Work for RenewPassword {
    type Out = Option<Changed>;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<Never>> {
        let Self {
            memory,
            _whole,
            renewed,
            event,
        } = self;
        let Some(user) = person(tx, renewed.person()).await? else {
            return Ok(None);
        };
        let policy = policy_of(tx, &user).await?;
        let Some(user) = renewed.taken(user, policy, event.at) else {
            return Ok(None);
        };
        let user = memory.secrets.sealed_user(user)?;
        put_person(tx, &user).await?;
        Ok(Some(changed(tx, &user, &event).await?))
    }
}

/// The policy that judges a user's passwords: the user's own, or else that of all users.
pub(super) async fn policy_of<T: Tx>(
    tx: &mut T,
    user: &User,
) -> Result<Option<PasswordPolicy>, SqlError> {
    let vdom = user.name.canonical().realm().vdom();
    let name = match &user.policy {
        Some(own) => Some(own.clone()),
        None => {
            let settings = memory::settings(tx).await?;
            settings.of(vdom).default_password_policy.clone()
        }
    };
    let Some(name) = name else { return Ok(None) };
    let entry = entries::object(tx, &Place::new(vdom, &PASSWORD_POLICY, name)).await?;
    Ok(entry.as_ref().map(PasswordPolicy::from_object))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{database, plan_of};
    use crate::gateway::schema::MIGRATIONS;

    #[test]
    fn who_is_nobody_has_a_row_read_as_everybody_has() {
        let database = database(MIGRATIONS);
        for name in ["bob", "dave"] {
            let row = "INSERT INTO person (canonical, name, status, password, two_factor) \
                       VALUES (?1, ?1, 'enable', 'of ' || ?1, 'disable')";
            database.execute(row, [name]).unwrap();
        }
        for (name, read) in [
            ("bob", "bob"),
            ("dave", "dave"),
            ("alice", "bob"),
            ("carol", "dave"),
            ("zoe", "dave"),
        ] {
            let of = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let mut rows = database.prepare(PASSWORD_OF).unwrap();
            let rows: Vec<(String, String)> = rows
                .query_map([name], of)
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            assert_eq!(rows, [(read.to_owned(), format!("of {read}"))], "{name}");
        }
        let searches = plan_of(MIGRATIONS, PASSWORD_OF);
        let searches = searches.iter().filter(|step| step.contains(" person "));
        let searches: Vec<_> = searches.collect();
        assert_eq!(searches.len(), 2, "{searches:?}");
        let by_index = |step: &&String| step.starts_with("SEARCH person USING INDEX");
        assert!(searches.iter().all(by_index), "{searches:?}");
    }
}
