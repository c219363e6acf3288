//! The commands of `symbolon app`.

use crate::activation::{Order, activate, settle_receipts, typed_codes_server};
use crate::args::{Add, Args, Backup, BackupFile, Command, Live, Transfer};
use crate::contents::{Authority, Contents, ReceiptState, Token, TokenName};
use crate::device::Device;
use crate::disk::{self, failed};
use crate::error::AppError;
use crate::offer::{Offer, Source};
use crate::pin::{Pin, PinError};
use crate::registry::Registry;
use crate::run_transfer::{Start, Waits};
use crate::vault::{BindingKind, Effort, Folder, Found, OpenVault, Places};
use crate::{live, push, run_backup, run_push, run_transfer, screen};
use otp::export_code::ExportCode;
use otp::{Kind, Step};
use softtoken::transfer::Action;
use std::env;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// What the commands see of the world.
pub struct Surroundings<'a> {
    /// Where the results go.
    pub out: &'a mut (dyn Write + Send),
    /// Where goes what is told besides.
    pub notes: &'a mut (dyn Write + Send),
    /// The time in seconds after the epoch.
    pub now_unix: &'a (dyn Fn() -> u64 + Sync),
    /// What opening a new vault costs.
    pub effort: Effort,
    /// The machine's id, usually `/etc/machine-id`.
    pub machine_id: PathBuf,
}

/// A line of text, a certificate file: nothing that a person names is larger.
pub(crate) const MAX_TEXT_FILE_BYTES: usize = 1 << 20;

/// Runs one command.
pub async fn run(args: Args, mut world: Surroundings<'_>) -> Result<(), AppError> {
    let pins = PinSource(LineSource(args.pin_file));
    let places = places(args.data, args.secrets, &world.machine_id);
    match args.command.unwrap_or(Command::Live(Live::default())) {
        Command::Live(live) => live::run(live, places, &pins, &world).await,
        Command::Add(add) => run_add(add, places, &pins, &mut world).await,
        Command::List => {
            let vault = open(places, &pins)?;
            write!(world.out, "{}", screen::list(vault.contents.tokens()))?;
            Ok(())
        }
        Command::Code { name, watch: false } => {
            show_codes(places, &pins, name.as_deref(), &mut world).await
        }
        Command::Code { name, watch: true } => {
            watch_codes(places, &pins, name.as_deref(), &mut world).await
        }
        Command::Rename { old, new } => {
            let new = TokenName::parse(&new)?;
            let mut vault = open(places, &pins)?;
            vault.contents.rename(&old, new)?;
            Ok(vault.save()?)
        }
        Command::Remove { name } => {
            let mut vault = open(places, &pins)?;
            let token = vault.contents.remove(&name)?;
            vault.save()?;
            writeln!(world.out, "{} ({}) is deleted.", token.name(), token.mark())?;
            Ok(())
        }
        Command::Push(push) => {
            // Others may use the vault while logins are waited for.
            let vault = open_confirming(places, &pins, &mut world).await?;
            let contents = vault.into_contents();
            run_push::run(push, &contents, &mut world).await
        }
        Command::Transfer(transfer) => run_transfer(transfer, places, &pins, &mut world).await,
        Command::Backup(backup) => run_backup(backup, places, &pins, &mut world).await,
        Command::Pin { new_pin_file } => {
            let mut vault = open(places, &pins)?;
            change_pin(&mut vault, &PinSource(LineSource(new_pin_file)))
        }
    }
}

/// To one that all issuers here take.
fn change_pin(vault: &mut OpenVault, new: &PinSource) -> Result<(), AppError> {
    let strictest = vault.contents.strictest();
    let needed = strictest.map_or(Pin::MIN_DIGITS, Token::least_pin_digits);
    let pin = new.choose(&format!(
        "New PIN of {needed} to {} digits",
        Pin::MAX_DIGITS
    ))?;
    if let Some(token) = strictest.filter(|_| pin.digits() < needed) {
        let issuer = token.issuer().clone();
        return Err(AppError::NewPinTooShort { issuer, needed });
    }
    Ok(vault.change_pin(&pin)?)
}

