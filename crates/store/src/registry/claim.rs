//! A device takes over a token.

use std::convert::Infallible;
use std::sync::Arc;

use domain::audit::Actor;
use domain::licensing::{
    self, ANSWER_KEPT_AFTER, AccountName, Answer, Claim, DeviceRefusal, Holder, LinkProof, Offer,
};
use domain::time::Timestamp;
use ident::{OpaqueCode, PinLength, PinPolicy, PinRequirement, RegistrationId, TokenSerial};
use otp::{Digest, Digits, Kind, Parameters, Period, Seed};

use super::desk::record;
use super::rows::{account, identifier, lock};
use super::secrets::{Keys, SeedOf};
use crate::engine::{Failure, FromRow, Row, SqlError, Tx, Undecided, Work};
use crate::vals;

/// A device's public keys as they are stored: the signing and the sealing point, 65 octets each.
pub type DeviceKeyBytes = [u8; 130];

/// What a proven device asks for.
#[derive(Debug)]
pub struct ClaimRequest {
    /// The code that it shows.
    pub code: OpaqueCode,
    /// The secret of the QR code, if it saw that.
    pub link: Option<[u8; 16]>,
    /// The device.
    pub device: RegistrationId,
    /// Its public keys.
    pub keys: DeviceKeyBytes,
    /// Its app's version and platform.
    pub version: Box<str>,
}

/// Seals an open seed to the claiming device. The only place that an open seed leaves the store for.
pub trait Sealing: Send + 'static {
    /// The octets for the device, or why there are none.
    fn seal(
        self,
        seed: &Seed,
        token: TokenSerial,
        parameters: Parameters,
    ) -> Result<Vec<u8>, String>;
}

/// What a device is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claimed {
    /// The token is its own.
    Given(Given),
    /// It is not.
    Refused(DeviceRefusal),
}

/// A token for one device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// Which token.
    pub token: TokenSerial,
    /// The sealed seed; the same octets however often the device asks.
    pub answer: Vec<u8>,
    /// How its codes are computed.
    pub parameters: Parameters,
    /// What its issuer wants of the app's PIN.
    pub pin_policy: PinPolicy,
    /// Who issued it.
    pub issuer: AccountName,
}

/// An answer that waits for its receipt, or has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenAnswer {
    /// The device that got it.
    pub device: RegistrationId,
    /// Its public keys.
    pub keys: DeviceKeyBytes,
    /// The sealed seed, until the receipt.
    pub answer: Option<Vec<u8>>,
    /// When the receipt came.
    pub confirmed: Option<Timestamp>,
    /// The version of the provisioning.
    pub version: u64,
}

/// What became of a receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Confirmed {
    /// The device has the token.
    Now,
    /// Another code was made meanwhile, or the answer's time is over.
    TooLate,
}

pub(super) struct ClaimToken<S> {
    pub(super) keys: Arc<Keys>,
    pub(super) request: ClaimRequest,
    pub(super) seal: S,
    pub(super) now: Timestamp,
}

impl<S: Sealing> Work for ClaimToken<S> {
    type Out = Claimed;
    // A refusal has to keep what it counted.
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Claimed, Failure<Infallible>> {
        let found = by_code(tx, &self.keys.activation_code(&self.request.code)).await?;
        let claim = Claim {
            device: self.request.device,
            link: self.link_proof(found.as_ref()),
        };
        let offer = found.as_ref().map(|row| &row.offer);
        let claimed = licensing::claim(offer, &claim, self.now);
        let Some(row) = found else {
            return Ok(Claimed::Refused(refusal(claimed)));
        };
        match claimed {
            licensing::Claimed::Bind => Ok(Claimed::Given(self.bind(tx, row).await?)),
            licensing::Claimed::Again => {
                let answer = row.answer.clone().ok_or_else(|| row.damaged("answer"))?;
                Ok(Claimed::Given(row.given(answer)))
            }
            licensing::Claimed::WrongLink => {
                count_wrong_link(tx, row.token).await?;
                Ok(Claimed::Refused(refusal(claimed)))
            }
            licensing::Claimed::Refused(why) => Ok(Claimed::Refused(why)),
        }
    }
}

