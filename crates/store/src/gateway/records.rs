//! Users and tokens as rows.

use domain::admin::{Claim, Named, Owned, Owner};
use domain::contact::{Channel, Language};
use domain::legacy;
use domain::name::{CanonicalName, Realm, UserName};
use domain::password::PasswordHash;
use domain::password_policy::History;
use domain::schema::{LDAP, LOCAL, PASSWORD_POLICY, Place, RADIUS, SMS_SERVER};
use domain::time::Timestamp;
use domain::token::{
    ActivationFailure, ActivationLink, Provisioned, Provisioning, Stage, Token, TokenStatus,
};
use domain::user::{Keeper, Kept, Switch, TwoFactor, User};
use domain::vdom::Vdom;
use ident::{ActivationCode, LicenceSerial, RegistrationId, TokenSerial};
use otp::{Digest, Digits, Drift, Kind, Parameters, Period, Seed, Step};

use super::contacts;
use super::directory::Progress;
use super::events::step_value;
use super::recovery;
use super::references::{self, Reference};
use super::secrets::Secrets;
use crate::engine::{FromRow, Row, SqlError, Tx, Val};
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
            password: row
                .get::<Option<String>>(3)?
                .map(|phc| PasswordHash::from_phc(&phc).map_err(|_| damaged("password")))
                .transpose()?,
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

fn switch(word: &str) -> Option<Switch> {
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
fn user_name(canonical: &str, written: &str) -> Option<UserName> {
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
    references::moved(tx, &place_of(from), to.canonical().as_str()).await
}

pub(super) async fn remove_person<T: Tx>(tx: &mut T, name: &CanonicalName) -> Result<(), SqlError> {
    tx.exec_one(
        "DELETE FROM person WHERE canonical = $1",
        &vals![name.as_str()],
    )
    .await?;
    recovery::remove(tx, name).await?;
    references::remove(tx, &place_of(name)).await
}

/// A row of `token`, its secrets still sealed.
#[derive(Clone, Debug)]
pub(super) struct TokenRow {
    pub(super) serial: TokenSerial,
    vdom: Vdom,
    status: TokenStatus,
    comments: String,
    licence: Option<LicenceSerial>,
    pub(super) parameters: Parameters,
    stage: String,
    code: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    expires: Option<Timestamp>,
    pub(super) registration: Option<RegistrationId>,
    os_version: Option<String>,
    pub(super) seed: Option<Vec<u8>>,
    pub(super) seed_version: u32,
    pub(super) drift: Drift,
    pub(super) spent: Option<i64>,
    pub(super) spent_by: Option<i64>,
    owner: Option<Owner>,
    foreign_seed: Option<String>,
}

/// Whose a token is: a user's, or an administrator's.
fn owner(row: &Row<'_>) -> Result<Option<Owner>, SqlError> {
    let text = |column| row.text(column);
    let damaged = || SqlError::damaged("token", row.word(0).unwrap_or_default(), "owner");
    let (name, contact) = match (text(20)?, text(21)?, text(23)?) {
        (Some(canonical), Some(name), _) => (user_name(canonical, name), text(22)?),
        (_, _, Some(name)) => {
            let name = UserName::within(Realm::Administrators, name);
            (name.ok(), text(24)?)
        }
        _ => return Ok(None),
    };
    Ok(Some(Owner {
        name: name.ok_or_else(damaged)?,
        contact: contacts::from_lines(contact.unwrap_or_default()),
    }))
}

impl FromRow for TokenRow {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let key = row.word(0)?;
        let damaged = |field| SqlError::damaged("token", key, field);
        let owner = owner(row)?;
        Ok(Self {
            serial: TokenSerial::parse(key).map_err(|_| damaged("serial"))?,
            status: match row.word(1)? {
                "active" => TokenStatus::Active,
                "lock" => TokenStatus::Lock,
                _ => return Err(damaged("status")),
            },
            comments: row.get(2)?,
            licence: row
                .text(3)?
                .map(|licence| LicenceSerial::parse(licence).map_err(|_| damaged("licence")))
                .transpose()?,
            parameters: parameters(row).ok_or_else(|| damaged("kind"))?,
            stage: row.get(8)?,
            code: row.get(9)?,
            link: row.get(10)?,
            expires: row.get(11)?,
            registration: row
                .text(12)?
                .map(|id| RegistrationId::parse(id).map_err(|_| damaged("registration")))
                .transpose()?,
            os_version: row.get(13)?,
            seed: row.get(14)?,
            seed_version: row.get(15)?,
            drift: i32::try_from(row.get::<i64>(16)?)
                .map(Drift)
                .map_err(|_| damaged("drift"))?,
            spent: row.get(17)?,
            spent_by: row.get(18)?,
            vdom: Vdom::parse(row.word(19)?).map_err(|_| damaged("vdom"))?,
            owner,
            foreign_seed: row.get(25)?,
        })
    }
}