/// Whoever moves a token proves the PIN first.
async fn run_transfer(
    transfer: Transfer,
    places: Places,
    pins: &PinSource,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    match transfer {
        Transfer::Take(add) => run_add(add, places, pins, world).await,
        Transfer::Start {
            name,
            show,
            no_wait,
        } => {
            let start = Start {
                action: if show {
                    Action::BeginShown
                } else {
                    Action::BeginMailed
                },
                waits: if no_wait { Waits::No } else { Waits::UntilGone },
            };
            let vault = open_confirming(places, pins, world).await?;
            run_transfer::start(start, &name, &vault, world).await
        }
        Transfer::Status { name } => {
            let vault = open_confirming(places, pins, world).await?;
            run_transfer::status(&name, &vault, world).await
        }
        Transfer::Cancel { name } => {
            let vault = open_confirming(places, pins, world).await?;
            run_transfer::cancel(&name, &vault, world).await
        }
    }
}

async fn run_backup(
    backup: Backup,
    places: Places,
    pins: &PinSource,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    match backup {
        Backup::Save(BackupFile {
            file,
            passphrase_file,
        }) => {
            let vault = open(places, pins)?;
            run_backup::save(&file, &LineSource(passphrase_file), &vault, world)
        }
        Backup::Restore(BackupFile {
            file,
            passphrase_file,
        }) => {
            let backup = run_backup::opened(&file, &LineSource(passphrase_file))?;
            let mut vault = open_or_create(places, pins, world)?;
            run_backup::restore(backup, &mut vault, world).await
        }
    }
}

async fn run_add(
    add: Add,
    places: Places,
    pins: &PinSource,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    let name = add.name.as_deref().map(TokenName::parse).transpose()?;
    let source = match Offer::of(&add)? {
        Offer::Activation(source) => source,
        Offer::Foreign(code) => return add_foreign(code, name.as_ref(), places, pins, world),
    };
    let mut vault = open_or_create(places, pins, world)?;
    if let Some(name) = &name {
        vault.contents.check_name(name)?;
    }
    let Source {
        code,
        link_secret,
        server,
    } = source;
    let server = server.map_or_else(|| typed_codes_server(&vault.contents), Ok)?;
    let registry = Registry::new(server)?;
    let order = Order {
        code,
        link_secret,
        name,
        authority: if add.new_authority {
            Authority::New
        } else {
            Authority::Known
        },
    };
    let token = activate(&mut vault, &registry, order, world.now_unix).await?;
    let state = match vault.contents.receipt_of(&token.serial) {
        ReceiptState::Confirmed => "ready",
        ReceiptState::Owed | ReceiptState::Refused => "stored",
    };
    writeln!(
        world.out,
        "{} is {state}. Its codes: symbolon app code \"{}\"",
        token.serial, token.name
    )?;
    tell_receipts(&vault.contents, world)?;
    push::introduce(&vault.contents, &[token.serial], (world.now_unix)()).await;
    Ok(())
}

/// Tokens of other issuers are here at once: nobody has to be asked.
fn add_foreign(
    code: ExportCode,
    name: Option<&TokenName>,
    places: Places,
    pins: &PinSource,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    if name.is_some() && code.tokens.len() > 1 {
        return Err(AppError::NameOfSeveral(code.tokens.len()));
    }
    let mut vault = open_or_create(places, pins, world)?;
    let now_unix = (world.now_unix)();
    let taken_in = vault.contents.put_all_foreign(code, name, now_unix)?;
    vault.save()?;
    for name in taken_in.added {
        writeln!(
            world.out,
            "{name} is ready. Its codes: symbolon app code \"{name}\""
        )?;
    }
    if let Some(progress) = taken_in.progress {
        writeln!(world.notes, "{progress}")?;
    }
    Ok(())
}

