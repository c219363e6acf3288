//! The stock of hardware tokens: seeds come in, and may be given once more.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use data_encoding::HEXLOWER_PERMISSIVE;
use domain::audit::Actor;
use domain::intake::{self, BadLine, LineFault};
use domain::licensing::{AccountName, Remark};
use ident::TokenSerial;
use otp::seed_file::pskc::{self, Unlock};
use otp::seed_file::{Entry, FileError, Form, MakerSerial, SeedRecord, csv, serials, text};
use otp::{Digits, Kind, Parameters, Period};
use registry::{Desk, HARDWARE_HEAD, HardwareLine, HardwareSheet};
use serde::Serialize;
use serde_json::json;
use store::registry::{OnBadLine, Taken};
use zeroize::Zeroizing;

use super::answer::{Answer, moment};
use super::command::{Why, account_name};
use super::parcel::Content;

const FROM_TAKES_SERIALS: &str =
    "--from is for a list of serials: what has a seed comes into stock as nobody's";

#[derive(Debug, Subcommand)]
pub(super) enum HardwareCommand {
    /// Take hardware tokens with their seeds into stock, or say whose tokens of the stock are
    ImportHardware(ImportHardware),
    /// List the hardware tokens of a customer by serial, a thousand at a time
    ListHardware {
        /// Whose
        #[arg(value_parser = account_name)]
        account: AccountName,
        /// Those behind this token
        #[arg(long, value_name = "SERIAL", value_parser = hardware_serial)]
        after: Option<TokenSerial>,
    },
    /// Let a hardware token's seed be given once more
    ResetActivation {
        /// The hardware token
        #[arg(value_parser = hardware_serial)]
        serial: TokenSerial,
        #[command(flatten)]
        why: Why,
    },
}

impl HardwareCommand {
    /// The files whose content goes along with it.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let import = match self {
            Self::ImportHardware(import) => Some(import),
            Self::ListHardware { .. } | Self::ResetActivation { .. } => None,
        };
        import.into_iter().flat_map(ImportHardware::files)
    }

    /// The customers that it names.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &AccountName> {
        let import = match self {
            Self::ImportHardware(import) => Some(import),
            Self::ListHardware { .. } | Self::ResetActivation { .. } => None,
        };
        import
            .into_iter()
            .flat_map(|it| it.account.iter().chain(&it.from))
    }

    pub(super) async fn carry_out(
        self,
        files: Vec<Content>,
        actor: Actor,
        desk: &Desk,
    ) -> Result<Answer> {
        match self {
            Self::ImportHardware(import) => import.carry_out(files, actor, desk).await,
            Self::ListHardware { account, after } => list(account, after, desk).await,
            Self::ResetActivation { serial, why } => {
                reset_activation(serial, &why.reason, actor, desk).await
            }
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct ImportHardware {
    /// A key container (PSKC, RFC 6030), a table of serials and seeds, or a list of serials
    file: PathBuf,
    /// What it is; else its content tells
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// File with the AES key of an encrypted key container, in hexadecimal or as it is
    #[arg(long, value_name = "FILE", conflicts_with = "password_file")]
    key_file: Option<PathBuf>,
    /// File with the password of an encrypted key container
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Whose they are; else the first customer's whose gateway activates them
    #[arg(long, value_parser = account_name)]
    account: Option<AccountName>,
    /// Whose the tokens of a list of serials are so far, if they are somebody's
    #[arg(long, value_name = "ACCOUNT", requires = "account", value_parser = account_name)]
    from: Option<AccountName>,
    /// Seconds for which a code lasts, for a table that does not say
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = period)]
    period: Period,
    /// Digits of a code, for a table that does not say
    #[arg(long, default_value = "6", value_parser = digits)]
    digits: Digits,
    /// Take what can be used of a file with bad lines; else nothing of it
    #[arg(long)]
    skip_bad: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// Key container, RFC 6030
    Pskc,
    /// Table of serials and seeds
    Csv,
    /// Serials of tokens in stock, one a line: they become the account's
    Serials,
}

impl Format {
    fn of(text: &str) -> Self {
        match Form::of(text) {
            Form::Container => Self::Pskc,
            Form::Table => Self::Csv,
            Form::Serials => Self::Serials,
        }
    }
}

impl ImportHardware {
    /// In the order in which [`Self::carry_out`] takes them.
    fn files(&self) -> impl Iterator<Item = &Path> {
        let secret = self.key_file.as_ref().or(self.password_file.as_ref());
        [Some(&self.file), secret]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
    }

