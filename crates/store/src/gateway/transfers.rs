//! Tokens on their way from one phone to another, as columns of their rows.

use domain::time::Timestamp;
use domain::token::{ActivationLink, Provisioning, Stage, Token};
use domain::transfer::{BEGUN_MAX, BEGUN_WITHIN, Begun, Handing, Target, Transfer};
use ident::{ActivationCode, RegistrationId, TokenSerial};
use otp::{Parameters, Seed};

use super::queries::Never;
use super::secrets::Secrets;
use super::{memory, tokens};
use crate::engine::{Failure, Row, SqlError, Tx, Val, Work};
use crate::vals;

const MAILED: &str = "mailed";
const SHOWN: &str = "shown";
const RECOVERY: &str = "recovery";
const WITHDRAWN: &str = "withdrawn";

/// The columns `transfer`, `next_code`, `next_link`, `next_expires`, `next_seed` and `transfer_for`, still sealed.
#[derive(Clone, Debug)]
pub(super) struct TransferColumns {
    transfer: Option<String>,
    code: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    expires: Option<Timestamp>,
    pub(super) seed: Option<Vec<u8>>,
    target: Option<String>,
}

/// The columns of a query that selects them beside a token's others.
pub(super) const FIRST_COLUMN: usize = 26;

impl TransferColumns {
    pub(super) fn read(row: &Row<'_>) -> Result<Self, SqlError> {
        Ok(Self {
            transfer: row.get(FIRST_COLUMN)?,
            code: row.get(FIRST_COLUMN + 1)?,
            link: row.get(FIRST_COLUMN + 2)?,
            expires: row.get(FIRST_COLUMN + 3)?,
            seed: row.get(FIRST_COLUMN + 4)?,
            target: row.get(FIRST_COLUMN + 5)?,
        })
    }

    /// The transfer as the domain knows it.
    pub(super) fn open(
        &self,
        serial: TokenSerial,
        secrets: &Secrets,
    ) -> Result<Option<Transfer>, SqlError> {
        let damaged = |field| SqlError::damaged("token", serial.as_str(), field);
        let handing = match self.transfer.as_deref() {
            None => return Ok(None),
            Some(WITHDRAWN) => return Ok(Some(Transfer::Withdrawn)),
            Some(MAILED) => Handing::Mailed,
            Some(SHOWN) => Handing::Shown,
            Some(RECOVERY) => Handing::Recovery,
            Some(_) => return Err(damaged("transfer")),
        };
        let begun = Begun {
            handing,
            target: Target::from_stored(self.target.as_deref().unwrap_or_default()),
        };
        let (Some(code), Some(link), Some(expires)) = (&self.code, &self.link, self.expires) else {
            return Ok(Some(Transfer::Requested(begun)));
        };
        let text = |field, sealed: &[u8]| {
            let plain = secrets.open_token(serial, field, 0, sealed)?;
            String::from_utf8(plain.to_vec()).ok()
        };
        let code = text("next_code", code)
            .and_then(|code| ActivationCode::parse(&code).ok())
            .ok_or_else(|| damaged("next_code"))?;
        let link = text("next_link", link).ok_or_else(|| damaged("next_link"))?;
        let waiting = Provisioning {
            code,
            link: ActivationLink::new(link),
            expires,
        };
        Ok(Some(Transfer::Waiting(waiting, begun)))
    }
}

/// Writes a token's transfer, or that it has none.
pub(super) async fn put<T: Tx>(
    tx: &mut T,
    token: &Token,
    secrets: &Secrets,
) -> Result<(), SqlError> {
    let serial = token.serial;
    let seal = |field, text: &str| secrets.seal_token(serial, field, 0, text.as_bytes());
    let (word, code) = match token.transfer() {
        None => (None, None),
        Some(Transfer::Withdrawn) => (Some(WITHDRAWN), None),
        Some(Transfer::Requested(begun)) => (Some(word(begun.handing)), None),
        Some(Transfer::Waiting(code, begun)) => (Some(word(begun.handing)), Some(code)),
    };
    let (code, link, expires) = match code {
        None => (Val::Null, Val::Null, Val::Null),
        Some(code) => (
            Val::from(seal("next_code", code.code.as_str())?),
            Val::from(seal("next_link", code.link.as_str())?),
            Val::from(code.expires),
        ),
    };
    let begun = token.transfer().and_then(Transfer::begun);
    tx.exec_one(
        "UPDATE token SET transfer = $2, next_code = $3, next_link = $4, next_expires = $5, \
         transfer_for = $6 WHERE serial = $1",
        &[
            Val::from(serial.as_str()),
            Val::from(word),
            code,
            link,
            expires,
            Val::from(begun.map(|begun| begun.target.as_str())),
        ],
    )
    .await
}