/// Codes of the named token, or of all time-based ones: showing an event-based code uses it up.
async fn show_codes(
    places: Places,
    pins: &PinSource,
    name: Option<&str>,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    let mut vault = open(places, pins)?;
    if let Some(name) = name.filter(|name| is_event_based(&vault.contents, name)) {
        let step = vault.contents.advance(name)?;
        vault.save()?;
        let token = vault.contents.token(name)?;
        writeln!(world.out, "{}", screen::counted_code(token, step))?;
    } else {
        let lines = timed_lines(&vault.contents, name, (world.now_unix)())?;
        writeln!(world.out, "{}", lines.join("\n"))?;
    }
    // Codes are shown at once, also where no server is reached.
    confirm(&mut vault, world).await
}

/// Redraws once a second until interrupted.
async fn watch_codes(
    places: Places,
    pins: &PinSource,
    name: Option<&str>,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    let vault = open_confirming(places, pins, world).await?;
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut drawn = 0;
    loop {
        tokio::select! {
            result = &mut interrupted => {
                // The shell's prompt comes below the codes.
                write!(world.out, "{}", "\n".repeat(drawn))?;
                return Ok(result?);
            }
            _ = interval.tick() => {}
        }
        let lines = timed_lines(&vault.contents, name, (world.now_unix)())?;
        drawn = lines.len();
        for line in &lines {
            // Erase to the end of the line (ECMA-48 EL): the line before may have been longer.
            writeln!(world.out, "{line}\x1b[K")?;
        }
        write!(world.out, "\x1b[{drawn}A")?;
        world.out.flush()?;
    }
}

fn timed_lines(
    contents: &Contents,
    name: Option<&str>,
    now_unix: u64,
) -> Result<Vec<String>, AppError> {
    let named = name.map(|name| contents.token(name)).transpose()?;
    let tokens = named.map_or(contents.tokens(), std::slice::from_ref);
    if tokens.is_empty() {
        return Err(AppError::NoVault);
    }
    let lines: Vec<_> = tokens
        .iter()
        .filter_map(|token| timed_line(token, now_unix))
        .collect();
    if lines.is_empty() {
        return Err(AppError::NothingTimed);
    }
    Ok(lines)
}

fn timed_line(token: &Token, now_unix: u64) -> Option<String> {
    match token.parameters().kind {
        Kind::Totp(period) => {
            let step: Step = period.step_at(now_unix);
            Some(screen::timed_code(token, step, period, now_unix))
        }
        Kind::Hotp => None,
    }
}

fn is_event_based(contents: &Contents, name: &str) -> bool {
    contents
        .token(name)
        .is_ok_and(|token| token.parameters().kind == Kind::Hotp)
}

fn open(places: Places, pins: &PinSource) -> Result<OpenVault, AppError> {
    match Folder::lock(places)?.look()? {
        Found::Nothing(_) => Err(AppError::NoVault),
        Found::Vault(vault) => Ok(vault.open(&pins.ask("PIN")?)?),
    }
}

fn open_or_create(
    places: Places,
    pins: &PinSource,
    world: &mut Surroundings<'_>,
) -> Result<OpenVault, AppError> {
    let folder = match Folder::lock(places)?.look()? {
        Found::Vault(vault) => return Ok(vault.open(&pins.ask("PIN")?)?),
        Found::Nothing(folder) => folder,
    };
    let pin = pins.choose("Choose a PIN of 4 to 8 digits")?;
    let vault = folder.create(&pin, world.effort, Contents::new(Device::generate()?))?;
    let machine = match vault.binding_kind() {
        BindingKind::SecretFile => "this machine has no machine id".to_owned(),
        BindingKind::SecretFileAndMachineId => format!("with {}", world.machine_id.display()),
    };
    writeln!(
        world.out,
        "Made {}. It opens with the PIN and {} ({machine}).",
        vault.path().display(),
        vault.secret_path().display(),
    )?;
    Ok(vault)
}

/// Where PINs come from: a file, standard input, or the terminal.
pub(crate) struct PinSource(LineSource);

