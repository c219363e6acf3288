//! Tokens as rows.

use domain::admin::{Claim, Owned, Owner};
use domain::name::{Realm, UserName};
use domain::time::Timestamp;
use domain::token::{
    ActivationFailure, ActivationLink, KnownBy, Provisioned, Provisioning, Stage, Token,
    TokenStatus,
};
use domain::user::Switch;
use domain::vdom::Vdom;
use ident::{ActivationCode, LicenceSerial, RegistrationId, TokenSerial};
use otp::{Digest, Digits, Drift, Kind, Parameters, Period, Seed, Step};

use super::contacts;
use super::directory::{Progress, Second, Usable};
use super::events::step_value;
use super::former;
use super::people::user_name;
use super::secrets::Secrets;
use super::transfers::{self, TransferColumns};
use crate::engine::{FromRow, Row, SqlError, Tx, Val};
use crate::vals;

/// A query for tokens with their owners, in the order of columns in which they are read.
macro_rules! select_owned {
    ($rest:literal) => {
        concat!(
            "SELECT t.serial, t.status, t.comments, t.licence, t.kind, t.period, t.digits, t.digest, \
             t.stage, t.code, t.link, t.expires, t.registration, t.os_version, t.seed, \
             t.seed_version, t.drift, t.spent, t.spent_by, t.vdom, p.canonical, p.name, \
             concat_ws('\n', 'email-to ' || p.email, 'sms-phone ' || p.phone, \
             'sms-server ' || p.sms_server, 'sms-custom-server ' || p.custom_server, \
             'two-factor-notification ' || p.notification, 'language ' || p.language), a.entry, \
             (SELECT string_agg(m.field || ' ' || m.value, '\n') FROM config m \
             WHERE m.path = 'system admin' AND m.vdom = 'root' AND m.entry = a.entry AND m.field IN \
             ('email-to', 'sms-phone', 'sms-server', 'sms-custom-server', 'two-factor-notification')), \
             t.foreign_seed, t.transfer, t.next_code, t.next_link, t.next_expires, t.next_seed, \
             t.transfer_for, p.status, t.seed_since, t.known_by \
             FROM token t LEFT JOIN person p ON p.token = t.serial \
             LEFT JOIN reference a ON a.target = 'user fortitoken' AND a.name = t.serial \
             AND a.path = 'system admin' ",
            $rest
        )
    };
}

/// The same without their owners.
macro_rules! select_tokens {
    ($rest:literal) => {
        concat!(
            "SELECT serial, status, comments, licence, kind, period, digits, digest, stage, code, \
             link, expires, registration, os_version, seed, seed_version, drift, spent, spent_by, vdom, \
             NULL, NULL, NULL, NULL, NULL, foreign_seed, transfer, next_code, next_link, next_expires, \
             next_seed, transfer_for, NULL, seed_since, known_by FROM token ",
            $rest
        )
    };
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
    pub(super) seed_since: i64,
    pub(super) drift: Drift,
    pub(super) spent: Option<i64>,
    pub(super) spent_by: Option<i64>,
    owner: Option<Owner>,
    foreign_seed: Option<String>,
    pub(super) moving: TransferColumns,
    known_by: KnownBy,
}

const OTHER_UNIT: &str = "other-unit";
/// The stage of a token that came from another unit and is still that unit's.
const WITHHELD: &str = "withheld";
/// The column of [`KnownBy`], the last.
const KNOWN_BY: usize = transfers::FIRST_COLUMN + 8;

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
    let status = match text(32)? {
        Some("disable") => Switch::Disable,
        _ => Switch::Enable,
    };
    Ok(Some(Owner {
        name: name.ok_or_else(damaged)?,
        status,
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
            status: status(row.word(1)?).ok_or_else(|| damaged("status"))?,
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
            seed_since: row.get(33)?,
            drift: i32::try_from(row.get::<i64>(16)?)
                .map(Drift)
                .map_err(|_| damaged("drift"))?,
            spent: row.get(17)?,
            spent_by: row.get(18)?,
            vdom: Vdom::parse(row.word(19)?).map_err(|_| damaged("vdom"))?,
            owner,
            foreign_seed: row.get(25)?,
            moving: TransferColumns::read(row)?,
            known_by: match row.text(KNOWN_BY)? {
                None => KnownBy::TokenServer,
                Some(OTHER_UNIT) => KnownBy::OtherUnit,
                Some(_) => return Err(damaged("known_by")),
            },
        })
    }
}

pub(super) fn status(word: &str) -> Option<TokenStatus> {
    match word {
        "active" => Some(TokenStatus::Active),
        "lock" => Some(TokenStatus::Lock),
        _ => None,
    }
}

/// What the login path needs to know of a token's stage.
pub(super) fn usable(status: TokenStatus, stage: &str, expires: Option<Timestamp>) -> Usable {
    match (status, stage) {
        (TokenStatus::Lock, _) => Usable::Locked,
        (_, "provisioning") => Usable::Until(Second::of(expires.unwrap_or_default())),
        (_, "provisioned" | "activated") => Usable::Always,
        (_, WITHHELD) => Usable::Withheld,
        _ => Usable::Never,
    }
}

/// How codes are made, in the columns 4 to 7 of a query.
pub(super) fn parameters(row: &Row<'_>) -> Option<Parameters> {
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
            stage @ ("provisioned" | WITHHELD) => {
                let phone = Provisioned {
                    code: code()?,
                    expires: expires()?,
                    registration: self.registration.ok_or_else(|| damaged("registration"))?,
                    os_version: self.os_version.clone().unwrap_or_default().into(),
                    transfer: self.moving.open(serial, secrets)?,
                    known_by: self.known_by,
                };
                match stage {
                    WITHHELD => Stage::Withheld(phone),
                    _ => Stage::Provisioned(phone),
                }
            }
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
    pub(super) fn usable(&self) -> Usable {
        usable(self.status, &self.stage, self.expires)
    }
}

