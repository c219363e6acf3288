//! Tokens on their way to phones, as gateways see them.

use std::convert::Infallible;
use std::sync::Arc;

use domain::licensing::{Asking, Requester, StockToken, TokenRefusal, may_provision, may_see};
use domain::time::{Span, Timestamp};
use ident::{ActivationCode, LicenceSerial, Pace, PinPolicy, ProductSerial, TokenSerial};
use otp::{Kind, Parameters, Period, Seed};

use super::desk::record;
use super::random;
use super::rows::{StockRow, admission, stock};
use super::secrets::{Keys, SeedOf};
use super::told::{Item, sender};
use crate::engine::{Failure, Tx, Undecided, Work};
use crate::vals;

/// A token to be made ready for a phone.
#[derive(Debug)]
pub struct ToProvision {
    /// Which token; `None` stands for what is no serial at all.
    pub token: Option<TokenSerial>,
    /// Its new seed.
    pub seed: Seed,
    /// How its codes are computed.
    pub parameters: Parameters,
    /// What the app of its phone is told of PINs.
    pub pin_policy: PinPolicy,
    /// How long its activation code lives.
    pub code_life: Span,
}

/// What became of the tokens of a request, at least one of which is ready.
#[derive(Debug)]
pub struct Provisioned {
    /// In the order of the request.
    pub tokens: Vec<Result<Issued, TokenRefusal>>,
    /// Cluster members that nobody registered.
    pub unregistered: Vec<ProductSerial>,
}

/// A token that waits for a phone. The registry keeps neither secret.
#[derive(Debug)]
pub struct Issued {
    /// The token's licence.
    pub licence: LicenceSerial,
    /// For typing.
    pub code: ActivationCode,
    /// For the QR code, beside the code.
    pub link: [u8; 16],
}

/// No token of a request was made ready.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{why}")]
pub struct ProvisionDenied {
    /// Why none.
    pub why: StockRefusal,
    /// Why each, in the order of the request.
    pub tokens: Vec<TokenRefusal>,
    /// Cluster members that nobody registered.
    pub unregistered: Vec<ProductSerial>,
}

/// Why a request about tokens is refused as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StockRefusal {
    /// The asking product is not registered.
    #[error("the product is not registered")]
    ProductNotRegistered,
    /// Each token has its own refusal.
    #[error("no token of the request could be served")]
    NoValidToken,
}

/// What became of polled tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Polled {
    /// In the order of the request.
    pub tokens: Vec<Result<StockToken, TokenRefusal>>,
    /// Set when no token was served.
    pub refusal: Option<StockRefusal>,
    /// Cluster members that nobody registered.
    pub unregistered: Vec<ProductSerial>,
    /// What the gateway did not know before.
    pub(super) news: Vec<Item>,
}

pub(super) struct ProvisionTokens {
    pub(super) keys: Arc<Keys>,
    pub(super) asking: Asking,
    pub(super) tokens: Vec<ToProvision>,
    pub(super) now: Timestamp,
}

impl Work for ProvisionTokens {
    type Out = Provisioned;
    type Err = ProvisionDenied;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Provisioned, Failure<ProvisionDenied>> {
        let admission = admission(tx, &self.asking).await?;
        let unregistered = admission.unregistered;
        let Ok(requester) = admission.requester else {
            let tokens = vec![TokenRefusal::ProductNotRegistered; self.tokens.len()];
            let why = StockRefusal::ProductNotRegistered;
            return Err(Failure::Refused(ProvisionDenied {
                why,
                tokens,
                unregistered,
            }));
        };
        let mut tokens = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            tokens.push(provision(tx, &self.keys, &requester, token, self.now).await?);
        }
        if tokens.iter().all(Result::is_err) {
            let tokens = tokens.into_iter().filter_map(Result::err).collect();
            let why = StockRefusal::NoValidToken;
            return Err(Failure::Refused(ProvisionDenied {
                why,
                tokens,
                unregistered,
            }));
        }
        Ok(Provisioned {
            tokens,
            unregistered,
        })
    }
}