const fn word(handing: Handing) -> &'static str {
    match handing {
        Handing::Mailed => MAILED,
        Handing::Shown => SHOWN,
        Handing::Recovery => RECOVERY,
    }
}

/// A seed that waits is sealed under the version that it will have.
pub(super) async fn put_next_seed<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
    seed: Option<&Seed>,
    secrets: &Secrets,
) -> Result<(), SqlError> {
    let version = next_version(tx, serial).await?;
    let sealed = seed
        .map(|seed| secrets.seal_token(serial, "seed", version, seed.expose()))
        .transpose()?;
    tx.exec_one(
        "UPDATE token SET next_seed = $2 WHERE serial = $1",
        &vals![serial.as_str(), sealed],
    )
    .await
}

async fn next_version<T: Tx>(tx: &mut T, serial: TokenSerial) -> Result<u64, SqlError> {
    let row: Option<(i64,)> = tx
        .row(
            "SELECT seed_version FROM token WHERE serial = $1",
            &vals![serial.as_str()],
        )
        .await?;
    Ok(row.map_or(0, |(version,)| version).unsigned_abs() + 1)
}

/// The seed that waits takes the place of the one in force. Nobody had it before: no login before the event `since`
/// was by it, and none of its steps is spent.
pub(super) async fn take_seed<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
    since: i64,
) -> Result<(), SqlError> {
    tx.exec_one(
        "UPDATE token SET seed = next_seed, seed_version = seed_version + 1, next_seed = NULL, \
         spent = NULL, spent_by = NULL, drift = 0, seed_since = $2 \
         WHERE serial = $1 AND next_seed IS NOT NULL",
        &vals![serial.as_str(), since],
    )
    .await
}

/// A phone has a token no more.
pub(super) async fn leave<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
    phone: RegistrationId,
) -> Result<(), SqlError> {
    tx.exec(
        "INSERT INTO former_phone (token, registration) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &vals![serial.as_str(), phone.as_str()],
    )
    .await
    .map(drop)
}

/// Whether a phone had a token before it went to another.
pub(super) async fn has_left<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
    phone: RegistrationId,
) -> Result<bool, SqlError> {
    let found: Option<(i64,)> = tx
        .row(
            "SELECT 1 FROM former_phone WHERE token = $1 AND registration = $2",
            &vals![serial.as_str(), phone.as_str()],
        )
        .await?;
    Ok(found.is_some())
}

/// What is known of who may wish something for a token.
#[derive(Debug)]
pub struct Phones {
    /// The phone that has it, if one does.
    pub holder: Option<RegistrationId>,
    /// The seed that waits for another phone. Whoever holds it has taken the code for it.
    pub next: Option<Seed>,
    /// Whether the phone that was asked about had it before.
    pub has_left: bool,
}

/// Who may wish something for a token, and whether `device` may be told that it had it.
pub(super) async fn phones<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
    device: RegistrationId,
    secrets: &Secrets,
) -> Result<Phones, SqlError> {
    let Some(row) = tokens::token(tx, serial).await? else {
        return Ok(Phones {
            holder: None,
            next: None,
            has_left: false,
        });
    };
    let (next, version) = (row.moving.seed.clone(), row.seed_version + 1);
    let holder = match row.open(secrets)?.token.stage {
        Stage::Provisioned(phone) => Some(phone.registration),
        _ => None,
    };
    Ok(Phones {
        holder,
        next: next.and_then(|sealed| secrets.open_seed(serial, version, &sealed)),
        has_left: has_left(tx, serial, device).await?,
    })
}

