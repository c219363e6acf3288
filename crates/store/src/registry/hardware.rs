//! The stock of hardware tokens: how their seeds come in, are given out once, and may be given again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use domain::audit::Actor;
use domain::intake::{BadLine, NewHardware, serials};
use domain::licensing::{
    AccountName, Asking, HardwareActivation, HardwareRefusal, HardwareToken, Release, Requester,
    assign, intake, release,
};
use domain::time::Timestamp;
use ident::{ProductSerial, TokenSerial};
use otp::seed_file::{Entry, MakerSerial, SeedRecord};
use otp::{Digest, Digits, Kind, Parameters, Period, Seed};

use super::desk::{DeskRefusal, demand_account, record};
use super::provision::StockRefusal;
use super::rows::{account, admission, identifier};
use super::secrets::{Keys, SeedOf};
use super::told::sender;
use crate::engine::{Failure, FromRow, Row, SqlError, Tx, Undecided, Work};
use crate::vals;

/// The version of a seed that came with a file; it binds the sealed seed to its row.
const FIRST_VERSION: u64 = 1;

/// In the record of a token that became another customer's, before the name of the one who had it.
pub(super) const FROM_ACCOUNT: &str = ", from account \"";

/// Hardware tokens of one list; more follow after the last one's serial.
pub const HARDWARE_MAX: u32 = 1_000;

/// The columns of [`HardwareRow`], in its order.
macro_rules! hardware_columns {
    () => {
        "serial, maker_serial, account, period_s, digits, digest, imported, product, activated"
    };
}
/// What to do with a file of which some lines cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnBadLine {
    /// Take nothing.
    Refuse,
    /// Take the others.
    Skip,
}

/// What became of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    /// The tokens that were taken, in the order of the file.
    pub tokens: Vec<TokenSerial>,
    /// The lines that were not.
    pub skipped: Vec<BadLine>,
}

/// Seals open seeds to the gateway that asks.
pub trait GatewaySealing: Send + Sync + 'static {
    /// A seed for the gateway.
    type Sealed: Send + 'static;

    /// The seed for the gateway, or why there is none.
    fn seal(
        &self,
        seed: &Seed,
        token: TokenSerial,
        parameters: Parameters,
    ) -> Result<Self::Sealed, String>;
}

/// What became of the tokens of a request, at least one of whose seeds is given.
#[derive(Debug)]
pub struct HardwareActivated<S> {
    /// In the order of the request.
    pub tokens: Vec<Result<SealedHardware<S>, HardwareRefusal>>,
    /// Cluster members that nobody registered.
    pub unregistered: Vec<ProductSerial>,
}

/// A seed for one gateway.
#[derive(Debug)]
pub struct SealedHardware<S> {
    /// The sealed seed.
    pub sealed: S,
    /// How its codes are computed.
    pub parameters: Parameters,
}

/// No seed of a request was given.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{why}")]
pub struct HardwareDenied {
    /// Why none.
    pub why: StockRefusal,
    /// Why each, in the order of the request.
    pub tokens: Vec<HardwareRefusal>,
    /// Cluster members that nobody registered.
    pub unregistered: Vec<ProductSerial>,
}

/// What the desk is told of lines that cannot be used.
pub(super) fn told(lines: &[BadLine]) -> String {
    let mut text = format!("nothing was taken: {} cannot be used", count(lines.len()));
    for BadLine { line, why } in lines {
        let _ = write!(text, "\nline {line}: {why}");
    }
    text
}

fn count(lines: usize) -> String {
    match lines {
        1 => "1 line".to_owned(),
        _ => format!("{lines} lines"),
    }
}

pub(super) struct ImportHardware {
    pub(super) keys: Arc<Keys>,
    pub(super) actor: Actor,
    pub(super) entries: Vec<Entry<SeedRecord>>,
    pub(super) account: Option<AccountName>,
    pub(super) on_bad_line: OnBadLine,
    pub(super) now: Timestamp,
}