/// Where a line that nobody else may see comes from: a file, standard input, or the terminal.
pub(crate) struct LineSource(Option<PathBuf>);

impl PinSource {
    /// Whether nobody has to type them.
    pub(crate) fn is_file(&self) -> bool {
        self.0.is_file()
    }

    pub(crate) fn ask(&self, prompt: &str) -> Result<Pin, AppError> {
        Ok(Pin::parse(self.0.line(prompt)?.trim())?)
    }

    /// A new PIN; on a terminal it is entered twice.
    fn choose(&self, prompt: &str) -> Result<Pin, AppError> {
        let first = self.0.line(prompt)?;
        if !self.is_file() && *self.0.line("The same PIN again")? != *first {
            return Err(PinError::Mismatch.into());
        }
        Ok(Pin::parse(first.trim())?)
    }
}

impl LineSource {
    /// Whether nobody has to type it.
    pub(crate) fn is_file(&self) -> bool {
        self.0.is_some()
    }

    /// Without its end alone: a blank may be part of a passphrase.
    pub(crate) fn line(&self, prompt: &str) -> Result<Zeroizing<String>, AppError> {
        let text = match &self.0 {
            None => Zeroizing::new(rpassword::prompt_password(format!("{prompt}: "))?),
            Some(path) if path.as_os_str() == "-" => {
                let mut line = Zeroizing::new(String::with_capacity(64));
                io::stdin().lock().read_line(&mut line)?;
                line
            }
            Some(path) => {
                let bytes = read_named(path, MAX_TEXT_FILE_BYTES)?;
                let text = str::from_utf8(&bytes).map_err(|_| AppError::NotText(path.clone()))?;
                Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())
            }
        };
        Ok(Zeroizing::new(
            text.trim_end_matches(['\r', '\n']).to_owned(),
        ))
    }
}

pub(crate) fn read_named(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, AppError> {
    let missing = || failed("open", path)(io::ErrorKind::NotFound.into());
    Ok(disk::read_bounded(path, limit)?.ok_or_else(missing)?)
}

/// The directories, by default those of the XDG Base Directory Specification.
fn places(data: Option<PathBuf>, secrets: Option<PathBuf>, machine_id: &Path) -> Places {
    let default = |variable: &str, below_home: &str| {
        let base = env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        let home = || env::home_dir().unwrap_or_default().join(below_home);
        base.unwrap_or_else(home).join("symbolon-app")
    };
    Places {
        data: data.unwrap_or_else(|| default("XDG_DATA_HOME", ".local/share")),
        secrets: secrets.unwrap_or_else(|| default("XDG_CONFIG_HOME", ".config")),
        machine_id: machine_id.to_owned(),
    }
}

/// Opens the vault, and tells registries what they have not heard yet: a token that moves here is not here before.
async fn open_confirming(
    places: Places,
    pins: &PinSource,
    world: &mut Surroundings<'_>,
) -> Result<OpenVault, AppError> {
    let mut vault = open(places, pins)?;
    confirm(&mut vault, world).await?;
    Ok(vault)
}

async fn confirm(vault: &mut OpenVault, world: &mut Surroundings<'_>) -> Result<(), AppError> {
    settle_receipts(vault).await?;
    tell_receipts(&vault.contents, world)
}

/// Which tokens are not known to be here, or did not come here.
pub(crate) fn tell_receipts(
    contents: &Contents,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    for owed in contents.owed_receipts() {
        writeln!(
            world.notes,
            "The token server {} does not know yet that {} is stored here: it was not reached. If the token came \
             from another device, that one works until then.",
            owed.server.url, owed.token
        )?;
    }
    for token in contents.tokens_with_receipt(ReceiptState::Refused) {
        writeln!(
            world.notes,
            "The token server refused that {} ({}) is here: that came too late, or another code was made for it. If it \
             was to move here from another device it did not, and its codes are refused: ask for a new code.",
            token.name(),
            token.mark()
        )?;
    }
    Ok(())
}