/// A transfer of a token was begun. Those that limit nothing any more are forgotten.
pub(super) async fn note_begun<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
    now: Timestamp,
) -> Result<(), SqlError> {
    tx.exec(
        "DELETE FROM transfer_begun WHERE token = $1 AND at <= $2",
        &vals![serial.as_str(), now.before(BEGUN_WITHIN)],
    )
    .await?;
    tx.exec_one(
        "INSERT INTO transfer_begun (token, at) VALUES ($1, $2)",
        &vals![serial.as_str(), now],
    )
    .await
}

/// When the latest transfers of a token were begun, the last in front.
pub(super) async fn begun<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
) -> Result<Vec<Timestamp>, SqlError> {
    let most = i64::try_from(BEGUN_MAX).unwrap_or(i64::MAX);
    let rows: Vec<(Timestamp,)> = tx
        .rows(
            "SELECT at FROM transfer_begun WHERE token = $1 ORDER BY at DESC LIMIT $2",
            &vals![serial.as_str(), most],
        )
        .await?;
    Ok(rows.into_iter().map(|(at,)| at).collect())
}

/// The next tokens on their way to another phone, after `after` in the order of their serials.
pub(super) async fn open<T: Tx>(
    tx: &mut T,
    after: &str,
    limit: i64,
) -> Result<Vec<TokenSerial>, SqlError> {
    let rows: Vec<(String,)> = tx
        .rows(
            "SELECT serial FROM token INDEXED BY token_transfer \
             WHERE transfer IS NOT NULL AND transfer <> $2 AND serial > $1 ORDER BY serial LIMIT $3",
            &vals![after, WITHDRAWN, limit],
        )
        .await?;
    let serial = |text: &str| {
        TokenSerial::parse(text).map_err(|_| SqlError::damaged("token", text, "serial"))
    };
    rows.iter().map(|(text,)| serial(text)).collect()
}

/// What the token server is to seal to a phone.
#[derive(Debug)]
pub struct SeedToProvision {
    /// The seed.
    pub seed: Seed,
    /// How its codes are made.
    pub parameters: Parameters,
    /// Who has the token meanwhile.
    pub holder: Holder,
}

/// Who has a token that waits for a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// A phone, until another takes the code.
    Phone,
}

/// What the token server is told of a token that waits for a code: its seed, or the one that waits.
pub(super) async fn to_provision<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
    secrets: &Secrets,
) -> Result<Option<SeedToProvision>, SqlError> {
    let Some(row) = tokens::token(tx, serial).await? else {
        return Ok(None);
    };
    let (parameters, version) = (row.parameters, row.seed_version);
    let (in_force, next) = (row.seed.clone(), row.moving.seed.clone());
    let token = row.open(secrets)?.token;
    let (sealed, version, holder) = match (&token.stage, token.transfer()) {
        (Stage::Requested | Stage::Provisioning(_), _) => (in_force, version, Holder::Nobody),
        (_, Some(Transfer::Requested(_) | Transfer::Withdrawn)) => {
            (next, version + 1, Holder::Phone)
        }
        _ => return Ok(None),
    };
    let seed = sealed.and_then(|sealed| secrets.open_seed(serial, version, &sealed));
    Ok(seed.map(|seed| SeedToProvision {
        seed,
        parameters,
        holder,
    }))
}

/// Name of the mark that is there while the token server has an address of this unit for transfers.
const ADDRESS_TOLD: &str = "transfer-address";

/// Whether the token server was told an address, and not since that there is none.
pub(super) async fn is_address_told<T: Tx>(tx: &mut T) -> Result<bool, SqlError> {
    Ok(memory::mark(tx, ADDRESS_TOLD).await?.is_some())
}

/// What the token server may know from now on.
pub(super) struct TellAddress {
    pub(super) address: Told,
}

/// Whether the token server may have an address of this unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// It may.
    Address,
    /// It knows that there is none.
    None,
}

impl Work for TellAddress {
    type Out = ();
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Never>> {
        match self.address {
            Told::Address => memory::set_mark(tx, ADDRESS_TOLD, 1).await?,
            Told::None => memory::remove_mark(tx, ADDRESS_TOLD).await?,
        }
        Ok(())
    }
}