fn parameters(row: &Row<'_>) -> Option<Parameters> {
    let kind = row.word(4).ok()?;
    let period = Period::new(row.get(5).ok()?);
    Some(Parameters {
        kind: match kind {
            "totp" => Kind::Totp(period.ok()?),
            "hotp" => Kind::Hotp,
            _ => return None,
        },
        digits: Digits::new(u8::try_from(row.get::<u32>(6).ok()?).ok()?).ok()?,
        digest: match row.word(7).ok()? {
            "sha1" => Digest::Sha1,
            "sha256" => Digest::Sha256,
            "sha512" => Digest::Sha512,
            _ => return None,
        },
    })
}

impl TokenRow {
    /// The token as the domain knows it.
    pub(super) fn open(self, secrets: &Secrets) -> Result<Owned, SqlError> {
        let serial = self.serial;
        let damaged = |field| SqlError::damaged("token", serial.as_str(), field);
        let code = || -> Result<ActivationCode, SqlError> {
            let sealed = self.code.as_deref().ok_or_else(|| damaged("code"))?;
            let text = secrets
                .open_token(serial, "code", 0, sealed)
                .ok_or_else(|| damaged("code"))?;
            std::str::from_utf8(&text)
                .ok()
                .and_then(|text| ActivationCode::parse(text).ok())
                .ok_or_else(|| damaged("code"))
        };
        let expires = || self.expires.ok_or_else(|| damaged("expires"));
        let stage = match self.stage.as_str() {
            "new" => Stage::New,
            "requested" => Stage::Requested,
            "activated" => Stage::Activated,
            "already-activated" => Stage::Failed(ActivationFailure::AlreadyActivated),
            "unknown" => Stage::Failed(ActivationFailure::Unknown),
            "foreign" => {
                let text = self.foreign_seed.clone().unwrap_or_default();
                Stage::Failed(ActivationFailure::Foreign(text.into()))
            }
            "provisioning" => {
                let sealed = self.link.as_deref().ok_or_else(|| damaged("link"))?;
                let text = secrets
                    .open_token(serial, "link", 0, sealed)
                    .ok_or_else(|| damaged("link"))?;
                let text = String::from_utf8(text.to_vec()).map_err(|_| damaged("link"))?;
                let link = ActivationLink::new(text);
                Stage::Provisioning(Provisioning {
                    code: code()?,
                    link,
                    expires: expires()?,
                })
            }
            "provisioned" => Stage::Provisioned(Provisioned {
                code: code()?,
                expires: expires()?,
                registration: self.registration.ok_or_else(|| damaged("registration"))?,
                os_version: self.os_version.clone().unwrap_or_default().into(),
            }),
            _ => return Err(damaged("stage")),
        };
        Ok(Owned {
            token: Token {
                serial,
                vdom: self.vdom,
                status: self.status,
                comments: self.comments.into(),
                licence: self.licence,
                parameters: self.parameters,
                has_seed: self.seed.is_some(),
                stage,
                drift: self.drift,
            },
            owner: self.owner,
        })
    }

    /// What the login path needs to know of the stage.
    pub(super) fn usable(&self) -> super::directory::Usable {
        use super::directory::Usable;
        match (self.status, self.stage.as_str()) {
            (TokenStatus::Lock, _) => Usable::Locked,
            (_, "provisioning") => Usable::Until(self.expires.unwrap_or_default()),
            (_, "provisioned" | "activated") => Usable::Always,
            _ => Usable::Never,
        }
    }
}