impl Work for ImportHardware {
    type Out = Taken;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Taken, Failure<DeskRefusal>> {
        if let Some(account) = &self.account {
            demand_account(tx, account).await?;
        }
        let serials = serials(self.entries.iter().map(|entry| {
            let record = entry.token.as_ref().ok();
            record.map(|record| &record.serial)
        }));
        let stock = stock_of(tx, serials).await?;
        let (new, bad) = intake(self.entries, &stock);
        demand_good(&bad, self.on_bad_line)?;
        let detail = owner_text(self.account.as_ref());
        let mut taken = Vec::with_capacity(new.len());
        for token in new {
            insert(tx, &self.keys, &token, self.account.as_ref(), self.now).await?;
            let subject = token.serial.as_str();
            record(
                tx,
                &self.actor,
                "import-hardware",
                subject,
                &detail,
                self.now,
            )
            .await?;
            taken.push(token.serial);
        }
        Ok(Taken {
            tokens: taken,
            skipped: bad,
        })
    }
}

pub(super) struct AssignHardware {
    pub(super) actor: Actor,
    pub(super) entries: Vec<Entry<MakerSerial>>,
    pub(super) account: AccountName,
    pub(super) from: Option<AccountName>,
    pub(super) on_bad_line: OnBadLine,
    pub(super) now: Timestamp,
}

impl Work for AssignHardware {
    type Out = Taken;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Taken, Failure<DeskRefusal>> {
        demand_account(tx, &self.account).await?;
        let serials = serials(self.entries.iter().map(|entry| entry.token.as_ref().ok()));
        let stock = stock_of(tx, serials).await?;
        let (tokens, bad) = assign(self.entries, &stock, &self.account, self.from.as_ref());
        demand_good(&bad, self.on_bad_line)?;
        let mut detail = owner_text(Some(&self.account));
        if let Some(from) = &self.from {
            detail += &format!("{FROM_ACCOUNT}{from}\"");
        }
        // Who has a token already goes on having it: its history is the customer's from its first assignment on.
        let is_new = |serial: &&TokenSerial| {
            let owner = stock.get(serial).and_then(|token| token.account.as_ref());
            owner != Some(&self.account)
        };
        for serial in tokens.iter().filter(is_new) {
            let subject = serial.as_str();
            tx.exec_one(
                "UPDATE hardware SET account = $2 WHERE serial = $1",
                &vals![subject, self.account.as_str()],
            )
            .await?;
            record(
                tx,
                &self.actor,
                "assign-hardware",
                subject,
                &detail,
                self.now,
            )
            .await?;
        }
        Ok(Taken {
            tokens,
            skipped: bad,
        })
    }
}

pub(super) struct ActivateHardware<S> {
    pub(super) keys: Arc<Keys>,
    pub(super) asking: Asking,
    /// `None` stands for what is no serial at all.
    pub(super) tokens: Vec<Option<TokenSerial>>,
    pub(super) seal: S,
    pub(super) now: Timestamp,
}

impl<S: GatewaySealing> Work for ActivateHardware<S> {
    type Out = HardwareActivated<S::Sealed>;
    type Err = HardwareDenied;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<HardwareDenied>> {
        let admission = admission(tx, &self.asking).await?;
        let unregistered = admission.unregistered;
        let Ok(requester) = admission.requester else {
            let refusal = HardwareRefusal::ProductNotRegistered;
            return Err(Failure::Refused(HardwareDenied {
                why: StockRefusal::ProductNotRegistered,
                tokens: vec![refusal; self.tokens.len()],
                unregistered,
            }));
        };
        let mut tokens = Vec::with_capacity(self.tokens.len());
        for &token in &self.tokens {
            tokens.push(self.give(tx, token, &requester).await?);
        }
        if tokens.iter().all(Result::is_err) {
            return Err(Failure::Refused(HardwareDenied {
                why: StockRefusal::NoValidToken,
                tokens: tokens.into_iter().filter_map(Result::err).collect(),
                unregistered,
            }));
        }
        Ok(HardwareActivated {
            tokens,
            unregistered,
        })
    }
}

impl<S: GatewaySealing> ActivateHardware<S> {
    async fn give<T: Tx>(
        &self,
        tx: &mut T,
        token: Option<TokenSerial>,
        requester: &Requester,
    ) -> Result<Result<SealedHardware<S::Sealed>, HardwareRefusal>, Undecided> {
        let found = match token {
            Some(token) => find(tx, token).await?,
            None => None,
        };
        let found = found.as_ref().map(|row| &row.token);
        match release(found, requester, self.now) {
            Ok(release) => {
                let sealed = self.sealed(tx, &release).await?;
                set_flag(tx, requester, &release).await?;
                Ok(Ok(sealed))
            }
            Err(why) => Ok(Err(why)),
        }
    }