/// A wrong link secret looks like a wrong code: it tells nothing of the code that it came with.
fn refusal(claimed: licensing::Claimed) -> DeviceRefusal {
    match claimed {
        licensing::Claimed::Refused(why) => why,
        _ => DeviceRefusal::CodeUnknown,
    }
}

impl<S: Sealing> ClaimToken<S> {
    fn link_proof(&self, found: Option<&OfferRow>) -> LinkProof {
        match (&self.request.link, found) {
            (None, _) => LinkProof::Typed,
            (Some(secret), Some(row)) if self.keys.link(secret) == row.link => LinkProof::Right,
            (Some(_), _) => LinkProof::Wrong,
        }
    }

    /// Seals the seed to the device and destroys it here, in one statement.
    async fn bind<T: Tx>(self, tx: &mut T, mut row: OfferRow) -> Result<Given, Undecided> {
        let sealed = row.seed.take().ok_or_else(|| row.damaged("seed"))?;
        let seed = self
            .keys
            .open_seed(SeedOf::Provision, row.token, row.version, sealed)?;
        let answer = self
            .seal
            .seal(&seed, row.token, row.parameters)
            .map_err(|why| Undecided::Unavailable(why.into()))?;
        tx.exec_one(
            "UPDATE provision SET seed = NULL, device = $2, device_version = $3,
                 device_keys = $4, answer = $5, activated = $6
             WHERE token = $1 AND seed IS NOT NULL AND device IS NULL",
            &vals![
                row.token.as_str(),
                self.request.device.as_str(),
                self.request.version.as_ref(),
                &self.request.keys,
                &answer,
                self.now,
            ],
        )
        .await?;
        let phone = Actor {
            name: self.request.device.as_str().into(),
            interface: "app".into(),
        };
        let detail = format!("by an app {}", self.request.version);
        record(
            tx,
            &phone,
            "activate",
            row.token.as_str(),
            &detail,
            self.now,
        )
        .await?;
        Ok(row.given(answer))
    }
}

async fn count_wrong_link<T: Tx>(tx: &mut T, token: TokenSerial) -> Result<(), SqlError> {
    tx.exec_one(
        "UPDATE provision SET wrong_links = wrong_links + 1 WHERE token = $1",
        &vals![token.as_str()],
    )
    .await
}

async fn by_code<T: Tx>(tx: &mut T, code: &[u8; 32]) -> Result<Option<OfferRow>, SqlError> {
    tx.row(
        "SELECT p.token, p.version, p.link, p.period_s, p.digits, p.expires, p.wrong_links,
                p.seed, p.device, p.answer, t.locked OR l.revoked IS NOT NULL, l.account, p.confirmed,
                p.require_pin, p.pin_length
         FROM provision p JOIN token t ON t.serial = p.token
         JOIN licence l ON l.serial = t.licence
         WHERE p.code = $1",
        &vals![code],
    )
    .await
}

struct OfferRow {
    token: TokenSerial,
    version: u64,
    link: [u8; 32],
    parameters: Parameters,
    pin_policy: PinPolicy,
    offer: Offer,
    seed: Option<Vec<u8>>,
    answer: Option<Vec<u8>>,
    issuer: AccountName,
}

impl OfferRow {
    fn given(self, answer: Vec<u8>) -> Given {
        Given {
            token: self.token,
            answer,
            parameters: self.parameters,
            pin_policy: self.pin_policy,
            issuer: self.issuer,
        }
    }

    fn damaged(&self, field: &'static str) -> SqlError {
        SqlError::damaged("provision", self.token.as_str(), field)
    }
}