pub(super) async fn token<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
) -> Result<Option<TokenRow>, SqlError> {
    tx.row(
        "SELECT t.serial, t.status, t.comments, t.licence, t.kind, t.period, t.digits, t.digest, \
         t.stage, t.code, t.link, t.expires, t.registration, t.os_version, t.seed, \
         t.seed_version, t.drift, t.spent, t.spent_by, t.vdom, p.canonical, p.name, \
         concat_ws('\n', 'email-to ' || p.email, 'sms-phone ' || p.phone, \
         'sms-server ' || p.sms_server, 'sms-custom-server ' || p.custom_server, \
         'two-factor-notification ' || p.notification, 'language ' || p.language), a.entry, \
         (SELECT string_agg(m.field || ' ' || m.value, '\n') FROM config m \
         WHERE m.path = 'system admin' AND m.vdom = 'root' AND m.entry = a.entry AND m.field IN \
         ('email-to', 'sms-phone', 'sms-server', 'sms-custom-server', 'two-factor-notification')), \
         t.foreign_seed FROM token t LEFT JOIN person p ON p.token = t.serial \
         LEFT JOIN reference a ON a.target = 'user fortitoken' AND a.name = t.serial \
         AND a.path = 'system admin' \
         WHERE t.serial = $1 AND t.stage <> 'removed'",
        &vals![serial.as_str()],
    )
    .await
}

/// The next tokens of a virtual domain after `after` in the order of their serials, without their owners:
/// who lists 100,000 tokens waits for nothing that is not shown.
pub(super) async fn tokens_after<T: Tx>(
    tx: &mut T,
    vdom: Vdom,
    after: &str,
    limit: i64,
) -> Result<Vec<TokenRow>, SqlError> {
    tx.rows(
        "SELECT serial, status, comments, licence, kind, period, digits, digest, stage, code, \
         link, expires, registration, os_version, seed, seed_version, drift, spent, spent_by, vdom, \
         NULL, NULL, NULL, NULL, NULL, foreign_seed FROM token \
         WHERE vdom = $1 AND serial > $2 AND stage <> 'removed' ORDER BY serial LIMIT $3",
        &vals![vdom.as_str(), after, limit],
    )
    .await
}

/// As [`tokens_after`], with their owners.
pub(super) async fn owned_tokens_after<T: Tx>(
    tx: &mut T,
    vdom: Vdom,
    after: &str,
    limit: i64,
) -> Result<Vec<TokenRow>, SqlError> {
    tx.rows(
        "SELECT t.serial, t.status, t.comments, t.licence, t.kind, t.period, t.digits, t.digest, \
         t.stage, t.code, t.link, t.expires, t.registration, t.os_version, t.seed, \
         t.seed_version, t.drift, t.spent, t.spent_by, t.vdom, p.canonical, p.name, \
         concat_ws('\n', 'email-to ' || p.email, 'sms-phone ' || p.phone, \
         'sms-server ' || p.sms_server, 'sms-custom-server ' || p.custom_server, \
         'two-factor-notification ' || p.notification, 'language ' || p.language), a.entry, \
         (SELECT string_agg(m.field || ' ' || m.value, '\n') FROM config m \
         WHERE m.path = 'system admin' AND m.vdom = 'root' AND m.entry = a.entry AND m.field IN \
         ('email-to', 'sms-phone', 'sms-server', 'sms-custom-server', 'two-factor-notification')), \
         t.foreign_seed FROM token t LEFT JOIN person p ON p.token = t.serial \
         LEFT JOIN reference a ON a.target = 'user fortitoken' AND a.name = t.serial \
         AND a.path = 'system admin' \
         WHERE t.vdom = $1 AND t.serial > $2 AND t.stage <> 'removed' \
         ORDER BY t.serial LIMIT $3",
        &vals![vdom.as_str(), after, limit],
    )
    .await
}

/// As [`tokens_after`] of all virtual domains, with the removed ones: what was spent of them stays spent.
pub(super) async fn all_tokens_after<T: Tx>(
    tx: &mut T,
    after: &str,
    limit: i64,
) -> Result<Vec<TokenRow>, SqlError> {
    tx.rows(
        "SELECT serial, status, comments, licence, kind, period, digits, digest, stage, code, \
         link, expires, registration, os_version, seed, seed_version, drift, spent, spent_by, vdom, \
         NULL, NULL, NULL, NULL, NULL, foreign_seed FROM token WHERE serial > $1 ORDER BY serial LIMIT $2",
        &vals![after, limit],
    )
    .await
}