async fn provision<T: Tx>(
    tx: &mut T,
    keys: &Keys,
    requester: &Requester,
    wanted: &ToProvision,
    now: Timestamp,
) -> Result<Result<Issued, TokenRefusal>, Undecided> {
    let found = find(tx, wanted.token).await?;
    let token = found.as_ref().map(|row| &row.token);
    let token = match may_provision(token, requester, wanted.parameters) {
        Ok(token) => token,
        Err(why) => return Ok(Err(why)),
    };
    let version = found.as_ref().map_or(0, |row| row.version) + 1;
    let issued = Issued {
        licence: token.licence,
        code: ActivationCode::from_random(random()?, pace(wanted.parameters)),
        link: random()?,
    };
    let sealed = keys.seal_seed(SeedOf::Provision, token.serial, version, &wanted.seed)?;
    let expires = now.after(wanted.code_life);
    tx.exec_one(
        "INSERT INTO provision
             (token, version, code, link, period_s, digits, expires, wrong_links, seed, product,
              require_pin, pin_length)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11)
         ON CONFLICT (token) DO UPDATE SET
             version = excluded.version, code = excluded.code, link = excluded.link,
             period_s = excluded.period_s, digits = excluded.digits,
             expires = excluded.expires, wrong_links = 0, seed = excluded.seed,
             product = excluded.product,
             require_pin = excluded.require_pin, pin_length = excluded.pin_length,
             device = NULL, device_version = NULL, device_keys = NULL, answer = NULL,
             activated = NULL, told = NULL, confirmed = NULL",
        &vals![
            token.serial.as_str(),
            version.cast_signed(),
            &keys.activation_code(issued.code.opaque()),
            &keys.link(&issued.link),
            issued.code.pace().period_s(),
            u32::from(wanted.parameters.digits.count()),
            expires,
            sealed.as_bytes(),
            requester.serial().as_str(),
            wanted.pin_policy.requirement.as_str(),
            u32::from(wanted.pin_policy.length.digits()),
        ],
    )
    .await?;
    let actor = sender(requester.serial(), requester.through());
    let subject = token.serial;
    let detail = format!("a new activation code until {expires}");
    record(tx, &actor, "provision", subject.as_str(), &detail, now).await?;
    Ok(Ok(issued))
}

pub(super) struct PollTokens {
    pub(super) asking: Asking,
    pub(super) tokens: Vec<Option<TokenSerial>>,
    pub(super) now: Timestamp,
}

impl Work for PollTokens {
    type Out = Polled;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Polled, Failure<Infallible>> {
        let admission = admission(tx, &self.asking).await?;
        let unregistered = admission.unregistered;
        let Ok(requester) = admission.requester else {
            let tokens = self
                .tokens
                .iter()
                .map(|_| Err(TokenRefusal::ProductNotRegistered));
            let refusal = Some(StockRefusal::ProductNotRegistered);
            return Ok(Polled {
                tokens: tokens.collect(),
                refusal,
                unregistered,
                news: vec![],
            });
        };
        let mut tokens = Vec::with_capacity(self.tokens.len());
        let mut news = Vec::new();
        for &token in &self.tokens {
            let found = find(tx, token).await?;
            let seen = may_see(found.as_ref().map(|row| &row.token), &requester).cloned();
            if seen.is_ok() {
                news.extend(found.and_then(|row| Item::of(&row, self.now)));
            }
            tokens.push(seen);
        }
        let none = tokens.iter().all(Result::is_err);
        let refusal = none.then_some(StockRefusal::NoValidToken);
        Ok(Polled {
            tokens,
            refusal,
            unregistered,
            news,
        })
    }
}

pub(super) async fn find<T: Tx>(
    tx: &mut T,
    token: Option<TokenSerial>,
) -> Result<Option<StockRow>, Undecided> {
    match token {
        Some(token) => Ok(stock(tx, token).await?),
        None => Ok(None),
    }
}

/// The period as an activation code announces it; `may_provision` lets no other pass.
fn pace(parameters: Parameters) -> Pace {
    match parameters.kind {
        Kind::Totp(Period::THIRTY) => Pace::Thirty,
        Kind::Totp(_) | Kind::Hotp => Pace::Sixty,
    }
}