    async fn sealed<T: Tx>(
        &self,
        tx: &mut T,
        release: &Release,
    ) -> Result<SealedHardware<S::Sealed>, Undecided> {
        let (token, parameters) = (release.token(), release.parameters());
        let damaged = |field| SqlError::damaged("hardware", token.as_str(), field);
        let row = tx
            .row::<(Vec<u8>, i64)>(
                "SELECT seed, version FROM hardware WHERE serial = $1",
                &vals![token.as_str()],
            )
            .await?;
        let (seed, version) = row.ok_or_else(|| damaged("seed"))?;
        let version = u64::try_from(version).map_err(|_| damaged("version"))?;
        let seed = self
            .keys
            .open_seed(SeedOf::Hardware, token, version, seed)?;
        let sealed = self.seal.seal(&seed, token, parameters);
        let sealed = sealed.map_err(|why| Undecided::Unavailable(why.into()))?;
        Ok(SealedHardware { sealed, parameters })
    }
}

/// The flag, and whose the token is from now on. That it went out is part of the token's history.
async fn set_flag<T: Tx>(
    tx: &mut T,
    requester: &Requester,
    release: &Release,
) -> Result<(), SqlError> {
    let (subject, activation) = (release.token(), release.activation());
    tx.exec_one(
        "UPDATE hardware SET product = $2, activated = $3, account = $4
         WHERE serial = $1 AND activated IS NULL",
        &vals![
            subject.as_str(),
            activation.product.as_str(),
            activation.at,
            release.account().as_str()
        ],
    )
    .await?;
    let gateway = sender(activation.product, requester.through());
    let detail = owner_text(Some(release.account()));
    let (action, subject) = ("activate-hardware", subject.as_str());
    record(tx, &gateway, action, subject, &detail, activation.at).await
}

pub(super) struct ResetActivation {
    pub(super) actor: Actor,
    pub(super) token: TokenSerial,
    pub(super) reason: Box<str>,
    pub(super) now: Timestamp,
}

impl Work for ResetActivation {
    type Out = HardwareActivation;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<HardwareActivation, Failure<DeskRefusal>> {
        let refused = |why| Failure::Refused(why);
        let found = find(tx, self.token).await?;
        let found = found.ok_or_else(|| refused(DeskRefusal::TokenUnknown(self.token)))?;
        let activation = found.token.activation;
        let ended =
            activation.ok_or_else(|| refused(DeskRefusal::HardwareNotActivated(self.token)))?;
        let subject = self.token.as_str();
        tx.exec_one(
            "UPDATE hardware SET product = NULL, activated = NULL WHERE serial = $1",
            &vals![subject],
        )
        .await?;
        let (actor, reason) = (&self.actor, &self.reason);
        record(tx, actor, "reset-activation", subject, reason, self.now).await?;
        Ok(ended)
    }
}

pub(super) struct ShowHardware {
    pub(super) serial: TokenSerial,
}

impl Work for ShowHardware {
    type Out = HardwareToken;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<HardwareToken, Failure<DeskRefusal>> {
        let token = hardware_token(tx, self.serial).await?;
        token.ok_or(Failure::Refused(DeskRefusal::TokenUnknown(self.serial)))
    }
}

pub(super) struct ListHardware {
    pub(super) account: AccountName,
    pub(super) after: Option<TokenSerial>,
}

impl Work for ListHardware {
    type Out = Vec<HardwareToken>;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Vec<HardwareToken>, Failure<DeskRefusal>> {
        demand_account(tx, &self.account).await?;
        let after = self.after.as_ref().map_or("", TokenSerial::as_str);
        let rows = tx
            .rows::<HardwareRow>(
                concat!(
                    "SELECT ",
                    hardware_columns!(),
                    " FROM hardware WHERE account = $1 AND serial > $2 ORDER BY serial LIMIT $3"
                ),
                &vals![self.account.as_str(), after, HARDWARE_MAX],
            )
            .await?;
        Ok(rows.into_iter().map(|row| row.token).collect())
    }
}

/// A hardware token of the stock.
pub(super) async fn hardware_token<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
) -> Result<Option<HardwareToken>, SqlError> {
    Ok(find(tx, serial).await?.map(|row| row.token))
}