pub(super) async fn token<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
) -> Result<Option<TokenRow>, SqlError> {
    tx.row(
        select_owned!("WHERE t.serial = $1 AND t.stage <> 'removed'"),
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
        select_tokens!(
            "WHERE vdom = $1 AND serial > $2 AND stage <> 'removed' ORDER BY serial LIMIT $3"
        ),
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
        select_owned!(
            "WHERE t.vdom = $1 AND t.serial > $2 AND t.stage <> 'removed' \
             ORDER BY t.serial LIMIT $3"
        ),
        &vals![vdom.as_str(), after, limit],
    )
    .await
}

/// The mobile tokens of a licence that are on phones, with their owners; withheld ones, too, whose seeds may be
/// here alone.
pub(super) async fn on_phones<T: Tx>(
    tx: &mut T,
    vdom: Vdom,
    licence: LicenceSerial,
) -> Result<Vec<TokenRow>, SqlError> {
    tx.rows(
        select_owned!(
            "WHERE t.vdom = $1 AND t.licence = $2 AND t.stage IN ('provisioned', 'withheld') \
             ORDER BY t.serial"
        ),
        &vals![vdom.as_str(), licence.as_str()],
    )
    .await
}

/// How many tokens of a licence a virtual domain has.
pub(super) async fn count_of_licence<T: Tx>(
    tx: &mut T,
    vdom: Vdom,
    licence: LicenceSerial,
) -> Result<u64, SqlError> {
    let count: Option<(i64,)> = tx
        .row(
            "SELECT count(*) FROM token WHERE vdom = $1 AND licence = $2 AND stage <> 'removed'",
            &vals![vdom.as_str(), licence.as_str()],
        )
        .await?;
    Ok(count.map_or(0, |(count,)| count.unsigned_abs()))
}

/// In the words of the index `token_pollable`, without which all hardware tokens are read.
const POLLABLE_AFTER: &str = "SELECT serial FROM token WHERE serial > $1 \
     AND stage IN ('provisioning', 'provisioned', 'withheld') ORDER BY serial LIMIT $2";

/// The same of a virtual domain, by the index `token_pollable_of`.
const POLLABLE_OF_AFTER: &str = "SELECT serial FROM token WHERE vdom = $1 AND serial > $2 \
     AND stage IN ('provisioning', 'provisioned', 'withheld') ORDER BY serial LIMIT $3";

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
            tx.rows(POLLABLE_OF_AFTER, &vals![vdom.as_str(), after, limit])
                .await?
        }
        None => tx.rows(POLLABLE_AFTER, &vals![after, limit]).await?,
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

/// Whether a token ever had a seed here. One that was removed tells it too.
pub(super) async fn was_seeded<T: Tx>(tx: &mut T, serial: TokenSerial) -> Result<bool, SqlError> {
    let row: Option<(i64,)> = tx
        .row(
            "SELECT 1 FROM token WHERE serial = $1 AND seed_version > 0",
            &vals![serial.as_str()],
        )
        .await?;
    Ok(row.is_some())
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
        Stage::Provisioned(phone) | Stage::Withheld(phone) => (
            match token.stage {
                Stage::Withheld(_) => WITHHELD,
                _ => "provisioned",
            },
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
         stage, code, link, expires, registration, os_version, drift, vdom, foreign_seed, known_by, \
         seed_version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 0) \
         ON CONFLICT (serial) DO UPDATE SET status = $2, comments = $3, licence = $4, kind = $5, \
         period = $6, digits = $7, digest = $8, stage = $9, code = $10, link = $11, \
         expires = $12, registration = $13, os_version = $14, drift = $15, vdom = $16, \
         foreign_seed = $17, known_by = $18",
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
            Val::from(token.is_conveyed().then_some(OTHER_UNIT)),
        ],
    )
    .await?;
    transfers::put(tx, token, secrets).await
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
        "UPDATE token SET seed = $2, seed_version = $3, next_seed = NULL WHERE serial = $1",
        &vals![serial.as_str(), sealed, version],
    )
    .await
}

/// Brings a token's row up to what memory knows. The drift goes in only if the row still has the seed
/// that showed it: a new one may have come since memory was read. What was spent before a seed that nobody
/// had then is nothing to it.
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
         WHERE serial = $1 AND (spent IS NULL OR spent <= $2) AND $3 >= seed_since",
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
    former::forget_token(tx, serial).await?;
    tx.exec_one(
        "UPDATE token SET stage = 'removed', status = 'active', comments = '', code = NULL, link = NULL, expires = NULL, registration = NULL, os_version = NULL, \
         seed = NULL, foreign_seed = NULL, transfer = NULL, next_code = NULL, next_link = NULL, \
         next_expires = NULL, next_seed = NULL, transfer_for = NULL WHERE serial = $1",
        &vals![serial.as_str()],
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan_of;
    use crate::gateway::schema::MIGRATIONS;

    #[test]
    fn a_poll_reads_no_token_that_it_does_not_ask_about() {
        for (sql, found) in [
            (POLLABLE_AFTER, "INDEX token_pollable (serial>?)"),
            (
                POLLABLE_OF_AFTER,
                "INDEX token_pollable_of (vdom=? AND serial>?)",
            ),
        ] {
            let steps = plan_of(MIGRATIONS, sql);
            assert!(
                matches!(&steps[..], [step] if step.ends_with(found)),
                "{steps:#?}"
            );
        }
    }
}