/// The next mobile tokens after `after` whose state at the token server matters: those of a virtual
/// domain, or all.
pub(super) async fn pollable_after<T: Tx>(
    tx: &mut T,
    vdom: Option<Vdom>,
    after: &str,
    limit: i64,
) -> Result<Vec<TokenSerial>, SqlError> {
    let rows: Vec<(String,)> = match &vdom {
        Some(vdom) => {
            tx.rows(
                "SELECT serial FROM token WHERE vdom = $1 AND serial > $2 \
                 AND stage IN ('provisioning', 'provisioned') ORDER BY serial LIMIT $3",
                &vals![vdom.as_str(), after, limit],
            )
            .await?
        }
        None => {
            tx.rows(
                "SELECT serial FROM token WHERE serial > $1 \
                 AND stage IN ('provisioning', 'provisioned') ORDER BY serial LIMIT $2",
                &vals![after, limit],
            )
            .await?
        }
    };
    let serial = |text: &str| {
        TokenSerial::parse(text).map_err(|_| SqlError::damaged("token", text, "serial"))
    };
    rows.iter().map(|(text,)| serial(text)).collect()
}

/// Hardware tokens that are activated and not locked: of a virtual domain, and of all.
pub(super) async fn activated<T: Tx>(tx: &mut T, vdom: Vdom) -> Result<(u64, u64), SqlError> {
    let counts: Option<(i64, i64)> = tx
        .row(
            "SELECT count(*) FILTER (WHERE vdom = $1), count(*) FROM token \
             WHERE stage = 'activated' AND status = 'active'",
            &vals![vdom.as_str()],
        )
        .await?;
    let (here, everywhere) = counts.unwrap_or_default();
    Ok((here.unsigned_abs(), everywhere.unsigned_abs()))
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

/// As [`people_after`], of all realms.
pub(super) async fn all_people_after<T: Tx>(
    tx: &mut T,
    after: &str,
    limit: i64,
) -> Result<Vec<PersonRow>, SqlError> {
    tx.rows(
        select_people!("WHERE canonical > $1 ORDER BY canonical LIMIT $2"),
        &vals![after, limit],
    )
    .await
}

/// Writes a token; its seed and what was spent of it stay.
pub(super) async fn put_token<T: Tx>(
    tx: &mut T,
    token: &Token,
    secrets: &Secrets,
) -> Result<(), SqlError> {
    let serial = token.serial;
    let (kind, period) = match token.parameters.kind {
        Kind::Totp(period) => ("totp", i64::from(period.secs())),
        Kind::Hotp => ("hotp", 0),
    };
    let digest = match token.parameters.digest {
        Digest::Sha1 => "sha1",
        Digest::Sha256 => "sha256",
        Digest::Sha512 => "sha512",
    };
    let status = match token.status {
        TokenStatus::Active => "active",
        TokenStatus::Lock => "lock",
    };
    let foreign_seed = match &token.stage {
        Stage::Failed(ActivationFailure::Foreign(text)) => Some(&**text),
        _ => None,
    };
    let seal = |field, text: &str| secrets.seal_token(serial, field, 0, text.as_bytes());
    let none = (Val::Null, Val::Null, Val::Null, Val::Null, Val::Null);
    let (stage, (code, link, expires, registration, os_version)) = match &token.stage {
        Stage::New => ("new", none),
        Stage::Requested => ("requested", none),
        Stage::Activated => ("activated", none),
        Stage::Failed(ActivationFailure::AlreadyActivated) => ("already-activated", none),
        Stage::Failed(ActivationFailure::Unknown) => ("unknown", none),
        Stage::Failed(ActivationFailure::Foreign(_)) => ("foreign", none),
        Stage::Provisioning(waiting) => (
            "provisioning",
            (
                Val::from(seal("code", waiting.code.as_str())?),
                Val::from(seal("link", waiting.link.as_str())?),
                Val::from(waiting.expires),
                Val::Null,
                Val::Null,
            ),
        ),
        Stage::Provisioned(phone) => (
            "provisioned",
            (
                Val::from(seal("code", phone.code.as_str())?),
                Val::Null,
                Val::from(phone.expires),
                Val::from(phone.registration.as_str().to_owned()),
                Val::from(&*phone.os_version),
            ),
        ),
    };
    tx.exec_one(
        "INSERT INTO token (serial, status, comments, licence, kind, period, digits, digest, \
         stage, code, link, expires, registration, os_version, drift, vdom, foreign_seed, \
         seed_version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 0) \
         ON CONFLICT (serial) DO UPDATE SET status = $2, comments = $3, licence = $4, kind = $5, \
         period = $6, digits = $7, digest = $8, stage = $9, code = $10, link = $11, \
         expires = $12, registration = $13, os_version = $14, drift = $15, vdom = $16, \
         foreign_seed = $17",
        &[
            Val::from(serial.as_str()),
            status.into(),
            Val::from(&*token.comments),
            Val::from(token.licence.as_ref().map(LicenceSerial::as_str)),
            kind.into(),
            period.into(),
            i64::from(token.parameters.digits.count()).into(),
            digest.into(),
            stage.into(),
            code,
            link,
            expires,
            registration,
            os_version,
            i64::from(token.drift.0).into(),
            token.vdom.as_str().into(),
            Val::from(foreign_seed),
        ],
    )
    .await
}

/// Gives a token a new seed or none. The version goes up, so an old sealed seed fits no more.
pub(super) async fn put_seed<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
    seed: Option<&Seed>,
    secrets: &Secrets,
) -> Result<(), SqlError> {
    let row: Option<(i64,)> = tx
        .row(
            "SELECT seed_version FROM token WHERE serial = $1",
            &vals![serial.as_str()],
        )
        .await?;
    let version = row.map_or(0, |(version,)| version) + 1;
    let sealed = seed
        .map(|seed| secrets.seal_token(serial, "seed", version.unsigned_abs(), seed.expose()))
        .transpose()?;
    tx.exec_one(
        "UPDATE token SET seed = $2, seed_version = $3 WHERE serial = $1",
        &vals![serial.as_str(), sealed, version],
    )
    .await
}