fn demand_good(bad: &[BadLine], on_bad_line: OnBadLine) -> Result<(), Failure<DeskRefusal>> {
    if bad.is_empty() || on_bad_line == OnBadLine::Skip {
        Ok(())
    } else {
        Err(Failure::Refused(DeskRefusal::BadLines(bad.to_vec())))
    }
}

fn owner_text(account: Option<&AccountName>) -> String {
    match account {
        Some(account) => format!("account \"{account}\""),
        None => "any account".to_owned(),
    }
}

async fn insert<T: Tx>(
    tx: &mut T,
    keys: &Keys,
    token: &NewHardware,
    account: Option<&AccountName>,
    now: Timestamp,
) -> Result<(), Undecided> {
    let NewHardware { serial, record } = token;
    let Parameters {
        kind,
        digest,
        digits,
    } = record.parameters;
    let period_s = match kind {
        Kind::Totp(period) => Some(period.secs()),
        Kind::Hotp => None,
    };
    let sealed = keys.seal_seed(SeedOf::Hardware, *serial, FIRST_VERSION, &record.seed)?;
    tx.exec_one(
        "INSERT INTO hardware
             (serial, maker_serial, account, period_s, digits, digest, version, seed, imported)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &vals![
            serial.as_str(),
            record.serial.as_str(),
            account.map(AccountName::as_str),
            period_s,
            u32::from(digits.count()),
            digest_text(digest),
            FIRST_VERSION.cast_signed(),
            sealed.as_bytes(),
            now,
        ],
    )
    .await?;
    Ok(())
}

/// Those of `serials` that are in stock.
async fn stock_of<T: Tx>(
    tx: &mut T,
    serials: Vec<TokenSerial>,
) -> Result<BTreeMap<TokenSerial, HardwareToken>, SqlError> {
    let mut stock = BTreeMap::new();
    for serial in serials {
        if let Some(row) = find(tx, serial).await? {
            stock.insert(serial, row.token);
        }
    }
    Ok(stock)
}

async fn find<T: Tx>(tx: &mut T, serial: TokenSerial) -> Result<Option<HardwareRow>, SqlError> {
    tx.row(
        concat!(
            "SELECT ",
            hardware_columns!(),
            " FROM hardware WHERE serial = $1"
        ),
        &vals![serial.as_str()],
    )
    .await
}

struct HardwareRow {
    token: HardwareToken,
}

impl FromRow for HardwareRow {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let key: String = row.get(0)?;
        let damaged = |field| SqlError::damaged("hardware", key.as_str(), field);
        let maker: String = row.get(1)?;
        let owner: Option<String> = row.get(2)?;
        let product: Option<String> = row.get(7)?;
        let activation = match (product, row.get(8)?) {
            (Some(product), Some(at)) => Some(HardwareActivation {
                product: identifier(&product, "hardware", &key, "product")?,
                at,
            }),
            (None, None) => None,
            _ => return Err(damaged("activated")),
        };
        let token = HardwareToken {
            serial: identifier(&key, "hardware", &key, "serial")?,
            maker_serial: MakerSerial::parse(&maker).map_err(|_| damaged("maker_serial"))?,
            account: owner
                .map(|name| account(&name, "hardware", &key))
                .transpose()?,
            parameters: parameters(row).ok_or_else(|| damaged("parameters"))?,
            imported: row.get(6)?,
            activation,
        };
        Ok(Self { token })
    }
}

/// A token without a period is event-based.
fn parameters(row: &Row<'_>) -> Option<Parameters> {
    let kind = match row.get::<Option<u32>>(3).ok()? {
        Some(period_s) => Kind::Totp(Period::new(period_s).ok()?),
        None => Kind::Hotp,
    };
    let digits = u8::try_from(row.get::<u32>(4).ok()?).ok()?;
    let digest: String = row.get(5).ok()?;
    Some(Parameters {
        kind,
        digits: Digits::new(digits).ok()?,
        digest: [Digest::Sha1, Digest::Sha256, Digest::Sha512]
            .into_iter()
            .find(|&known| digest_text(known) == digest)?,
    })
}

fn digest_text(digest: Digest) -> &'static str {
    match digest {
        Digest::Sha1 => "sha1",
        Digest::Sha256 => "sha256",
        Digest::Sha512 => "sha512",
    }
}