    /// Whether tokens of one customer become another's.
    pub(super) fn is_transfer(&self) -> bool {
        self.from.is_some()
    }

    async fn carry_out(self, files: Vec<Content>, actor: Actor, desk: &Desk) -> Result<Answer> {
        let on_bad_line = if self.skip_bad {
            OnBadLine::Skip
        } else {
            OnBadLine::Refuse
        };
        let (account, from) = (self.account.clone(), self.from.clone());
        // A password costs up to seconds of key derivation.
        let read = tokio::task::spawn_blocking(move || self.read(&files)).await??;
        let (taken, done) = match read {
            Read::Seeds(_) if from.is_some() => bail!(FROM_TAKES_SERIALS),
            Read::Seeds(entries) => {
                let taken = desk.import_hardware(actor, entries, account, on_bad_line);
                (taken.await?, "taken into stock")
            }
            Read::Serials(entries) => {
                let account = account.context(
                    "a list of serials says which tokens of the stock are whose: give --account; \
                     tokens come into stock with their seeds",
                )?;
                let taken = desk.assign_hardware(actor, entries, account, from, on_bad_line);
                (taken.await?, "assigned")
            }
        };
        told(&taken, done)
    }

    fn read(&self, files: &[Content]) -> Result<Read> {
        let [file, secret @ ..] = files else {
            bail!("the content of the file did not come along");
        };
        let text = text(file)?;
        let format = self.format.unwrap_or_else(|| Format::of(text));
        let unlocks = self.key_file.is_some() || self.password_file.is_some();
        if unlocks && format != Format::Pskc {
            bail!("only key containers (--format pskc) are encrypted");
        }
        Ok(match format {
            Format::Pskc => Read::Seeds(self.container(text, secret)?),
            Format::Csv => Read::Seeds(csv::read(text, self.defaults())?),
            Format::Serials => Read::Serials(serials::read(text)?),
        })
    }

    fn container(&self, text: &str, secret: &[Content]) -> Result<Vec<Entry<SeedRecord>>> {
        let entries = match secret {
            [] => pskc::read(text, Unlock::Nothing),
            [secret, ..] if self.key_file.is_some() => {
                let key = aes_key(secret)
                    .context("--key-file: 16, 24 or 32 octets, as they are or in hexadecimal")?;
                pskc::read(text, Unlock::Key(&key))
            }
            [secret, ..] => {
                let password = str::from_utf8(secret).context("--password-file: no text")?;
                let password = password.trim_end_matches(['\r', '\n']);
                pskc::read(text, Unlock::Password(password))
            }
        };
        entries.map_err(named)
    }

    fn defaults(&self) -> Parameters {
        Parameters {
            kind: Kind::Totp(self.period),
            digits: self.digits,
            ..Parameters::default()
        }
    }
}

/// Refuses what may hold seeds, on whichever line: everybody at the desk can read what waits for another agent.
pub(super) fn demand_serials(files: &[Content]) -> Result<()> {
    let [list] = files else {
        bail!(FROM_TAKES_SERIALS);
    };
    let text = text(list)?;
    ensure!(Form::of(text) == Form::Serials, FROM_TAKES_SERIALS);
    let (_, bad) = intake::listed(serials::read(text)?, |_| None);
    let is_no_serial =
        |bad: &&BadLine| matches!(bad.why, LineFault::File(_) | LineFault::Serial(_));
    match bad.iter().find(is_no_serial) {
        Some(bad) => bail!(
            "line {} is no serial, and a file waits whole for another agent, where all at the desk read it: import \
             seeds by themselves, without --from, and list the serials",
            bad.line
        ),
        None => Ok(()),
    }
}

/// What a file tells.
enum Read {
    Seeds(Vec<Entry<SeedRecord>>),
    Serials(Vec<Entry<MakerSerial>>),
}

/// The library knows what a container needs, and not how it is given here.
fn named(error: FileError) -> anyhow::Error {
    use pskc::ContainerError::{NeedsKey, NeedsPassword};
    let option = match error {
        FileError::Container(NeedsKey) => "--key-file FILE",
        FileError::Container(NeedsPassword) => "--password-file FILE",
        _ => return error.into(),
    };
    anyhow::anyhow!("{error}; give it with {option}")
}