impl FromRow for OfferRow {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let token: String = row.get(0)?;
        let damaged = |field| SqlError::damaged("provision", token.as_str(), field);
        let answer: Option<Vec<u8>> = row.get(9)?;
        let kept = kept(answer.is_some(), row.get(12)?);
        let device: Option<String> = row.get(8)?;
        let holder = device
            .map(|text| identifier::<RegistrationId>(&text, "provision", &token, "device"))
            .transpose()?
            .map(|device| Holder {
                device,
                answer: kept,
            });
        Ok(Self {
            token: identifier(&token, "provision", &token, "token")?,
            version: row
                .get::<i64>(1)?
                .try_into()
                .map_err(|_| damaged("version"))?,
            link: row.get(2)?,
            parameters: parameters(row.get(3)?, row.get(4)?).ok_or_else(|| damaged("digits"))?,
            pin_policy: pin_policy(&row.get::<String>(13)?, row.get(14)?)
                .ok_or_else(|| damaged("pin_length"))?,
            offer: Offer {
                lock: lock(row.get(10)?),
                expires: row.get(5)?,
                wrong_links: row.get(6)?,
                holder,
            },
            seed: row.get(7)?,
            answer,
            issuer: account(&row.get::<String>(11)?, "licence", &token)?,
        })
    }
}

/// What became of an answer that a device was given.
pub(super) fn kept(is_there: bool, confirmed: Option<Timestamp>) -> Answer {
    match (confirmed, is_there) {
        (Some(_), _) => Answer::Confirmed,
        (None, true) => Answer::Kept,
        (None, false) => Answer::Forgotten,
    }
}

/// As [`super::provision`] stores them: time steps, SHA-1.
fn parameters(period_s: u32, digits: u32) -> Option<Parameters> {
    Some(Parameters {
        kind: Kind::Totp(Period::new(period_s).ok()?),
        digest: Digest::Sha1,
        digits: Digits::new(u8::try_from(digits).ok()?).ok()?,
    })
}

fn pin_policy(requirement: &str, digits: u32) -> Option<PinPolicy> {
    Some(PinPolicy {
        requirement: PinRequirement::parse(requirement)?,
        length: PinLength::of(u8::try_from(digits).ok()?)?,
    })
}

pub(super) struct FindAnswer {
    pub(super) token: TokenSerial,
}

impl Work for FindAnswer {
    type Out = Option<OpenAnswer>;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<Infallible>> {
        let found = tx
            .row::<(
                String,
                DeviceKeyBytes,
                Option<Vec<u8>>,
                i64,
                Option<Timestamp>,
            )>(
                "SELECT device, device_keys, answer, version, confirmed FROM provision
                 WHERE token = $1 AND device IS NOT NULL",
                &vals![self.token.as_str()],
            )
            .await?;
        let Some((device, keys, answer, version, confirmed)) = found else {
            return Ok(None);
        };
        let key = self.token.as_str();
        let damaged = |_| SqlError::damaged("provision", key, "version");
        let version = u64::try_from(version).map_err(damaged)?;
        let device = identifier(&device, "provision", key, "device")?;
        Ok(Some(OpenAnswer {
            device,
            keys,
            answer,
            confirmed,
            version,
        }))
    }
}

pub(super) struct Confirm {
    pub(super) token: TokenSerial,
    pub(super) version: u64,
    pub(super) now: Timestamp,
}

impl Work for Confirm {
    type Out = Confirmed;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Confirmed, Failure<Infallible>> {
        // A newer provisioning may have come in between; and its gateway may have been told that it is over.
        let changed = tx
            .exec(
                "UPDATE provision SET answer = NULL, confirmed = $3
                 WHERE token = $1 AND version = $2 AND answer IS NOT NULL AND expires > $4",
                &vals![
                    self.token.as_str(),
                    self.version.cast_signed(),
                    self.now,
                    self.now.before(ANSWER_KEPT_AFTER),
                ],
            )
            .await?;
        if changed == 1 {
            return Ok(Confirmed::Now);
        }
        // The same receipt may have come twice at once: the device is told that it is out only if it is.
        let is_known = tx
            .row::<(i64,)>(
                "SELECT 1 FROM provision
                 WHERE token = $1 AND version = $2 AND confirmed IS NOT NULL",
                &vals![self.token.as_str(), self.version.cast_signed()],
            )
            .await?
            .is_some();
        Ok(if is_known {
            Confirmed::Now
        } else {
            Confirmed::TooLate
        })
    }
}