/// Brings a token's row up to what memory knows. The drift goes in only if the row still has the seed
/// that showed it: a new one may have come since memory was read.
pub(super) async fn put_progress<T: Tx>(tx: &mut T, progress: Progress) -> Result<(), SqlError> {
    let Progress {
        serial,
        spent,
        drift,
        seed_version,
    } = progress;
    tx.exec(
        "UPDATE token SET spent = $2, spent_by = $3, \
         drift = CASE WHEN seed_version = $5 THEN $4 ELSE drift END \
         WHERE serial = $1 AND (spent IS NULL OR spent <= $2)",
        &vals![
            serial.as_str(),
            step_value(spent.step),
            spent.by,
            drift.0,
            seed_version
        ],
    )
    .await
    .map(drop)
}

/// Spends the steps of a token up to this one. No login did.
pub(super) async fn put_spent<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
    step: Step,
) -> Result<(), SqlError> {
    tx.exec(
        "UPDATE token SET spent = $2, spent_by = NULL \
         WHERE serial = $1 AND (spent IS NULL OR spent < $2)",
        &vals![serial.as_str(), step_value(step)],
    )
    .await
    .map(drop)
}

/// Whether the virtual domain has tokens of the licence, and the token was not here under another. A
/// token that was removed keeps its licence.
pub(super) async fn is_licensed<T: Tx>(tx: &mut T, claim: &Claim) -> Result<bool, SqlError> {
    let row: Option<(i64,)> = tx
        .row(
            "SELECT 1 FROM token WHERE vdom = $1 AND licence = $2 AND NOT EXISTS (\
             SELECT 1 FROM token WHERE serial = $3 AND licence <> $2) LIMIT 1",
            &vals![
                claim.vdom.as_str(),
                claim.licence.as_str(),
                claim.token.as_str()
            ],
        )
        .await?;
    Ok(row.is_some())
}

pub(super) async fn remove_token<T: Tx>(tx: &mut T, serial: TokenSerial) -> Result<(), SqlError> {
    tx.exec_one(
        "UPDATE token SET stage = 'removed', status = 'active', comments = '', code = NULL, link = NULL, expires = NULL, registration = NULL, os_version = NULL, \
         seed = NULL, foreign_seed = NULL WHERE serial = $1",
        &vals![serial.as_str()],
    )
    .await
}