fn aes_key(octets: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let is_key = |key: &[u8]| matches!(key.len(), 16 | 24 | 32);
    let hex = octets.trim_ascii();
    let decoded = HEXLOWER_PERMISSIVE.decode(hex).map(Zeroizing::new);
    match decoded {
        Ok(key) if is_key(&key) => Some(key),
        _ => is_key(octets).then(|| Zeroizing::new(octets.to_vec())),
    }
}

fn told(taken: &Taken, done: &str) -> Result<Answer> {
    let mut text = String::new();
    for bad in &taken.skipped {
        writeln!(text, "line {} is left out: {}", bad.line, bad.why)?;
    }
    let count = match taken.tokens.len() {
        1 => "1 token is".to_owned(),
        tokens => format!("{tokens} tokens are"),
    };
    match (taken.tokens.first(), taken.tokens.last()) {
        (Some(first), Some(last)) if first != last => {
            writeln!(text, "{count} {done}, {first} to {last}")?;
        }
        (Some(only), _) => writeln!(text, "{count} {done}, {only}")?,
        (None, _) => writeln!(text, "{count} {done}")?,
    }
    let skipped = taken.skipped.iter();
    let skipped: Vec<_> = skipped
        .map(|bad| json!({ "line": bad.line, "reason": bad.why.to_string() }))
        .collect();
    let tokens: Vec<_> = taken.tokens.iter().map(TokenSerial::as_str).collect();
    let data = json!({ "tokens": tokens, "left_out": skipped });
    Ok(Answer::new(text, &data)?)
}

async fn list(account: AccountName, after: Option<TokenSerial>, desk: &Desk) -> Result<Answer> {
    let tokens = desk.list_hardware(account.clone(), after).await?;
    let mut text = format!("{HARDWARE_HEAD}\n");
    for token in &tokens {
        write!(text, "{}", HardwareLine(token))?;
    }
    let tokens: Vec<_> = tokens.iter().map(HardwareView::from).collect();
    let data = json!({ "account": account.as_str(), "hardware": tokens });
    Ok(Answer::new(text, &data)?)
}

async fn reset_activation(
    serial: TokenSerial,
    reason: &Remark,
    actor: Actor,
    desk: &Desk,
) -> Result<Answer> {
    let ended = desk
        .reset_activation(actor, serial, reason.as_str())
        .await?;
    let (product, at) = (ended.product, ended.at);
    let text = format!(
        "token {serial} can be activated once more; {product} has had its seed since {at}\n\n\
         On the gateway: diagnose fortitoken debug enable\n\
         \x20               diagnose debug enable\n\
         \x20               execute fortitoken activate {serial}\n"
    );
    let data = json!({
        "token": serial.as_str(),
        "activated_by": product.as_str(),
        "activated": moment(at),
    });
    Ok(Answer::new(text, &data)?)
}

/// A hardware token, for a program.
#[derive(Serialize)]
pub(super) struct HardwareView {
    token: String,
    maker_serial: String,
    account: Option<String>,
    kind: &'static str,
    digits: u8,
    period_s: Option<u32>,
    in_stock: String,
    activated_by: Option<String>,
    activated: Option<String>,
}

impl From<&HardwareSheet> for HardwareView {
    fn from(HardwareSheet(token): &HardwareSheet) -> Self {
        let (kind, period_s) = match token.parameters.kind {
            Kind::Totp(period) => ("totp", Some(period.secs())),
            Kind::Hotp => ("hotp", None),
        };
        let activation = token.activation;
        Self {
            token: token.serial.to_string(),
            maker_serial: token.maker_serial.as_str().to_owned(),
            account: token.account.as_ref().map(AccountName::to_string),
            kind,
            digits: token.parameters.digits.count(),
            period_s,
            in_stock: moment(token.imported),
            activated_by: activation.map(|it| it.product.to_string()),
            activated: activation.map(|it| moment(it.at)),
        }
    }
}

/// Of this family or of another maker.
pub(super) fn hardware_serial(text: &str) -> Result<TokenSerial, String> {
    TokenSerial::of_device(text).map_err(|error| error.to_string())
}

fn period(text: &str) -> Result<Period, String> {
    let seconds = text.parse().map_err(|_| format!("'{text}' is no number"))?;
    Period::new(seconds).map_err(|error| error.to_string())
}

fn digits(text: &str) -> Result<Digits, String> {
    let count = text.parse().map_err(|_| format!("'{text}' is no number"))?;
    Digits::new(count).map_err(|error| error.to_string())
}
